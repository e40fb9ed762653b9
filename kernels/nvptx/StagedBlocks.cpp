//===- StagedBlocks.cpp - Quantized rows through shared memory ------------===//
//
// Neighbouring lanes copy neighbouring pieces, as wide as the alignment of the
// rows allows:
//
//   memory   | row: 16 bytes of lane 0 | lane 1 | ... | lane 31 | lane 0 | ...
//   shared   | the same; then lane i decodes block i of the step
//
// A piece is copied by cp.async, which holds no register and so lets all of a
// step be on its way at once; only rows that are aligned to 2 bytes go through
// registers. Two slots where there is more than one step. Floor: the bytes of
// the rows, each asked for once.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/StagedBlocks.h"

#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/TensorCore.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

constexpr int64_t widestCopy = 16;

/// Largest power of two that divides both, 16 at most.
static int64_t commonWidth(int64_t left, int64_t right) {
  int64_t both = left | right | widestCopy;
  return both & -both;
}

StagedBlocks::StagedBlocks(KernelFunction &f,
                           ArrayRef<kernel::DecoderOp> decoders,
                           int64_t columns, const MatvecSteps &team)
    : f(f), columns(columns), stepElements(team.stepElements()),
      lanes(team.lanes), teams(team.teams) {
  for (kernel::DecoderOp decoder : decoders) {
    Row &row = rows.emplace_back();
    if (!decoder)
      continue;
    ElementType type = *llama::elementType(decoder.getType());
    row.blockElements = blockElements(type);
    row.blockBytes = blockBytes(type);
    row.stepBytes =
        std::min(stepElements, columns) / row.blockElements * row.blockBytes;
    row.width = commonWidth(rowBytes(row), row.stepBytes);
    row.offset = slotBytes;
    slotBytes += llvm::alignTo(uint64_t(row.stepBytes), widestCopy);
  }
}

int64_t StagedBlocks::rowBytes(const Row &row) const {
  return columns / row.blockElements * row.blockBytes;
}

int64_t StagedBlocks::steps() const {
  return llvm::divideCeil(columns, stepElements);
}

/// Most shared memory of a block for two slots of all its teams; where two take
/// more there is one. Every GPU has it; whether more pays on those that have
/// more was not measured.
static constexpr int64_t mostStagedBytes = 96 * 1024;

int64_t StagedBlocks::slots() const {
  return steps() > 1 && 2 * slotBytes * teams <= mostStagedBytes ? 2 : 1;
}

Value StagedBlocks::slot(Value step) {
  return slots() == 1 ? memory
                      : f.element(memory, f.modulo(step, slots()), slotBytes);
}

void StagedBlocks::begin(Value ofWarp, ArrayRef<Value> ofRows) {
  memory = ofWarp;
  addresses.assign(ofRows.begin(), ofRows.end());
  if (slots() > 1)
    ask(f.i32(0));
}

void StagedBlocks::ask(Value step) {
  for (auto [row, address] : llvm::zip_equal(rows, addresses))
    if (row.blockBytes)
      askRow(row, address, step);
  commitCopies(f);
}

void StagedBlocks::askRow(const Row &row, Value address, Value step) {
  int64_t most = row.stepBytes, ofRow = rowBytes(row);
  bool isRagged = ofRow % most != 0;
  int64_t together = row.width * lanes;
  Value inStep = f.mul(f.modulo(f.thread(), lanes), row.width);
  Value from = f.element(address, step, row.stepBytes);
  Value to = f.at(slot(step), row.offset);
  Value left; // bytes of the row from this step on
  if (isRagged)
    left = f.sub(f.i32(int32_t(ofRow)), f.mul(step, row.stepBytes));
  for (int64_t first = 0; first < most; first += together) {
    Value at = f.add(inStep, first);
    auto copy = [&] {
      Value source = f.element(from, at, 1), target = f.element(to, at, 1);
      if (row.width >= 4)
        return copyAsync(f, target, source, {}, row.width);
      Type piece = f.b.getIntegerType(unsigned(row.width) * 8);
      f.store(f.load(piece, source, row.width), target, row.width);
    };
    if (isRagged)
      f.when(f.less(at, f.minimum(left, f.i32(int32_t(most)))), copy);
    else if (first + together > most)
      f.when(f.less(at, f.i32(int32_t(most))), copy);
    else
      copy();
  }
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
  return f.at(slot(step), rows[index].offset);
}

void StagedBlocks::release() { f.warpBarrier(); }
