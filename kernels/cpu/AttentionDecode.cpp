//===- AttentionDecode.cpp - Attention of single tokens as CPU code -------===//
//
// A tile is one token, one KV head with its group of G query heads, and one
// range of the context. It walks the range in blocks that lie within a page:
//
//   scores[g][j] = q[g] . K[j]     4 positions x up to 4 heads in registers;
//                                  K is read once per such set of heads
//   online softmax over the block  vectors along positions
//   values[g] += p[g][j] * V[j]    vectors along head_dim, in registers for the
//                                  block, in scratch between blocks
//
// Blocks are 8 KiB or so in places of their own: too short for the hardware to
// prefetch. Scores fetch the block's values, values the next block's keys.
//
// Floor: the bytes of K and V in the range, read once from memory; what is read
// again lies in the first-level cache (a block is 64 positions).
//
// Partial results, per (token, query head, split) with run-time splits as the
// stride: D weighted values, the maximum (of scores times log2(e)), the sum.
// With one split the tile writes the result itself and merge has nothing to do.
// A token at a negative position looks at nothing, and its result is zero.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "kernels/cpu/Attention.h"
#include "kernels/cpu/PagedAttention.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

namespace {
/// Emits the tiles of one attention_decode.
class DecodeEmitter {
public:
  DecodeEmitter(KernelFunction &f, kernel::AttentionDecodeOp op,
                const PagedAttention &sizes)
      : f(f), op(op), sizes(sizes),
        blockLength(std::min<int64_t>(sizes.pageSize, 64)),
        wide(f.variant.registers == 32) {}

  void emit();

private:
  /// One tile's part of the context and where it is found.
  struct Range {
    Value first, last; // positions [first, last)
    Value pages;       // the sequence's row of the page table
    Value kvHead;
  };

  void emitTile(Value tile);
  void loadQueries(Value token, Value kvHead);
  void clearState();
  void emitBlock(const Range &range, Value base);
  Value lastBlock(const Range &range);
  void fetchRows(Value rows, Value position, int64_t count);
  void emitScores(Value keys, Value values, Value from, Value to);
  void emitScores4(Value keys, Value j, int64_t head, int64_t heads);
  void emitSoftmax(const Range &range, Value base, Value from, Value to,
                   int64_t head);
  void emitValues(Value values, Value nextKeys, Value from, Value to);
  void storeResult(Value token, Value kvHead);
  void storePartial(Value token, Value kvHead, Value split);

  /// Addresses in scratch, each row of D (padded) or blockLength floats.
  Value query(int64_t head) {
    return f.at(queries, head * sizes.scratchRowBytes());
  }
  Value sum(int64_t head) { return f.at(sums, head * sizes.scratchRowBytes()); }
  Value sumVector(int64_t head, int64_t v) {
    return f.load(f.floats(sizes.lanes), f.at(sum(head), v * sizes.lanes * 4),
                  4);
  }
  Value score(int64_t head) { return f.at(scores, head * blockLength * 4); }

  KernelFunction &f;
  kernel::AttentionDecodeOp op;
  PagedAttention sizes;
  int64_t blockLength; // positions, a multiple of 16 that divides the page size
  bool wide;
  Value queries; // f32 (G, D padded), scaled
  Value sums;    // f32 (G, D padded): weighted sums of values
  Value scores;  // f32 (G, blockLength): scores, then weights
  Value maxima;  // f32 (G)
  Value totals;  // f32 (G): sums of weights
  Value factors; // f32 (G): what sums are multiplied with in this block
};
} // namespace

void DecodeEmitter::loadQueries(Value token, Value kvHead) {
  Value row = f.add(f.mul(token, sizes.kvHeads), kvHead);
  Value source =
      f.element(f.pointer(op.getQuery()), row, sizes.group * sizes.headDim * 4);
  Value scale = f.f32(sizes.queryScale, sizes.lanes);
  f.loop(f.i64(0), f.i64(sizes.group), 1, [&](Value head) {
    Value from = f.element(source, head, sizes.headDim * 4);
    Value to = f.element(queries, head, sizes.scratchRowBytes());
    for (int64_t v = 0; v < sizes.vectors; ++v) {
      Value q = loadOfRow(f, sizes, from, f.b.getF32Type(), v);
      f.store(arith::MulFOp::create(f.b, q, scale),
              f.at(to, v * sizes.lanes * 4), 4);
    }
  });
}

