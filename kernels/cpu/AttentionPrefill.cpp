//===- AttentionPrefill.cpp - Attention of many tokens as CPU code --------===//
//
// A tile is one work item (up to token_tile tokens of one sequence) and one KV
// head; its rows are (token, head of the group), M of them, padded to whole row
// groups of 6. It walks the context in blocks of kv_tile positions:
//
//   stage      K block transposed to f32 (D, kv_tile), V block to f32
//              (kv_tile, D), both in scratch and shared by all rows
//   per group  S = Q K^T       6 rows x 4 (2) vectors along positions
//              softmax         vectors along positions, row by row
//              O = O * f + P V 6 rows x 4 (2) vectors along head_dim
//
// Rows in scratch are padded with zeros to whole vectors along head_dim, so
// that only what is read from or written to tensors knows where a head ends. A
// row group is skipped where the block lies behind all its tokens. Floor: 2 M D
// multiply-adds per visible position; both products keep 24 (12) accumulators
// in registers and read 10 (8) values per 24 (12) of them.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/Attention.h"
#include "kernels/cpu/PagedAttention.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

namespace {
constexpr int64_t groupRows = 6;

/// Emits the tiles of one attention_prefill.
class PrefillEmitter {
public:
  PrefillEmitter(KernelFunction &f, kernel::AttentionPrefillOp op,
                 const PagedAttention &sizes)
      : f(f), op(op), sizes(sizes),
        mostRows(llvm::alignTo(op.getSchedule()->getTokenTile() * sizes.group,
                               groupRows)),
        kvTile(op.getSchedule()->getKvTile()),
        vectorsAtOnce(f.variant.registers == 32 ? 4 : 2) {}

  void emit();

private:
  struct Item {
    Value first, count, kvLength;
    Value rows;  // count * G
    Value pages; // the sequence's row of the page table
    Value kvHead;
  };

  void emitTile(Value tile);
  void loadQueries(const Item &item);
  void clearState(const Item &item);
  void stage(const Item &item, Value block);
  void stageKeys(Value keys, Value column);
  void stageValues(Value values, Value row);
  void emitGroup(const Item &item, Value block, Value row);
  void emitSoftmax(Value block, Value row);
  void storeResult(const Item &item);

  /// to[r][n] = to[r][n] * factor[r] + sum_k left[r][k] * right[k][n] for the
  /// rows of a group and `columns` n; no `factors` stands for zeros. Strides
  /// are in elements.
  void multiply(Value left, int64_t leftStride, Value right, Value depth,
                Value to, int64_t columns, Value factors);
  /// Rows of Q that `item` fills, as whole groups.
  Value paddedRows(const Item &item) {
    return f.mul(f.divide(f.add(item.rows, groupRows - 1), groupRows),
                 groupRows);
  }

  KernelFunction &f;
  kernel::AttentionPrefillOp op;
  PagedAttention sizes;
  int64_t mostRows;
  int64_t kvTile;
  int64_t vectorsAtOnce;
  Value queries;  // f32 (mostRows, D padded), scaled
  Value outputs;  // f32 (mostRows, D padded): weighted sums of values
  Value contexts; // i32 (mostRows): positions a row sees; 0 for padding
  Value maxima;   // f32 (mostRows)
  Value totals;   // f32 (mostRows, L): sums of weights, lane by lane
  Value factors;  // f32 (groupRows)
  Value keys;     // f32 (D padded, kvTile)
  Value values;   // f32 (kvTile, D padded)
  Value scores;   // f32 (groupRows, kvTile): scores, then weights
};
} // namespace

void PrefillEmitter::loadQueries(const Item &item) {
  int64_t lanes = sizes.lanes, rowBytes = sizes.headDim * 4;
  int64_t paddedBytes = sizes.scratchRowBytes();
  Value scale = f.f32(sizes.queryScale, lanes);
  f.loop(f.i64(0), item.rows, 1, [&](Value row) {
    Value token = f.add(item.first, f.divide(row, sizes.group));
    Value head =
        f.add(f.mul(item.kvHead, sizes.group), f.modulo(row, sizes.group));
    Value source =
        f.element(f.pointer(op.getQuery()),
                  f.add(f.mul(token, sizes.queryHeads()), head), rowBytes);
    Value to = f.element(queries, row, paddedBytes);
    for (int64_t v = 0; v < sizes.vectors; ++v) {
      Value q = loadOfRow(f, sizes, source, f.b.getF32Type(), v);
      f.store(arith::MulFOp::create(f.b, q, scale), f.at(to, v * lanes * 4), 4);
    }
    Value context = f.add(f.loadIndex(f.pointer(op.getPositions()), token), 1);
    f.store(arith::TruncIOp::create(f.b, f.b.getI32Type(), context),
            f.element(contexts, row, 4), 4);
  });
}

