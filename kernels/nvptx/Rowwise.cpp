//===- Rowwise.cpp - Rows without a matrix, on a GPU ----------------------===//
//
// A tile is one token and the work of one block: neighbouring threads take
// neighbouring couples. A prologue's statistic costs one more pass over the row
// and a sum over the block; a quantized row is first copied to shared memory,
// in whole sectors, and decoded there, a block a thread. Bound by the bytes of
// the row.
//
//===----------------------------------------------------------------------===//

#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/Activations.h"
#include "kernels/nvptx/ArgmaxOverThreads.h"
#include "kernels/nvptx/BlockDecoder.h"
#include "kernels/nvptx/RowSegment.h"
#include "kernels/nvptx/Skeletons.h"
#include "kernels/nvptx/TensorCore.h"
#include "kernels/nvptx/WindowCopy.h"

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

  LogicalResult check(kernel::RowwiseOp op);
  void emitTile(Value token);

private:
  void decodeRow(Value token);
  Value rowScale();
  SmallVector<Value> sums(RowSegment &segment, Value couple);
  void emitSegment(RowSegment &segment, Value token);

  bool isQuantized() { return activations->blockElements() > 1; }

  KernelFunction &f;
  std::vector<RowSegment> segments;
  std::optional<Activations> activations;
  // In shared memory, where the source is quantized: the row's sectors, and f32
  // (K).
  Value sectors, decoded;
  Value row;   // of the current token, in global memory
  Value scale; // of the current token, or null
};
} // namespace

LogicalResult RowwiseEmitter::check(kernel::RowwiseOp op) {
  if (activations && isQuantized() &&
      cast<RankedTensorType>(activations->source().getType()).isDynamicDim(0))
    return op.emitOpError() << "has no GPU code: quantized activations";
  return checkSegments(segments);
}

/// Fills `decoded` from the quantized row of `token`.
void RowwiseEmitter::decodeRow(Value token) {
  kernel::DecoderOp decoder = activations->decoder();
  int64_t elements = activations->blockElements();
  RowWindows rows = {*llama::elementType(decoder.getType()),
                     activations->columns, activations->columns};
  if (!decoded) {
    sectors = f.shared(rows.bytes());
    decoded = f.shared(activations->columns * 4);
  }
  WindowCopy copy(f, rows, activations->rowIndex(token), f.i32(0));
  f.barrier(); // the row before this one has been read
  copy.start(activations->source(), sectors, f.thread(), f.threads);
  commitCopies(f);
  awaitCopies(f, 0);
  f.barrier();
  Value stored = f.element(sectors, copy.before(), 1);
  f.loop(f.thread(), f.i32(int32_t(activations->columns / elements)), f.threads,
         [&](Value index) {
           Value to = f.element(decoded, index, elements * 4);
           BlockDecoder block(f, decoder, stored, index);
           for (auto [i, element] :
                llvm::enumerate(block.elements(0, elements)))
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
    if (isQuantized())
      decodeRow(token);
    else
      row = activations->row(token);
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
  if (failed(emitter.check(op)))
    return failure();
  bool rows = op.getDomain() == kernel::Domain::rows;
  f.forTiles(f.dim(rows ? Dim::rows : Dim::tokens),
             [&](Value token) { emitter.emitTile(token); });
  f.finish();
  return success();
}
