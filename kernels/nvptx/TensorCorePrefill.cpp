//===- TensorCorePrefill.cpp - Prefill attention on tensor cores ----------===//
//
// A block takes warps * 16 rows of an item at a time and walks the context in
// blocks of kv_tile positions; its N = kv_tile, t = lane % 4, g = lane / 4:
//
//              D                    warp w: rows 16 w .. 16 w + 15
//        +-----------+  Q: 16 x D   registers, bf16 or f16, scaled, kept
//      N |  K slot s |  S = Q K^T   16 x N f32 sums, lane: rows g, g + 8
//        +-----------+  P = 2^(S-m) the same registers, packed in pairs
//      N |  V slot s |  O += P V    16 x D f32 sums
//        +-----------+
//
// All threads copy K and V of a block with cp.async, 16 bytes each, `stages`
// slots of 2 N rows in shared memory: stages - 1 blocks, 2 N D x 2 bytes each,
// are in flight while one is used. One barrier a block: behind it the block's
// copies of all threads are there, and the slot of the block before is free for
// the next copies. Chunk c of 16 bytes of row r lies at c ^ (r % 8) of a pitch
// of whole 128 bytes, so that neither copies nor ldmatrix meet in a bank; where
// 8 threads that copy together reach into the next row, the bits of r % 8 are
// taken in reverse, so that neighbouring rows differ in the highest.
//
// Positions behind the item's context become zeros in shared memory; positions
// behind a row's own are hidden, only in blocks where the warp has such rows.
// Floor: 4 D multiply-adds per row and visible position on tensor cores.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/AttentionPrefill.h"
#include "kernels/nvptx/BlockMemory.h"
#include "kernels/nvptx/TensorCore.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Arithmetic;

constexpr int64_t chunkBytes = 16, chunkElements = 8;
constexpr int64_t everyPosition = (int64_t(1) << 31) - 1;

namespace {
class TensorCorePrefill final : public PrefillEmitter {
public:
  TensorCorePrefill(KernelFunction &f, kernel::AttentionPrefillOp op,
                    const PagedAttention &sizes);

private:
  /// The rows of one pass, as a lane sees them: member 0 is row g of its
  /// warp's 16, member 1 row g + 8.
  struct Rows {
    Value number[2];
    Value context[2];   // everyPosition for rows that are not there
    Value leastContext; // of the warp
    SmallVector<SmallVector<Value>> query; // fragments by 16 columns
  };
  /// What the walk carries.
  struct State {
    SmallVector<Value> maximum, total; // (2); totals of the lane's columns
    SmallVector<Value> sums;           // (D / 8, 4)
  };

  void emitItem(const PrefillItem &item) override;
  void emitPass(const PrefillItem &item, Value firstRow);
  Rows loadRows(const PrefillItem &item, Value firstRow);
  void stage(const PrefillItem &item, Value block, Value limit);
  Value slot(Value block);
  void addBlock(const Rows &rows, Value block, State &state);
  SmallVector<Value> scores(const Rows &rows, Value keys);
  SmallVector<Value> hide(const Rows &rows, Value block,
                          const SmallVector<Value> &scores);
  void softmax(SmallVector<Value> &scores, State &state);
  void addValues(ValueRange weights, Value values, State &state);
  void storeRows(const PrefillItem &item, const Rows &rows, State &state);

  /// Where chunk `chunk` of row `row`, of 8 rows, stands in its row.
  Value swizzle(Value chunk, Value row);
  /// Byte offset in a tile of the address that this lane gives to ldmatrix for
  /// 16 x 16 elements: row `matrix bit rowBit` * 8 + lane % 8 of the 16, chunk
  /// 2 * index + the other bit.
  Value matrixOffset(int64_t index, int64_t rowBit);

  Arithmetic arithmetic;
  int64_t kvTile; // N
  int64_t stages;
  PrefillMemory memory;
  Value tiles; // (stages, 2, N) rows of memory.pitch() bytes
};
} // namespace

TensorCorePrefill::TensorCorePrefill(KernelFunction &f,
                                     kernel::AttentionPrefillOp op,
                                     const PagedAttention &sizes)
    : PrefillEmitter(f, op, sizes),
      arithmetic(sizes.stored.isF16() ? Arithmetic::f16 : Arithmetic::bf16),
      kvTile(schedule.getKvTile()),
      stages(std::max<int64_t>(2, schedule.getStages())),
      memory{kvTile, stages, sizes.rowBytes()},
      tiles(f.shared(memory.bytes())) {}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

