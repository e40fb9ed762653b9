//===- AttentionPrefill.cpp - Attention of many tokens on a GPU -----------===//
//
// A tile is one work item and one KV head. TensorCorePrefill.cpp is the way for
// 16-bit KV; here is the general one, which takes a few rows at a time through
// StreamedAttention.h: all positions are read again for each such set of rows.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/AttentionPrefill.h"

#include "kernels/nvptx/Skeletons.h"
#include "kernels/nvptx/StreamedAttention.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

void PrefillEmitter::emitTile(Value tile) {
  Value item = f.divide(tile, sizes.kvHeads);
  auto field = [&](int64_t index) {
    return f.loadI32(f.workPointer(), f.add(f.mul(item, 4), index));
  };
  PrefillItem found;
  found.kvHead = f.modulo(tile, sizes.kvHeads);
  found.first = field(0);
  found.rows = f.mul(field(1), sizes.group);
  found.kv = findKvHead(f, sizes, op, found.kvHead, field(2));
  found.kvLength = field(3);
  emitItem(found);
}

Value PrefillEmitter::rowAddress(const PrefillItem &item, Value base,
                                 Value row) {
  Value token = f.add(item.first, f.divide(row, sizes.group));
  Value head =
      f.add(f.mul(item.kvHead, sizes.group), f.modulo(row, sizes.group));
  Value index = f.add(f.mul(token, sizes.queryHeads()), head);
  return f.element(base, index, sizes.headDim * 4);
}

Value PrefillEmitter::context(const PrefillItem &item, Value row) {
  Value token = f.add(item.first, f.divide(row, sizes.group));
  return f.add(f.loadI32(f.pointer(op.getPositions()), token), 1);
}

Value PrefillEmitter::clampedRow(const PrefillItem &item, Value row) {
  return f.minimum(row, f.sub(item.rows, f.i32(1)));
}

namespace {
/// A few rows at a time, with f32 multiply-adds.
class StreamedPrefill final : public PrefillEmitter {
public:
  StreamedPrefill(KernelFunction &f, kernel::AttentionPrefillOp op,
                  const PagedAttention &sizes)
      : PrefillEmitter(f, op, sizes), streamed(f, sizes, schedule) {}

private:
  void emitItem(const PrefillItem &item) override;
  void emitRows(const PrefillItem &item, Value first);

  StreamedAttention streamed;
};
} // namespace

/// Rows [first, first + mostRows).
void StreamedPrefill::emitRows(const PrefillItem &item, Value first) {
  SmallVector<StreamedAttention::Row> rows;
  Value last;
  for (int64_t r = 0; r < streamed.mostRows(); ++r) {
    Value row = f.add(first, r), known = clampedRow(item, row);
    Value seen = context(item, known); // ascends within an item
    Value isThere = f.less(row, item.rows);
    last = seen;
    rows.push_back({rowAddress(item, f.pointer(op.getQuery()), known),
                    arith::SelectOp::create(f.b, isThere, seen, f.i32(0))});
  }
  auto store = [&](Value row, Value column, Value values, Value, Value total) {
    Value number = f.add(first, row);
    f.when(f.less(number, item.rows), [&] {
      int64_t width = f.lanesOf(values);
      Value inverse = f.splat(reciprocalOrZero(f, total), width);
      Value to = rowAddress(item, f.resultPointer(0), number);
      f.store(arith::MulFOp::create(f.b, values, inverse),
              f.element(to, column, 4), width * 4);
    });
  };
  streamed.run(item.kv, f.i32(0), last, rows, store);
}

void StreamedPrefill::emitItem(const PrefillItem &item) {
  f.loop(f.i32(0), item.rows, streamed.mostRows(),
         [&](Value first) { emitRows(item, first); });
}

LogicalResult gpu::emitAttentionPrefill(kernel::AttentionPrefillOp op,
                                        func::FuncOp kernel,
                                        const GpuTarget &target,
                                        ModuleOp module) {
  PagedAttention sizes = describeAttention(op);
  kernel::ScheduleAttr schedule = kernel::getSchedule(op);
  if (schedule.getKvTile() <= 0 || schedule.getKvTile() % 16 != 0)
    return op.emitOpError() << "expected a kv_tile that is a multiple of 16 on "
                               "a GPU, found "
                            << schedule.getKvTile();
  KernelFunction f(kernel, "", schedule.getThreads(), target, module);
  std::unique_ptr<PrefillEmitter> emitter = makeTensorCorePrefill(f, op, sizes);
  if (!emitter)
    emitter = std::make_unique<StreamedPrefill>(f, op, sizes);
  f.forTiles(f.mul(f.dim(Dim::work), sizes.kvHeads),
             [&](Value tile) { emitter->emitTile(tile); });
  f.finish();
  return success();
}