void DecodeEmitter::clearState() {
  Value zero = f.f32(0.0f, sizes.lanes);
  f.loop(f.i64(0), f.i64(sizes.group * sizes.paddedDim()), sizes.lanes,
         [&](Value i) { f.store(zero, f.element(sums, i, 4), 4); });
  for (int64_t head = 0; head < sizes.group; ++head) {
    f.store(f.f32(noMaximum), f.at(maxima, head * 4), 4);
    f.store(f.f32(0.0f), f.at(totals, head * 4), 4);
  }
}

/// Scores of `heads` heads from `head` on at positions j to j + 3 of the block.
void DecodeEmitter::emitScores4(Value keys, Value j, int64_t head,
                                int64_t heads) {
  constexpr int64_t positions = 4;
  Value first = f.element(keys, j, sizes.rowBytes());
  SmallVector<Value> dots(heads * positions, f.f32(0.0f, sizes.lanes));
  for (int64_t v = 0; v < sizes.vectors; ++v) {
    SmallVector<Value> key;
    for (int64_t p = 0; p < positions; ++p)
      key.push_back(loadOfRow(f, sizes, f.at(first, p * sizes.rowBytes()),
                              sizes.stored, v));
    for (int64_t h = 0; h < heads; ++h) {
      Value q = f.load(f.floats(sizes.lanes),
                       f.at(query(head + h), v * sizes.lanes * 4), 4);
      for (int64_t p = 0; p < positions; ++p) {
        Value &dot = dots[h * positions + p];
        dot = f.fma(q, key[p], dot);
      }
    }
  }
  for (int64_t h = 0; h < heads; ++h) {
    ArrayRef<Value> ofHead(&dots[h * positions], positions);
    f.store(f.sums(ofHead), f.element(score(head + h), j, 4), 4);
  }
}

/// Fetches the keys or values of `count` positions from `position` on.
void DecodeEmitter::fetchRows(Value rows, Value position, int64_t count) {
  Value first = f.element(rows, position, sizes.rowBytes());
  for (int64_t line = 0; line < count * sizes.rowBytes(); line += 64)
    f.prefetch(f.at(first, line));
}

void DecodeEmitter::emitScores(Value keys, Value values, Value from, Value to) {
  int64_t sets = llvm::divideCeil(sizes.group, wide ? 4 : 2);
  int64_t perSet = llvm::divideCeil(sizes.group, sets);
  f.loop(from, to, 4, [&](Value j) {
    fetchRows(values, j, 4);
    for (int64_t head = 0; head < sizes.group; head += perSet)
      emitScores4(keys, j, head, std::min(perSet, sizes.group - head));
  });
}

/// Turns a head's scores at [from, to) of the block, whole vectors, into
/// weights and brings its maximum, total and factor up to date.
void DecodeEmitter::emitSoftmax(const Range &range, Value base, Value from,
                                Value to, int64_t head) {
  int64_t lanes = sizes.lanes;
  auto limit = [&](Value position) {
    Value narrow = arith::TruncIOp::create(f.b, f.b.getI32Type(), position);
    return f.splat(narrow, lanes);
  };
  Value first = limit(range.first), last = limit(range.last);
  Value largest = f.loop(
      from, to, lanes, {f.f32(noMaximum, lanes)},
      [&](Value j, ValueRange carried) -> SmallVector<Value> {
        Value place = f.element(score(head), j, 4);
        Value s = f.load(f.floats(lanes), place, 4);
        Value index = countFrom(f, f.add(base, j), lanes);
        s = hideFrom(f, s, index, last);
        // Positions before the range belong to another tile.
        Value before =
            arith::CmpIOp::create(f.b, arith::CmpIPredicate::slt, index, first);
        s = arith::SelectOp::create(f.b, before, f.f32(hidden, lanes), s);
        f.store(s, place, 4);
        return {arith::MaxNumFOp::create(f.b, carried[0], s)};
      })[0];
  Value old = f.load(f.floats(1), f.at(maxima, head * 4), 4);
  Value maximum = arith::MaxNumFOp::create(f.b, old, f.largest(largest));
  Value factor = exp2OfNegative(f, arith::SubFOp::create(f.b, old, maximum));
  Value wideMaximum = f.splat(maximum, lanes);
  Value weights =
      f.loop(from, to, lanes, {f.f32(0.0f, lanes)},
             [&](Value j, ValueRange carried) -> SmallVector<Value> {
               Value place = f.element(score(head), j, 4);
               Value s = f.load(f.floats(lanes), place, 4);
               Value weight = exp2OfNegative(
                   f, arith::SubFOp::create(f.b, s, wideMaximum));
               f.store(weight, place, 4);
               return {arith::AddFOp::create(f.b, carried[0], weight)};
             })[0];
  Value total = f.load(f.floats(1), f.at(totals, head * 4), 4);
  total = f.fma(total, factor, f.sum(weights));
  f.store(maximum, f.at(maxima, head * 4), 4);
  f.store(total, f.at(totals, head * 4), 4);
  f.store(factor, f.at(factors, head * 4), 4);
}

