//===- Rowwise.cpp - Rows without a matrix, on a GPU ----------------------===//
//
// A tile is one token and the work of one block: neighbouring threads take
// neighbouring couples. A prologue's statistic costs one more pass over the row
// and a sum over the block; a quantized row is decoded, a block a thread, into
// shared memory first. Bound by the bytes of the row.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/Activations.h"
#include "kernels/nvptx/ArgmaxOverThreads.h"
#include "kernels/nvptx/RowSegment.h"
#include "kernels/nvptx/Skeletons.h"

#include <optional>

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Couple;
using kernel::Destination;

namespace {
/// Emits the tile of one token.
class RowwiseEmitter {
public:
  RowwiseEmitter(KernelFunction &f, kernel::RowwiseOp op)
      : f(f), segments(makeSegments(f, op)) {
    if (kernel::PrologueOp prologue = kernel::getPrologue(op))
      activations.emplace(f, prologue);
  }

  LogicalResult check() { return checkSegments(segments); }
  void emitTile(Value token);

private:
  void decodeRow();
  Value rowScale();
  SmallVector<Value> sums(RowSegment &segment, Value couple);
  void emitSegment(RowSegment &segment, Value token);

  bool isQuantized() { return activations->blockElements() > 1; }

  KernelFunction &f;
  std::vector<RowSegment> segments;
  std::optional<Activations> activations;
  Value decoded; // f32 (K) in shared memory, where the source is quantized
  Value row;     // of the current token
  Value scale;   // of the current token, or null
};
} // namespace

/// Fills `decoded` from the quantized row.
void RowwiseEmitter::decodeRow() {
  int64_t elements = activations->blockElements();
  if (!decoded)
    decoded = f.shared(activations->columns * 4);
  f.barrier(); // the row before this one has been read
  f.loop(f.thread(), f.i32(int32_t(activations->columns / elements)), f.threads,
         [&](Value index) {
           Value to = f.element(decoded, index, elements * 4);
           for (auto [i, element] :
                llvm::enumerate(activations->decode(row, index)))
             f.store(element, f.at(to, int64_t(i) * 4), 4);
         });
  f.barrier();
}

/// Element `at` of the row.
static Value elementAt(KernelFunction &f, Activations &activations, Value row,
                       Value decoded, Value at) {
  if (decoded)
    return f.load(f.floats(1), f.element(decoded, at, 4), 4);
  return activations.load(row, at, 1).front();
}

/// The factor of the row, or null without a statistic.
Value RowwiseEmitter::rowScale() {
  if (!activations->hasStatistic())
    return {};
  Value sum = f.loop(f.thread(), f.i32(int32_t(activations->columns)),
                     f.threads, {f.f32(0.0f)},
                     [&](Value at, ValueRange carried) -> SmallVector<Value> {
                       Value x = elementAt(f, *activations, row, decoded, at);
                       return {activations->addStatistic(carried[0], x)};
                     })[0];
  return activations->scale(f.sumOverBlock(sum));
}

/// What enters the epilogue: the couple's outputs of the mapped, scaled row.
SmallVector<Value> RowwiseEmitter::sums(RowSegment &segment, Value couple) {
  SmallVector<Value> values;
  for (int64_t member = 0; member < segment.op.getArity(); ++member) {
    Value at = segment.row(member, couple);
    Value x = elementAt(f, *activations, row, decoded, at);
    Value y = activations->map(x, at).front();
    if (scale)
      y = arith::MulFOp::create(f.b, y, scale);
    values.push_back(y);
  }
  return values;
}

void RowwiseEmitter::emitSegment(RowSegment &segment, Value token) {
  Value couples = f.i32(int32_t(segment.couples));
  if (segment.op.getDestination() != Destination::argmax) {
    f.loop(f.thread(), couples, f.threads, [&](Value couple) {
      segment.epilogue(token, couple, sums(segment, couple));
    });
    return;
  }
  Candidate best = noCandidate(f);
  SmallVector<Value> found =
      f.loop(f.thread(), couples, f.threads, {best.value, best.index},
             [&](Value couple, ValueRange was) -> SmallVector<Value> {
               Value value =
                   segment.epilogue(token, couple, sums(segment, couple));
               Candidate next =
                   better(f, {was[0], was[1]}, candidate(f, value, couple));
               return {next.value, next.index};
             });
  Candidate winner = bestOverBlock(f, {found[0], found[1]});
  Value first = arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq, f.thread(),
                                      f.i32(0));
  f.when(first, [&] {
    f.store(winner.index,
            f.element(f.resultPointer(segment.resultIndex), token, 4), 4);
  });
}

void RowwiseEmitter::emitTile(Value token) {
  if (activations) {
    row = activations->row(token);
    if (isQuantized())
      decodeRow();
    scale = rowScale();
  }
  for (RowSegment &segment : segments)
    emitSegment(segment, token);
}

LogicalResult gpu::emitRowwise(kernel::RowwiseOp op, func::FuncOp kernel,
                               const GpuTarget &target, ModuleOp module) {
  kernel::ScheduleAttr schedule = kernel::getSchedule(op);
  if (schedule.getTokenTile() != 1)
    return op.emitOpError() << "expected token_tile = 1 on a GPU, found "
                            << schedule.getTokenTile();
  KernelFunction f(kernel, "", schedule.getThreads(), target, module);
  RowwiseEmitter emitter(f, op);
  if (failed(emitter.check()))
    return failure();
  bool rows = op.getDomain() == kernel::Domain::rows;
  f.forTiles(f.dim(rows ? Dim::rows : Dim::tokens),
             [&](Value token) { emitter.emitTile(token); });
  f.finish();
  return success();
}
