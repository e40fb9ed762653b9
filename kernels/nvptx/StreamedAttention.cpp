//===- StreamedAttention.cpp - A few queries over a range of KV -----------===//
//
// Loads are not guarded: a position behind the range is replaced with the last
// one, which was written, and its score is hidden. So nothing unwritten is read
// and no weight of 0 meets a NaN.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/StreamedAttention.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

constexpr int64_t loadBytes = 16; // the widest load
// What is kept for each element and row of a lane: a query and a sum.
constexpr int64_t mostElementsHeld = 64;
constexpr int64_t mostRowsHeld = 8;

/// Elements that one load takes: a power of two that divides D.
static int64_t elementsOfLoad(const PagedAttention &sizes, int64_t vector) {
  int64_t elements = loadBytes / sizes.storedBytes;
  if (vector > 0)
    elements = std::min(elements, vector);
  while (sizes.headDim % elements != 0)
    elements /= 2;
  return elements;
}

StreamedSizes::StreamedSizes(const PagedAttention &sizes,
                             kernel::ScheduleAttr schedule)
    : elements(elementsOfLoad(sizes, schedule.getVector())),
      chunks(sizes.headDim / elements),
      lanes(std::min<int64_t>(warpThreads, llvm::bit_ceil(uint64_t(chunks)))),
      chunksPerLane(llvm::divideCeil(chunks, lanes)),
      streams(schedule.getThreads() / lanes),
      unroll(std::max<int64_t>(1, schedule.getKvTile() / streams)) {}

StreamedAttention::StreamedAttention(KernelFunction &f,
                                     const PagedAttention &sizes,
                                     kernel::ScheduleAttr schedule)
    : StreamedSizes(sizes, schedule), f(f), sizes(sizes) {
  int64_t rows = f.warps() * mostRows();
  sharedSums = f.shared(rows * sizes.headDim * 4);
  sharedTotals = f.shared(rows * 8);
}

