//===- AttentionDecode.cpp - Attention of single tokens on a GPU ----------===//
//
// A tile is one token, one KV head with its group of G query heads, and one
// range of the context; StreamedAttention.h draws how a block reads the range.
// Groups that registers do not hold are taken in several passes.
//
// Partial results, per (token, query head, split) with run-time splits as the
// stride: D weighted values, the maximum (of scores times log2(e)), the sum.
// With one split the tile writes the result itself and the merge has nothing to
// do. The merge's tile is one query head of one token: neighbouring threads
// take neighbouring columns and walk the splits. Floor: the bytes of the
// partial results.
//
// A token at a negative position looks at nothing, and its result is zero.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "kernels/nvptx/Skeletons.h"
#include "kernels/nvptx/StreamedAttention.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

namespace {
/// Emits the tiles of one attention_decode.
class DecodeEmitter {
public:
  DecodeEmitter(KernelFunction &f, kernel::AttentionDecodeOp op,
                const PagedAttention &sizes)
      : f(f), op(op), sizes(sizes),
        streamed(f, sizes, kernel::getSchedule(op)) {}

  void emitTile(Value tile);

private:
  void store(Value token, Value queryHead, Value split, Value column,
             Value values, Value maximum, Value total);

  KernelFunction &f;
  kernel::AttentionDecodeOp op;
  PagedAttention sizes;
  StreamedAttention streamed;
};
} // namespace

/// Bytes that every address in partial results is a multiple of.
static int64_t partialAlignment(const PagedAttention &sizes) {
  return sizes.headDim % 2 == 0 ? 8 : 4;
}

/// Address of the partial result of (token, query head, split), the first two
/// being counted together.
static Value partialAt(KernelFunction &f, const PagedAttention &sizes,
                       Value row, Value split) {
  Value index = f.add(f.mul(row, f.dim(Dim::splits)), split);
  return f.element(f.partialsPointer(), index, (sizes.headDim + 2) * 4);
}

/// Writes columns of one head: of the result where there is one split, else of
/// a partial result.
void DecodeEmitter::store(Value token, Value queryHead, Value split,
                          Value column, Value values, Value maximum,
                          Value total) {
  int64_t width = f.lanesOf(values);
  Value row = f.add(f.mul(token, sizes.queryHeads()), queryHead);
  Value single = arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq,
                                       f.dim(Dim::splits), f.i32(1));
  auto storeResult = [&] {
    Value inverse = f.splat(reciprocalOrZero(f, total), width);
    Value to = f.element(f.resultPointer(0), row, sizes.headDim * 4);
    f.store(arith::MulFOp::create(f.b, values, inverse),
            f.element(to, column, 4), width * 4);
  };
  auto storePartial = [&] {
    Value to = partialAt(f, sizes, row, split);
    f.store(values, f.element(to, column, 4),
            std::min(width * 4, partialAlignment(sizes)));
    Value isFirst =
        arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq, column, f.i32(0));
    f.when(isFirst, [&] {
      f.store(maximum, f.at(to, sizes.headDim * 4), 4);
      f.store(total, f.at(to, sizes.headDim * 4 + 4), 4);
    });
  };
  f.when(single, storeResult, storePartial);
}

void DecodeEmitter::emitTile(Value tile) {
  Value splits = f.dim(Dim::splits);
  Value split = arith::RemUIOp::create(f.b, tile, splits);
  Value rest = arith::DivUIOp::create(f.b, tile, splits);
  Value kvHead = f.modulo(rest, sizes.kvHeads);
  Value token = f.divide(rest, sizes.kvHeads);
  Value context = f.add(f.loadI32(f.pointer(op.getPositions()), token), 1);
  Value sequence = f.loadI32(f.pointer(op.getSequences()), token);
  Value first = f.mul(split, f.dim(Dim::splitLength));
  Value last = f.minimum(context, f.add(first, f.dim(Dim::splitLength)));
  KvHead kv = findKvHead(f, sizes, op, kvHead, sequence);
  Value firstHead = f.mul(kvHead, sizes.group);
  Value query = f.element(f.pointer(op.getQuery()), token,
                          sizes.queryHeads() * sizes.headDim * 4);

  int64_t passes = llvm::divideCeil(sizes.group, streamed.mostRows());
  int64_t perPass = llvm::divideCeil(sizes.group, passes);
  for (int64_t head = 0; head < sizes.group; head += perPass) {
    SmallVector<StreamedAttention::Row> rows;
    for (int64_t h = head; h < std::min(head + perPass, sizes.group); ++h)
      rows.push_back(
          {f.element(query, f.add(firstHead, h), sizes.headDim * 4), last});
    streamed.run(
        kv, first, last, rows,
        [&](Value row, Value column, Value values, Value maximum, Value total) {
          store(token, f.add(f.add(firstHead, head), row), split, column,
                values, maximum, total);
        });
  }
}

