//===- StagedBlocks.cpp - Quantized rows through shared memory ------------===//
//
// Neighbouring lanes copy neighbouring pieces of 16 bytes:
//
//   memory   | row: 16 bytes of lane 0 | lane 1 | ... | lane 31 | lane 0 | ...
//   shared   | the same; then lane i decodes block i of the step
//
// What is copied is the sectors that hold a row's step (WindowCopy.h), by
// cp.async, which holds no register and so lets all of a step be on its way at
// once. Two slots where there is more than one step. Floor: the bytes of the
// rows, each asked for once; a sector in which a step or row ends, twice.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/StagedBlocks.h"

#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/TensorCore.h"
#include "kernels/nvptx/WindowCopy.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

StagedBlocks::StagedBlocks(KernelFunction &f,
                           ArrayRef<kernel::DecoderOp> decoders,
                           int64_t columns, const MatvecSteps &team)
    : f(f), columns(columns), team(team) {
  for (kernel::DecoderOp decoder : decoders) {
    Row &row = rows.emplace_back();
    if (!decoder)
      continue;
    row.windows = {*llama::elementType(decoder.getType()), columns,
                   team.stepElements()};
    row.offset = slotBytes;
    slotBytes += row.windows->bytes();
  }
}

int64_t StagedBlocks::steps() const {
  return llvm::divideCeil(columns, team.stepElements());
}

/// Most shared memory of a block for two slots of all its teams; where two take
/// more there is one. Every GPU has it; whether more pays on those that have
/// more was not measured.
static constexpr int64_t mostStagedBytes = 96 * 1024;

int64_t StagedBlocks::slots() const {
  return steps() > 1 && 2 * slotBytes * team.teams <= mostStagedBytes ? 2 : 1;
}

Value StagedBlocks::slot(Value step) {
  return slots() == 1 ? memory
                      : f.element(memory, f.modulo(step, slots()), slotBytes);
}

void StagedBlocks::begin(Value ofTeam, ArrayRef<WeightRow> ofRows) {
  memory = ofTeam;
  weights.assign(ofRows.begin(), ofRows.end());
  if (slots() > 1)
    ask(f.i32(0));
}

void StagedBlocks::ask(Value step) {
  for (auto [row, weight] : llvm::zip_equal(rows, weights))
    if (row.windows)
      WindowCopy(f, *row.windows, weight.index, step)
          .start(weight.weight, f.at(slot(step), row.offset),
                 f.lane(team.lanes), team.lanes);
  commitCopies(f);
}

void StagedBlocks::await(Value step) {
  if (slots() > 1) {
    Value next = f.add(step, 1);
    f.when(f.less(next, f.i32(int32_t(steps()))), [&] { ask(next); });
    // The last step has nothing behind it that may be left pending.
    Value isLast = arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq, next,
                                         f.i32(int32_t(steps())));
    f.when(isLast, [&] { awaitCopies(f, 0); }, [&] { awaitCopies(f, 1); });
  } else {
    ask(step);
    awaitCopies(f, 0);
  }
  f.warpBarrier();
}

Value StagedBlocks::row(int64_t index, Value step) {
  const Row &row = rows[index];
  Value window = f.at(slot(step), row.offset);
  if (row.windows->areExact())
    return window;
  Value before =
      WindowCopy(f, *row.windows, weights[index].index, step).before();
  return f.element(window, before, 1);
}

void StagedBlocks::release() { f.warpBarrier(); }