int64_t StreamedSizes::mostRows() const {
  int64_t held =
      std::max<int64_t>(1, mostElementsHeld / (chunksPerLane * elements));
  return std::min(held, mostRowsHeld);
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

/// Which chunk of a row is this lane's `index`-th; a lane that has none takes
/// chunk 0 for it.
Value StreamedAttention::chunk(int64_t index) {
  Value number = f.add(f.modulo(f.lane(), lanes), index * lanes);
  if (chunks % lanes == 0)
    return number;
  return arith::SelectOp::create(f.b, chunkIsThere(index), number, f.i32(0));
}

Value StreamedAttention::chunkIsThere(int64_t index) {
  Value number = f.add(f.modulo(f.lane(), lanes), index * lanes);
  return f.less(number, f.i32(int32_t(chunks)));
}

/// The lane's elements of a query, scaled; 0 in place of a missing chunk.
SmallVector<Value> StreamedAttention::loadQuery(Value query) {
  SmallVector<Value> all;
  Value scale = f.f32(sizes.queryScale), zero = f.f32(0.0f);
  int64_t alignment = std::min(elements * 4, loadBytes);
  for (int64_t c = 0; c < chunksPerLane; ++c) {
    Value from = f.element(query, chunk(c), elements * 4);
    Value vector = f.load(f.floats(elements), from, alignment);
    for (int64_t i = 0; i < elements; ++i) {
      Value q = arith::MulFOp::create(f.b, f.slice(vector, i, 1), scale);
      if (chunks % lanes != 0)
        q = arith::SelectOp::create(f.b, chunkIsThere(c), q, zero);
      all.push_back(q);
    }
  }
  return all;
}

/// One load of stored elements, bf16 as pairs in words.
Value StreamedAttention::loadRaw(Value address) {
  Type type = sizes.stored;
  int64_t count = elements;
  if (type.isBF16() && elements > 1) {
    type = f.b.getI32Type();
    count = elements / 2;
  }
  Type loaded = count == 1 ? type : Type(VectorType::get({count}, type));
  return f.load(loaded, address, elements * sizes.storedBytes);
}

void StreamedAttention::widenRaw(Value raw, SmallVectorImpl<Value> &to) {
  if (!sizes.stored.isBF16() || elements == 1) {
    Value wide = f.widen(raw);
    for (int64_t i = 0; i < elements; ++i)
      to.push_back(f.slice(wide, i, 1));
    return;
  }
  // A bf16 is the upper half of a float: one instruction each.
  for (int64_t i = 0; i < elements / 2; ++i) {
    Value word = f.slice(raw, i, 1);
    Value low = arith::ShLIOp::create(f.b, word, f.i32(16));
    Value high = arith::AndIOp::create(f.b, word, f.i32(int32_t(0xffff0000)));
    for (Value bits : {low, high})
      to.push_back(arith::BitcastOp::create(f.b, f.b.getF32Type(), bits));
  }
}

//===----------------------------------------------------------------------===//
// The range
//===----------------------------------------------------------------------===//

/// q . k, in all lanes of the group.
Value StreamedAttention::score(ArrayRef<Value> query, ArrayRef<Value> key) {
  Value sum = arith::MulFOp::create(f.b, query[0], key[0]);
  for (auto [q, k] : llvm::zip(query.drop_front(), key.drop_front()))
    sum = f.fma(q, k, sum);
  return f.sumOverLanes(sum, lanes);
}

/// Takes in `unroll` positions.
void StreamedAttention::update(State &state, ArrayRef<Value> scores,
                               ArrayRef<SmallVector<Value>> values) {
  Value maximum = state.maximum;
  for (Value score : scores)
    maximum = arith::MaxNumFOp::create(f.b, maximum, score);
  Value factor = exp2OfDifference(f, state.maximum, maximum);
  state.maximum = maximum;
  state.total = arith::MulFOp::create(f.b, state.total, factor);
  for (Value &sum : state.sums)
    sum = arith::MulFOp::create(f.b, sum, factor);
  for (auto [score, value] : llvm::zip(scores, values)) {
    Value weight = exp2OfDifference(f, score, maximum);
    state.total = arith::AddFOp::create(f.b, state.total, weight);
    for (auto [sum, element] : llvm::zip(state.sums, value))
      sum = f.fma(weight, element, sum);
  }
}

/// Positions of the stream in the step of the block from `base` on.
SmallVector<Value> StreamedAttention::stepPositions(Value base) {
  Value first = f.add(base, f.divide(f.thread(), lanes));
  SmallVector<Value> positions;
  for (int64_t u = 0; u < unroll; ++u)
    positions.push_back(f.add(first, u * streams));
  return positions;
}

/// Pages of `positions`, those behind `end` taken for it.
SmallVector<Value> StreamedAttention::loadPages(const KvHead &kv,
                                                ArrayRef<Value> positions,
                                                Value end) {
  SmallVector<Value> pages;
  for (Value position : positions)
    pages.push_back(loadPage(f, sizes, kv, f.minimum(position, end)));
  return pages;
}

/// Keys and values at `positions`, whose pages are known.
StreamedAttention::Step StreamedAttention::loadStep(const KvHead &kv,
                                                    ArrayRef<Value> positions,
                                                    ValueRange pages,
                                                    Value end) {
  SmallVector<Value> keys, values;
  for (auto [position, page] : llvm::zip(positions, pages)) {
    Value offset = kvOffset(f, sizes, page, f.minimum(position, end));
    for (int64_t c = 0; c < chunksPerLane; ++c) {
      Value inRow = f.mul(chunk(c), elements * sizes.storedBytes);
      Value at =
          f.add(offset, arith::ExtSIOp::create(f.b, f.b.getI64Type(), inRow));
      keys.push_back(loadRaw(f.at(kv.keys, at)));
      values.push_back(loadRaw(f.at(kv.values, at)));
    }
  }
  // All loads are under way before the first is used.
  Step step = {SmallVector<SmallVector<Value>>(unroll),
               SmallVector<SmallVector<Value>>(unroll)};
  for (int64_t i = 0; i < unroll * chunksPerLane; ++i) {
    widenRaw(keys[i], step.keys[i / chunksPerLane]);
    widenRaw(values[i], step.values[i / chunksPerLane]);
  }
  return step;
}

StreamedAttention::State StreamedAttention::unpack(ValueRange carried,
                                                   int64_t row) {
  int64_t perRow = chunksPerLane * elements + 2;
  ValueRange own = carried.slice(row * perRow, perRow);
  return {own[0], own[1], SmallVector<Value>(own.drop_front(2))};
}

/// Carries the rows' states, then the pages of the step.
SmallVector<StreamedAttention::State>
StreamedAttention::stream(const KvHead &kv, Value first, Value last,
                          ArrayRef<Row> rows) {
  SmallVector<SmallVector<Value>> queries;
  SmallVector<Value> initial;
  for (const Row &row : rows) {
    queries.push_back(loadQuery(row.query));
    initial.push_back(f.f32(noMaximum));
    initial.append(chunksPerLane * elements + 1, f.f32(0.0f));
  }
  Value end = f.sub(last, f.i32(1));
  llvm::append_range(initial, loadPages(kv, stepPositions(first), end));

  int64_t stepLength = unroll * streams;
  auto body = [&](Value base, ValueRange carried) -> SmallVector<Value> {
    SmallVector<Value> positions = stepPositions(base), next;
    Step step = loadStep(kv, positions, carried.take_back(unroll), end);
    SmallVector<Value> pages =
        loadPages(kv, stepPositions(f.add(base, stepLength)), end);
    for (auto [r, row] : llvm::enumerate(rows)) {
      State state = unpack(carried, int64_t(r));
      SmallVector<Value> scores;
      for (auto [key, position] : llvm::zip(step.keys, positions))
        scores.push_back(
            hideFrom(f, score(queries[r], key), position, row.context));
      update(state, scores, step.values);
      next.append({state.maximum, state.total});
      llvm::append_range(next, state.sums);
    }
    llvm::append_range(next, pages);
    return next;
  };
  SmallVector<Value> done = f.loop(first, last, stepLength, initial, body);
  SmallVector<State> states;
  for (size_t row = 0; row < rows.size(); ++row)
    states.push_back(unpack(done, int64_t(row)));
  return states;
}

//===----------------------------------------------------------------------===//
// The end of a range
//===----------------------------------------------------------------------===//

/// Merges the streams of the warp, in every one of them.
void StreamedAttention::mergeOverWarp(State &state) {
  if (lanes == warpThreads)
    return;
  auto overStreams = [&](Value value, auto combine) {
    for (int64_t mask = lanes; mask < warpThreads; mask *= 2)
      value = combine(value, f.exchange(value, mask));
    return value;
  };
  auto sum = [&](Value value, Value factor) {
    value = arith::MulFOp::create(f.b, value, factor);
    return overStreams(value, [&](Value a, Value c) -> Value {
      return arith::AddFOp::create(f.b, a, c);
    });
  };
  Value maximum = overStreams(state.maximum, [&](Value a, Value c) -> Value {
    return arith::MaxNumFOp::create(f.b, a, c);
  });
  Value factor = exp2OfDifference(f, state.maximum, maximum);
  state.maximum = maximum;
  state.total = sum(state.total, factor);
  for (Value &element : state.sums)
    element = sum(element, factor);
}

/// Writes a row of the warp to shared memory, from its first stream.
void StreamedAttention::shareState(const State &state, int64_t row,
                                   int64_t rows) {
  Value index = f.add(f.mul(f.warp(), rows), row);
  Value to = f.element(sharedSums, index, sizes.headDim * 4);
  int64_t alignment = std::min(elements * 4, loadBytes);
  f.when(f.less(f.lane(), f.i32(int32_t(lanes))), [&] {
    for (int64_t c = 0; c < chunksPerLane; ++c) {
      Value vector = state.sums[c * elements];
      if (elements > 1)
        vector = vector::FromElementsOp::create(
            f.b, cast<VectorType>(f.floats(elements)),
            ArrayRef<Value>(state.sums).slice(c * elements, elements));
      auto put = [&] {
        f.store(vector, f.element(to, chunk(c), elements * 4), alignment);
      };
      if (chunks % lanes == 0)
        put();
      else
        f.when(chunkIsThere(c), put);
    }
  });
  Value isFirst =
      arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq, f.lane(), f.i32(0));
  f.when(isFirst, [&] {
    Value tail = f.element(sharedTotals, index, 8);
    f.store(state.maximum, tail, 4);
    f.store(state.total, f.at(tail, 4), 4);
  });
}