/// Where K of `block` lies; V follows it.
Value TensorCorePrefill::slot(Value block) {
  Value index = f.modulo(f.divide(block, kvTile), stages);
  return f.element(tiles, index, 2 * memory.tileBytes());
}

/// Starts the copies of positions [block, block + N), if below `limit`, and
/// closes their group.
void TensorCorePrefill::stage(const PrefillItem &item, Value block,
                              Value limit) {
  int64_t chunks = sizes.headDim / chunkElements, all = kvTile * chunks;
  bool onePage = sizes.pageSize % kvTile == 0;
  Value end = f.sub(item.kvLength, f.i32(1));
  auto copies = [&] {
    Value to = slot(block), page;
    if (onePage)
      page = loadPage(f, sizes, item.kv, block);
    for (int64_t i = 0; i < all; i += f.threads) {
      Value index = f.add(f.thread(), i);
      Value row = f.divide(index, chunks), chunk = f.modulo(index, chunks);
      auto copy = [&] {
        Value position = f.add(block, row);
        Value known = f.minimum(position, end);
        Value bytes = arith::SelectOp::create(
            f.b, f.less(end, position), f.i32(0), f.i32(int32_t(chunkBytes)));
        Value from = kvOffset(
            f, sizes, onePage ? page : loadPage(f, sizes, item.kv, known),
            known);
        Value swizzled = swizzle(chunk, f.modulo(row, 8));
        Value place =
            f.element(f.element(to, row, memory.pitch()), swizzled, chunkBytes);
        copyAsync(f, place,
                  f.element(f.at(item.kv.keys, from), chunk, chunkBytes),
                  bytes);
        copyAsync(f, f.at(place, memory.tileBytes()),
                  f.element(f.at(item.kv.values, from), chunk, chunkBytes),
                  bytes);
      };
      if (i + f.threads <= all)
        copy();
      else
        f.when(f.less(index, f.i32(int32_t(all))), copy);
    }
  };
  f.when(f.less(block, limit), copies);
  commitCopies(f);
}

TensorCorePrefill::Rows TensorCorePrefill::loadRows(const PrefillItem &item,
                                                    Value firstRow) {
  Rows rows;
  Value warpRow = f.add(firstRow, f.mul(f.warp(), mmaRows));
  auto contextOf = [&](Value row) -> Value {
    Value seen = context(item, clampedRow(item, row));
    return arith::SelectOp::create(f.b, f.less(row, item.rows), seen,
                                   f.i32(int32_t(everyPosition)));
  };
  rows.leastContext = contextOf(warpRow);
  Value scale = f.f32(sizes.queryScale, 2);
  Value queries[2];
  for (int64_t member = 0; member < 2; ++member) {
    Value row = f.add(f.add(warpRow, f.divide(f.lane(), 4)), member * 8);
    rows.number[member] = row;
    rows.context[member] = contextOf(row);
    Value from =
        rowAddress(item, f.pointer(op.getQuery()), clampedRow(item, row));
    queries[member] = f.element(from, f.modulo(f.lane(), 4), 8);
  }
  for (int64_t column = 0; column < sizes.headDim; column += mmaDepth) {
    SmallVector<Value> values;
    for (int64_t half = 0; half < 2; ++half)
      for (Value from : queries) {
        Value pair =
            f.load(f.floats(2), f.at(from, (column + half * 8) * 4), 8);
        pair = arith::MulFOp::create(f.b, pair, scale);
        values.append({f.slice(pair, 0, 1), f.slice(pair, 1, 1)});
      }
    rows.query.push_back(packPairs(f, values, arithmetic));
  }
  return rows;
}

Value TensorCorePrefill::swizzle(Value chunk, Value row) {
  Value bits = row;
  if (sizes.rowBytes() % PrefillMemory::bankBytes != 0) {
    Value low = f.mul(f.modulo(row, 2), 4), high = f.divide(row, 4);
    Value middle = arith::AndIOp::create(f.b, row, f.i32(2));
    bits = f.add(f.add(low, middle), high);
  }
  return arith::XOrIOp::create(f.b, chunk, bits);
}