/// Adds the weighted values of positions [from, to) of the block. No position
/// outside the range is read: what lies there may be NaN.
void DecodeEmitter::emitValues(Value values, Value nextKeys, Value from,
                               Value to) {
  int64_t lanes = sizes.lanes, most = wide ? 24 : 12;
  int64_t perPass =
      llvm::divideCeil(sizes.vectors, llvm::divideCeil(sizes.vectors, most));
  int64_t sets =
      llvm::divideCeil(sizes.group, std::max<int64_t>(1, most / perPass));
  int64_t perSet = llvm::divideCeil(sizes.group, sets);
  for (int64_t head = 0; head < sizes.group; head += perSet)
    for (int64_t v = 0; v < sizes.vectors; v += perPass) {
      int64_t vectors = std::min(perPass, sizes.vectors - v);
      int64_t heads = std::min(perSet, sizes.group - head);
      auto place = [&](int64_t h, int64_t i) {
        return f.at(sum(head + h), (v + i) * lanes * 4);
      };
      SmallVector<Value> initial;
      for (int64_t h = 0; h < heads; ++h) {
        Value factor = f.splat(
            f.load(f.floats(1), f.at(factors, (head + h) * 4), 4), lanes);
        for (int64_t i = 0; i < vectors; ++i)
          initial.push_back(arith::MulFOp::create(
              f.b, f.load(f.floats(lanes), place(h, i), 4), factor));
      }
      auto added =
          f.loop(from, to, 1, initial, [&](Value j, ValueRange carried) {
            SmallVector<Value> next(carried);
            if (head == 0 && v == 0)
              fetchRows(nextKeys, j, 1);
            Value row = f.element(values, j, sizes.rowBytes());
            SmallVector<Value> value;
            for (int64_t i = 0; i < vectors; ++i)
              value.push_back(loadOfRow(f, sizes, row, sizes.stored, v + i));
            for (int64_t h = 0; h < heads; ++h) {
              Value weight = f.splat(
                  f.load(f.floats(1), f.element(score(head + h), j, 4), 4),
                  lanes);
              for (int64_t i = 0; i < vectors; ++i) {
                Value &to = next[h * vectors + i];
                to = f.fma(weight, value[i], to);
              }
            }
            return next;
          });
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t i = 0; i < vectors; ++i)
          f.store(added[h * vectors + i], place(h, i), 4);
    }
}

/// The first position of the last block of the range.
Value DecodeEmitter::lastBlock(const Range &range) {
  Value last = f.add(range.last, -1);
  return f.sub(last, f.modulo(last, blockLength));
}

/// Positions of the range that lie in [base, base + blockLength).
void DecodeEmitter::emitBlock(const Range &range, Value base) {
  Value zero = f.i64(0), length = f.i64(blockLength);
  Value from = f.maximum(f.sub(range.first, base), zero);
  Value to = f.minimum(f.sub(range.last, base), length);
  // Scores are computed for whole vectors: the rest of the page is readable.
  Value vectorFrom = f.sub(from, f.modulo(from, sizes.lanes));
  Value vectorTo =
      f.mul(f.divide(f.add(to, sizes.lanes - 1), sizes.lanes), sizes.lanes);
  Value offset = kvOffset(f, sizes, range.pages, range.kvHead, base);
  Value keys = f.pointer(op.getKv());
  Value values = f.at(f.valuesPointer(op.getKv()), offset);
  emitScores(f.at(keys, offset), values, vectorFrom, vectorTo);
  for (int64_t head = 0; head < sizes.group; ++head)
    emitSoftmax(range, base, vectorFrom, vectorTo, head);
  Value next = f.minimum(f.add(base, blockLength), lastBlock(range));
  Value nextOffset = kvOffset(f, sizes, range.pages, range.kvHead, next);
  emitValues(values, f.at(keys, nextOffset), from, to);
}