void PrefillEmitter::clearState(const Item &item) {
  Value zero = f.f32(0.0f, sizes.lanes);
  auto clear = [&](Value base, Value row) {
    Value to = f.element(base, row, sizes.scratchRowBytes());
    for (int64_t v = 0; v < sizes.vectors; ++v)
      f.store(zero, f.at(to, v * sizes.lanes * 4), 4);
  };
  Value end = paddedRows(item);
  f.loop(f.i64(0), end, 1, [&](Value row) {
    clear(outputs, row);
    f.store(f.f32(noMaximum), f.element(maxima, row, 4), 4);
    f.store(zero, f.element(totals, row, sizes.lanes * 4), 4);
  });
  f.loop(item.rows, end, 1, [&](Value row) {
    clear(queries, row);
    f.store(f.i32(0), f.element(contexts, row, 4), 4);
  });
}

/// Transposes L positions x D: lanes of stored rows become rows of `keys`, from
/// position `column` of the block on.
void PrefillEmitter::stageKeys(Value source, Value column) {
  int64_t lanes = sizes.lanes, tail = sizes.headDim % lanes;
  auto transpose = [&](Value d, int64_t valid) {
    SmallVector<Value> rows;
    Value first = f.element(source, d, sizes.storedBytes);
    for (int64_t p = 0; p < lanes; ++p)
      rows.push_back(f.loadFloats(f.at(first, p * sizes.rowBytes()),
                                  sizes.stored, lanes, valid,
                                  sizes.storedBytes));
    // Interleaving the first half of the rows with the second, log2(L) times,
    // moves each index bit of (row, lane) one place on.
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      low.push_back(lane / 2 + lane % 2 * lanes);
      high.push_back(lanes / 2 + lane / 2 + lane % 2 * lanes);
    }
    for (int64_t step = 1; step < lanes; step *= 2) {
      SmallVector<Value> next;
      for (int64_t i = 0; i < lanes / 2; ++i) {
        next.push_back(f.shuffle(rows[i], rows[i + lanes / 2], low));
        next.push_back(f.shuffle(rows[i], rows[i + lanes / 2], high));
      }
      rows = std::move(next);
    }
    Value to = f.element(f.element(keys, column, 4), d, kvTile * 4);
    for (int64_t i = 0; i < lanes; ++i)
      f.store(rows[i], f.at(to, i * kvTile * 4), 4);
  };
  f.loop(f.i64(0), f.i64(sizes.headDim - tail), lanes,
         [&](Value d) { transpose(d, lanes); });
  if (tail != 0)
    transpose(f.i64(sizes.headDim - tail), tail);
}

/// Copies L positions to rows of `values`.
void PrefillEmitter::stageValues(Value source, Value row) {
  int64_t lanes = sizes.lanes;
  f.loop(f.i64(0), f.i64(lanes), 1, [&](Value p) {
    Value from = f.element(source, p, sizes.rowBytes());
    Value to = f.element(values, f.add(row, p), sizes.scratchRowBytes());
    for (int64_t v = 0; v < sizes.vectors; ++v)
      f.store(loadOfRow(f, sizes, from, sizes.stored, v),
              f.at(to, v * lanes * 4), 4);
  });
}

/// Brings the positions of `block` that the item sees, in whole vectors, into
/// scratch. The rest of a page is readable; pages behind the context are not.
void PrefillEmitter::stage(const Item &item, Value block) {
  Value end = f.minimum(f.i64(kvTile), f.sub(item.kvLength, block));
  f.loop(f.i64(0), end, sizes.lanes, [&](Value j) {
    Value offset = kvOffset(f, sizes, item.pages, item.kvHead, f.add(block, j));
    stageKeys(f.at(f.pointer(op.getKv()), offset), j);
    stageValues(f.at(f.valuesPointer(op.getKv()), offset), j);
  });
}