Value TensorCorePrefill::matrixOffset(int64_t index, int64_t rowBit) {
  Value inMatrix = f.modulo(f.lane(), 8), matrix = f.divide(f.lane(), 8);
  auto bit = [&](int64_t which) {
    return f.modulo(f.divide(matrix, 1 << which), 2);
  };
  Value row = f.add(f.mul(bit(rowBit), 8), inMatrix);
  Value chunk = f.add(bit(1 - rowBit), 2 * index);
  Value swizzled = swizzle(chunk, inMatrix);
  return f.add(f.mul(row, memory.pitch()), f.mul(swizzled, chunkBytes));
}

//===----------------------------------------------------------------------===//
// A block of positions
//===----------------------------------------------------------------------===//

/// S: (N / 8, 4) sums.
SmallVector<Value> TensorCorePrefill::scores(const Rows &rows, Value keys) {
  SmallVector<Value> all(kvTile / mmaColumns * 4, f.f32(0.0f));
  for (auto [k, query] : llvm::enumerate(rows.query)) {
    Value from = f.at(keys, matrixOffset(int64_t(k), /*rowBit=*/1));
    for (int64_t n = 0; n < kvTile; n += 16) {
      SmallVector<Value> key = loadMatrices(f, f.at(from, n * memory.pitch()));
      for (int64_t half = 0; half < 2; ++half) {
        Value *sums = &all[(n / mmaColumns + half) * 4];
        llvm::copy(multiply(f, arithmetic, query,
                            ValueRange(key).slice(half * 2, 2),
                            SmallVector<Value>(sums, sums + 4)),
                   sums);
      }
    }
  }
  return all;
}