/// Merges the warps: a thread takes a few columns of a row at a time.
void StreamedAttention::mergeOverBlock(int64_t rows, Store store) {
  int64_t width = sizes.headDim % 4 == 0 ? 4 : 1;
  int64_t perRow = sizes.headDim / width;
  f.loop(f.thread(), f.i32(int32_t(rows * perRow)), f.threads, [&](Value i) {
    Value row = f.divide(i, perRow);
    Value column = f.mul(f.modulo(i, perRow), width);
    SmallVector<Value> maxima, totals;
    Value maximum = f.f32(noMaximum);
    for (int64_t warp = 0; warp < f.warps(); ++warp) {
      Value tail = f.element(sharedTotals, f.add(row, warp * rows), 8);
      maxima.push_back(f.load(f.floats(1), tail, 4));
      totals.push_back(f.load(f.floats(1), f.at(tail, 4), 4));
      maximum = arith::MaxNumFOp::create(f.b, maximum, maxima.back());
    }
    Value total = f.f32(0.0f), sums = f.f32(0.0f, width);
    for (int64_t warp = 0; warp < f.warps(); ++warp) {
      Value factor = exp2OfDifference(f, maxima[warp], maximum);
      total = f.fma(totals[warp], factor, total);
      Value from = f.element(
          f.element(sharedSums, f.add(row, warp * rows), sizes.headDim * 4),
          column, 4);
      sums = f.fma(f.load(f.floats(width), from, width * 4),
                   f.splat(factor, width), sums);
    }
    store(row, column, sums, maximum, total);
  });
}

void StreamedAttention::run(const KvHead &kv, Value first, Value last,
                            ArrayRef<Row> rows, Store store) {
  auto count = int64_t(rows.size());
  assert(count <= mostRows() && "more rows than registers hold");
  auto somePositions = [&] {
    SmallVector<State> states = stream(kv, first, last, rows);
    f.barrier(); // the states of the range before this one have been read
    for (auto [row, state] : llvm::enumerate(states)) {
      mergeOverWarp(state);
      shareState(state, int64_t(row), count);
    }
    f.barrier();
    mergeOverBlock(count, store);
  };
  auto noPositions = [&] {
    int64_t width = sizes.headDim % 4 == 0 ? 4 : 1;
    int64_t perRow = sizes.headDim / width;
    f.loop(f.thread(), f.i32(int32_t(count * perRow)), f.threads, [&](Value i) {
      store(f.divide(i, perRow), f.mul(f.modulo(i, perRow), width),
            f.f32(0.0f, width), f.f32(noMaximum), f.f32(0.0f));
    });
  };
  f.when(f.less(first, last), somePositions, noPositions);
}