void PrefillEmitter::multiply(Value left, int64_t leftStride, Value right,
                              Value depth, Value to, int64_t columns,
                              Value factors) {
  int64_t lanes = sizes.lanes;
  auto multiplyAt = [&](Value n, int64_t vectors) {
    auto place = [&](int64_t r, int64_t i) {
      return f.at(f.element(to, n, 4), (r * columns + i * lanes) * 4);
    };
    SmallVector<Value> initial;
    for (int64_t r = 0; r < groupRows; ++r) {
      Value factor;
      if (factors)
        factor = f.splat(f.load(f.floats(1), f.at(factors, r * 4), 4), lanes);
      for (int64_t i = 0; i < vectors; ++i)
        initial.push_back(
            factors ? arith::MulFOp::create(
                          f.b, f.load(f.floats(lanes), place(r, i), 4), factor)
                          .getResult()
                    : f.f32(0.0f, lanes));
    }
    Value rightColumn = f.element(right, n, 4);
    auto sums =
        f.loop(f.i64(0), depth, 1, initial, [&](Value k, ValueRange carried) {
          SmallVector<Value> next(carried), row;
          Value rightRow = f.element(rightColumn, k, columns * 4);
          for (int64_t i = 0; i < vectors; ++i)
            row.push_back(
                f.load(f.floats(lanes), f.at(rightRow, i * lanes * 4), 4));
          Value leftColumn = f.element(left, k, 4);
          for (int64_t r = 0; r < groupRows; ++r) {
            Value factor = f.splat(
                f.load(f.floats(1), f.at(leftColumn, r * leftStride * 4), 4),
                lanes);
            for (int64_t i = 0; i < vectors; ++i) {
              Value &sum = next[r * vectors + i];
              sum = f.fma(factor, row[i], sum);
            }
          }
          return next;
        });
    for (int64_t r = 0; r < groupRows; ++r)
      for (int64_t i = 0; i < vectors; ++i)
        f.store(sums[r * vectors + i], place(r, i), 4);
  };
  int64_t rest = columns / lanes % vectorsAtOnce,
          whole = columns - rest * lanes;
  f.loop(f.i64(0), f.i64(whole), vectorsAtOnce * lanes,
         [&](Value n) { multiplyAt(n, vectorsAtOnce); });
  if (rest != 0)
    multiplyAt(f.i64(whole), rest);
}

/// Turns the scores of the group's rows, of which `row` is the first, into
/// weights.
void PrefillEmitter::emitSoftmax(Value block, Value row) {
  int64_t lanes = sizes.lanes, vectors = kvTile / lanes;
  f.loop(f.i64(0), f.i64(groupRows), 1, [&](Value r) {
    Value index = f.add(row, r);
    Value context = f.splat(
        f.load(f.b.getI32Type(), f.element(contexts, index, 4), 4), lanes);
    Value place = f.element(scores, r, kvTile * 4);
    SmallVector<Value> s;
    Value largest;
    for (int64_t v = 0; v < vectors; ++v) {
      Value raw = f.load(f.floats(lanes), f.at(place, v * lanes * 4), 4);
      Value position = countFrom(f, f.add(block, v * lanes), lanes);
      s.push_back(hideFrom(f, raw, position, context));
      largest = v == 0
                    ? s[0]
                    : arith::MaxNumFOp::create(f.b, largest, s[v]).getResult();
    }
    Value maximumPlace = f.element(maxima, index, 4);
    Value old = f.load(f.floats(1), maximumPlace, 4);
    Value maximum = arith::MaxNumFOp::create(f.b, old, f.largest(largest));
    Value factor = exp2OfNegative(f, arith::SubFOp::create(f.b, old, maximum));
    Value totalPlace = f.element(totals, index, lanes * 4);
    Value total = arith::MulFOp::create(
        f.b, f.load(f.floats(lanes), totalPlace, 4), f.splat(factor, lanes));
    Value wideMaximum = f.splat(maximum, lanes);
    for (int64_t v = 0; v < vectors; ++v) {
      Value weight =
          exp2OfNegative(f, arith::SubFOp::create(f.b, s[v], wideMaximum));
      f.store(weight, f.at(place, v * lanes * 4), 4);
      total = arith::AddFOp::create(f.b, total, weight);
    }
    f.store(total, totalPlace, 4);
    f.store(maximum, maximumPlace, 4);
    f.store(factor, f.element(factors, r, 4), 4);
  });
}