/// Hides what a row must not see.
SmallVector<Value> TensorCorePrefill::hide(const Rows &rows, Value block,
                                           const SmallVector<Value> &scores) {
  Value end = f.add(block, kvTile);
  Value needed = f.less(rows.leastContext, end);
  SmallVector<Type> types(scores.size(), f.b.getF32Type());
  auto ifOp = scf::IfOp::create(f.b, types, needed, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(f.b);
  f.b.setInsertionPointToStart(&ifOp.getThenRegion().front());
  Value first = f.add(block, f.mul(f.modulo(f.lane(), 4), 2));
  SmallVector<Value> hiding;
  for (auto [i, score] : llvm::enumerate(scores)) {
    auto column = int64_t(i) / 4 * mmaColumns + int64_t(i) % 2;
    hiding.push_back(
        hideFrom(f, score, f.add(first, column), rows.context[i / 2 % 2]));
  }
  scf::YieldOp::create(f.b, hiding);
  f.b.setInsertionPointToStart(&ifOp.getElseRegion().front());
  scf::YieldOp::create(f.b, scores);
  return SmallVector<Value>(ifOp.getResults());
}

/// Turns scores into weights and brings maxima, totals and sums up to date.
void TensorCorePrefill::softmax(SmallVector<Value> &scores, State &state) {
  for (int64_t member = 0; member < 2; ++member) {
    auto ofMember = [&](size_t i) { return int64_t(i) / 2 % 2 == member; };
    Value largest;
    for (auto [i, score] : llvm::enumerate(scores))
      if (ofMember(i))
        largest =
            largest ? arith::MaxNumFOp::create(f.b, largest, score).getResult()
                    : score;
    Value old = state.maximum[member];
    Value maximum =
        arith::MaxNumFOp::create(f.b, old, f.largestOverLanes(largest, 4));
    Value factor = exp2OfDifference(f, old, maximum);
    Value total = arith::MulFOp::create(f.b, state.total[member], factor);
    for (auto [i, score] : llvm::enumerate(scores))
      if (ofMember(i)) {
        score = exp2OfDifference(f, score, maximum);
        total = arith::AddFOp::create(f.b, total, score);
      }
    for (auto [i, sum] : llvm::enumerate(state.sums))
      if (ofMember(i))
        sum = arith::MulFOp::create(f.b, sum, factor);
    state.maximum[member] = maximum;
    state.total[member] = total;
  }
}

/// O += P V: the sums of two 8 columns of S are the fragment of 16 of P.
void TensorCorePrefill::addValues(ValueRange weights, Value values,
                                  State &state) {
  for (int64_t n = 0; n < kvTile; n += mmaDepth) {
    SmallVector<Value> fragment = packPairs(
        f, weights.slice(n / mmaColumns * 4, 8), arithmetic, /*fits=*/true);
    for (int64_t d = 0; d < sizes.headDim; d += 16) {
      Value from = f.at(f.at(values, matrixOffset(d / 16, /*rowBit=*/0)),
                        n * memory.pitch());
      SmallVector<Value> value = loadMatrices(f, from, /*transposed=*/true);
      for (int64_t half = 0; half < 2; ++half) {
        Value *sums = &state.sums[(d / mmaColumns + half) * 4];
        llvm::copy(multiply(f, arithmetic, fragment,
                            ValueRange(value).slice(half * 2, 2),
                            SmallVector<Value>(sums, sums + 4)),
                   sums);
      }
    }
  }
}

void TensorCorePrefill::addBlock(const Rows &rows, Value block, State &state) {
  Value keys = slot(block);
  SmallVector<Value> weights = hide(rows, block, scores(rows, keys));
  softmax(weights, state);
  addValues(weights, f.at(keys, memory.tileBytes()), state);
}

//===----------------------------------------------------------------------===//
// A pass over the context
//===----------------------------------------------------------------------===//

void TensorCorePrefill::storeRows(const PrefillItem &item, const Rows &rows,
                                  State &state) {
  for (int64_t member = 0; member < 2; ++member) {
    Value total = f.sumOverLanes(state.total[member], 4);
    Value inverse = reciprocalOrZero(f, total);
    Value row = rows.number[member];
    f.when(f.less(row, item.rows), [&] {
      Value to = f.element(rowAddress(item, f.resultPointer(0), row),
                           f.modulo(f.lane(), 4), 8);
      for (int64_t d = 0; d < sizes.headDim; d += mmaColumns)
        for (int64_t i = 0; i < 2; ++i) {
          Value sum = state.sums[d / mmaColumns * 4 + member * 2 + i];
          f.store(arith::MulFOp::create(f.b, sum, inverse),
                  f.at(to, (d + i) * 4), 4);
        }
    });
  }
}

void TensorCorePrefill::emitPass(const PrefillItem &item, Value firstRow) {
  int64_t passRows = f.warps() * mmaRows;
  Rows rows = loadRows(item, firstRow);
  // Positions ascend within an item: its last row sees most.
  Value lastRow = clampedRow(item, f.add(firstRow, passRows - 1));
  Value limit = f.minimum(item.kvLength, context(item, lastRow));
  f.barrier(); // the slots of the pass before this one are free
  for (int64_t s = 0; s + 1 < stages; ++s)
    stage(item, f.i32(int32_t(s * kvTile)), limit);

  SmallVector<Value> initial(2, f.f32(noMaximum));
  initial.append(2 + sizes.headDim / mmaColumns * 4, f.f32(0.0f));
  auto split = [](ValueRange carried) -> State {
    return {SmallVector<Value>(carried.take_front(2)),
            SmallVector<Value>(carried.slice(2, 2)),
            SmallVector<Value>(carried.drop_front(4))};
  };
  SmallVector<Value> done =
      f.loop(f.i32(0), limit, kvTile, initial,
             [&](Value block, ValueRange carried) -> SmallVector<Value> {
               awaitCopies(f, stages - 2);
               f.barrier(); // this block is there; the one before has been used
               stage(item, f.add(block, (stages - 1) * kvTile), limit);
               State state = split(carried);
               addBlock(rows, block, state);
               SmallVector<Value> next(state.maximum);
               llvm::append_range(next, state.total);
               llvm::append_range(next, state.sums);
               return next;
             });
  State state = split(done);
  storeRows(item, rows, state);
}

void TensorCorePrefill::emitItem(const PrefillItem &item) {
  f.loop(f.i32(0), item.rows, f.warps() * mmaRows,
         [&](Value firstRow) { emitPass(item, firstRow); });
}

bool gpu::usesTensorCores(const PagedAttention &sizes) {
  return sizes.storedBytes == 2 && sizes.headDim % mmaDepth == 0 &&
         sizes.headDim <= PrefillMemory::mostHeadDim;
}

std::unique_ptr<PrefillEmitter>
gpu::makeTensorCorePrefill(KernelFunction &f, kernel::AttentionPrefillOp op,
                           const PagedAttention &sizes) {
  if (!usesTensorCores(sizes))
    return nullptr;
  return std::make_unique<TensorCorePrefill>(f, op, sizes);
}