/// Combines the splits of query head `row` (token * query heads + head):
/// sum_s 2^(m_s - m) * values_s / sum_s 2^(m_s - m) * total_s.
static void emitMergeTile(KernelFunction &f, const PagedAttention &sizes,
                          Value row) {
  int64_t width = sizes.headDim % 2 == 0 ? 2 : 1;
  Value columns = f.i32(int32_t(sizes.headDim / width));
  auto mergeColumns = [&](Value index) {
    Value column = f.mul(index, width);
    SmallVector<Value> none = {f.f32(noMaximum), f.f32(0.0f),
                               f.f32(0.0f, width)};
    auto addSplit = [&](Value split, ValueRange sums) -> SmallVector<Value> {
      Value from = partialAt(f, sizes, row, split);
      Value values =
          f.load(f.floats(width), f.element(from, column, 4), width * 4);
      Value tail = f.at(from, sizes.headDim * 4);
      Value other = f.load(f.floats(1), tail, 4);
      Value total = f.load(f.floats(1), f.at(tail, 4), 4);
      Value maximum = arith::MaxNumFOp::create(f.b, sums[0], other);
      Value mine = exp2OfDifference(f, sums[0], maximum);
      Value theirs = exp2OfDifference(f, other, maximum);
      Value kept = arith::MulFOp::create(f.b, sums[2], f.splat(mine, width));
      return {maximum,
              f.fma(total, theirs, arith::MulFOp::create(f.b, sums[1], mine)),
              f.fma(values, f.splat(theirs, width), kept)};
    };
    SmallVector<Value> merged =
        f.loop(f.i32(0), f.dim(Dim::splits), 1, none, addSplit);
    Value inverse = f.splat(reciprocalOrZero(f, merged[1]), width);
    Value to = f.element(f.resultPointer(0), row, sizes.headDim * 4);
    f.store(arith::MulFOp::create(f.b, merged[2], inverse),
            f.element(to, column, 4), width * 4);
  };
  f.loop(f.thread(), columns, f.threads, mergeColumns);
}

LogicalResult gpu::emitAttentionDecode(kernel::AttentionDecodeOp op,
                                       func::FuncOp kernel,
                                       const GpuTarget &target,
                                       ModuleOp module) {
  PagedAttention sizes = describeAttention(op);
  kernel::ScheduleAttr schedule = kernel::getSchedule(op);
  if (schedule.getKvTile() <= 0)
    return op.emitOpError() << "expected a positive kv_tile on a GPU, found "
                            << schedule.getKvTile();
  KernelFunction f(kernel, "", schedule.getThreads(), target, module);
  DecodeEmitter emitter(f, op, sizes);
  Value tiles =
      f.mul(f.mul(f.dim(Dim::tokens), sizes.kvHeads), f.dim(Dim::splits));
  f.forTiles(tiles, [&](Value tile) { emitter.emitTile(tile); });
  f.finish();

  KernelFunction merge(kernel, kernel::mergeSuffix, schedule.getThreads(),
                       target, module);
  Value several = merge.less(merge.i32(1), merge.dim(Dim::splits));
  merge.when(several, [&] {
    Value rows = merge.mul(merge.dim(Dim::tokens), sizes.queryHeads());
    merge.forTiles(rows, [&](Value row) { emitMergeTile(merge, sizes, row); });
  });
  merge.finish();
  return success();
}