/// The rows [row, row + groupRows) against the staged `block`.
void PrefillEmitter::emitGroup(const Item &item, Value block, Value row) {
  int64_t rowBytes = sizes.scratchRowBytes();
  multiply(f.element(queries, row, rowBytes), sizes.paddedDim(), keys,
           f.i64(sizes.headDim), scores, kvTile, {});
  emitSoftmax(block, row);
  // Rows of `values` behind the context are left over from earlier blocks.
  Value seen = f.minimum(f.i64(kvTile), f.sub(item.kvLength, block));
  multiply(scores, kvTile, values, seen, f.element(outputs, row, rowBytes),
           sizes.paddedDim(), factors);
}

void PrefillEmitter::storeResult(const Item &item) {
  int64_t lanes = sizes.lanes, rowBytes = sizes.headDim * 4;
  f.loop(f.i64(0), item.rows, 1, [&](Value row) {
    Value token = f.add(item.first, f.divide(row, sizes.group));
    Value head =
        f.add(f.mul(item.kvHead, sizes.group), f.modulo(row, sizes.group));
    Value to =
        f.element(f.resultPointer(0),
                  f.add(f.mul(token, sizes.queryHeads()), head), rowBytes);
    Value total = f.load(f.floats(lanes), f.element(totals, row, lanes * 4), 4);
    Value inverse = f.splat(reciprocalOrZero(f, f.sum(total)), lanes);
    Value from = f.element(outputs, row, sizes.scratchRowBytes());
    for (int64_t v = 0; v < sizes.vectors; ++v) {
      Value sum = f.load(f.floats(lanes), f.at(from, v * lanes * 4), 4);
      storeOfRow(f, sizes, arith::MulFOp::create(f.b, sum, inverse), to, v);
    }
  });
}

void PrefillEmitter::emitTile(Value tile) {
  Item item;
  item.kvHead = f.modulo(tile, sizes.kvHeads);
  Value fields = f.mul(f.divide(tile, sizes.kvHeads), 4);
  auto field = [&](int64_t index) {
    return f.loadIndex(f.workPointer(), f.add(fields, index));
  };
  item.first = field(0);
  item.count = field(1);
  item.pages = pageRow(f, f.pointer(op.getPages()), field(2));
  item.kvLength = field(3);
  item.rows = f.mul(item.count, sizes.group);
  loadQueries(item);
  clearState(item);
  f.loop(f.i64(0), item.kvLength, kvTile, [&](Value block) {
    stage(item, block);
    f.loop(f.i64(0), item.rows, groupRows, [&](Value row) {
      // Positions ascend within an item: a group's last row sees most.
      Value last = f.sub(f.minimum(f.add(row, groupRows), item.rows), f.i64(1));
      Value context = f.loadIndex(contexts, last);
      f.when(f.less(block, context), [&] { emitGroup(item, block, row); });
    });
  });
  storeResult(item);
}

void PrefillEmitter::emit() {
  int64_t rowBytes = sizes.scratchRowBytes();
  queries = f.scratch(mostRows * rowBytes);
  outputs = f.scratch(mostRows * rowBytes);
  contexts = f.scratch(mostRows * 4);
  maxima = f.scratch(mostRows * 4);
  totals = f.scratch(mostRows * sizes.lanes * 4);
  factors = f.scratch(groupRows * 4);
  keys = f.scratch(kvTile * rowBytes);
  values = f.scratch(kvTile * rowBytes);
  scores = f.scratch(groupRows * kvTile * 4);
  f.loop(f.begin(), f.end(), 1, [&](Value tile) { emitTile(tile); });
}

LogicalResult cpu::emitAttentionPrefill(kernel::AttentionPrefillOp op,
                                        func::FuncOp kernel,
                                        const CpuVariant &variant,
                                        ModuleOp module) {
  FailureOr<PagedAttention> sizes = describeAttention(op, variant);
  if (failed(sizes))
    return failure();
  int64_t kvTile = op.getSchedule()->getKvTile();
  if (kvTile <= 0 || kvTile % 16 != 0)
    return op.emitOpError() << "cannot be emitted for kv_tile " << kvTile
                            << ": expected a positive multiple of 16";
  KernelFunction f(kernel, "", variant, module);
  PrefillEmitter(f, op, *sizes).emit();
  f.finish();
  return success();
}