void DecodeEmitter::storeResult(Value token, Value kvHead) {
  Value row = f.add(f.mul(token, sizes.kvHeads), kvHead);
  Value result =
      f.element(f.resultPointer(0), row, sizes.group * sizes.headDim * 4);
  for (int64_t head = 0; head < sizes.group; ++head) {
    Value inverse = f.splat(
        reciprocalOrZero(f, f.load(f.floats(1), f.at(totals, head * 4), 4)),
        sizes.lanes);
    Value to = f.at(result, head * sizes.headDim * 4);
    for (int64_t v = 0; v < sizes.vectors; ++v)
      storeOfRow(f, sizes,
                 arith::MulFOp::create(f.b, sumVector(head, v), inverse), to,
                 v);
  }
}

void DecodeEmitter::storePartial(Value token, Value kvHead, Value split) {
  for (int64_t head = 0; head < sizes.group; ++head) {
    Value queryHead = f.add(f.mul(kvHead, sizes.group), head);
    Value partial = partialAt(f, sizes, token, queryHead, split);
    for (int64_t v = 0; v < sizes.vectors; ++v)
      storeOfRow(f, sizes, sumVector(head, v), partial, v);
    Value tail = f.at(partial, sizes.headDim * 4);
    f.store(f.load(f.floats(1), f.at(maxima, head * 4), 4), tail, 4);
    f.store(f.load(f.floats(1), f.at(totals, head * 4), 4), f.at(tail, 4), 4);
  }
}

void DecodeEmitter::emitTile(Value tile) {
  Value splits = f.dim(Dim::splits);
  Value split = arith::RemUIOp::create(f.b, tile, splits);
  Value head = arith::DivUIOp::create(f.b, tile, splits);
  Value kvHead = f.modulo(head, sizes.kvHeads);
  Value token = f.divide(head, sizes.kvHeads);
  Value context = f.add(f.loadIndex(f.pointer(op.getPositions()), token), 1);
  Range range;
  range.kvHead = kvHead;
  range.first = f.mul(split, f.dim(Dim::splitLength));
  range.last = f.minimum(context, f.add(range.first, f.dim(Dim::splitLength)));
  loadQueries(token, kvHead);
  clearState();
  // Padding has no valid sequence either: nothing of it is read.
  f.when(f.less(range.first, range.last), [&] {
    range.pages = pageRow(f, f.pointer(op.getPages()),
                          f.loadIndex(f.pointer(op.getSequences()), token));
    Value base = f.sub(range.first, f.modulo(range.first, blockLength));
    Value offset = kvOffset(f, sizes, range.pages, range.kvHead, base);
    Value keys = f.at(f.pointer(op.getKv()), offset);
    f.loop(f.i64(0), f.i64(blockLength), 4,
           [&](Value j) { fetchRows(keys, j, 4); });
    f.loop(base, range.last, blockLength,
           [&](Value block) { emitBlock(range, block); });
  });
  Value single =
      arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq, splits, f.i64(1));
  f.when(
      single, [&] { storeResult(token, kvHead); },
      [&] { storePartial(token, kvHead, split); });
}

void DecodeEmitter::emit() {
  int64_t rows = sizes.group * sizes.scratchRowBytes();
  queries = f.scratch(rows);
  sums = f.scratch(rows);
  scores = f.scratch(sizes.group * blockLength * 4);
  maxima = f.scratch(sizes.group * 4);
  totals = f.scratch(sizes.group * 4);
  factors = f.scratch(sizes.group * 4);
  f.loop(f.begin(), f.end(), 1, [&](Value tile) { emitTile(tile); });
}

LogicalResult cpu::emitAttentionDecode(kernel::AttentionDecodeOp op,
                                       func::FuncOp kernel,
                                       const CpuVariant &variant,
                                       ModuleOp module) {
  FailureOr<PagedAttention> sizes = describeAttention(op, variant);
  if (failed(sizes))
    return failure();
  KernelFunction main(kernel, "", variant, module);
  DecodeEmitter(main, op, *sizes).emit();
  main.finish();

  KernelFunction merge(kernel, kernel::mergeSuffix, variant, module);
  Value several = merge.less(merge.i64(1), merge.dim(Dim::splits));
  merge.when(several, [&] {
    merge.loop(merge.begin(), merge.end(), 1, [&](Value token) {
      merge.loop(
          merge.i64(0), merge.i64(sizes->queryHeads()), 1,
          [&](Value head) { emitMergeHead(merge, *sizes, token, head); });
    });
  });
  merge.finish();
  return success();
}
