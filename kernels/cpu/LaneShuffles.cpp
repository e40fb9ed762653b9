//===- LaneShuffles.cpp - Sums and transposes across lanes ----------------===//
//
// The parts of KernelFunction that move values between lanes, in the order that
// x86 does best: inside 128-bit groups of four lanes first, then whole groups.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/KernelFunction.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

namespace {
/// The two shuffles of one step of a transposing reduction; each works on
/// (left, right) of `lanes` lanes.
struct SumStep {
  SmallVector<int64_t> low, high;
};
} // namespace

/// Step `step` of reducing vectors of `lanes`: the first two work inside
/// 128-bit groups of four lanes, where shuffles are cheap, and leave one lane
/// for each of four vectors; the next ones move whole groups.
static SumStep sumStep(int step, int64_t lanes) {
  SumStep result;
  int64_t groups = lanes / 4;
  auto inGroup = [&](SmallVector<int64_t> &to, std::array<int64_t, 4> from) {
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t lane : from)
        to.push_back(lane < 4 ? group * 4 + lane
                              : lanes + group * 4 + lane - 4);
  };
  auto wholeGroups = [&](SmallVector<int64_t> &to, ArrayRef<int64_t> from) {
    for (int64_t group : from)
      for (int64_t lane = 0; lane < 4; ++lane)
        to.push_back(group * 4 + lane);
  };
  if (step == 0) {
    inGroup(result.low, {0, 4, 1, 5});
    inGroup(result.high, {2, 6, 3, 7});
  } else if (step == 1) {
    inGroup(result.low, {0, 1, 4, 5});
    inGroup(result.high, {2, 3, 6, 7});
  } else if (groups == 2) {
    wholeGroups(result.low, {0, 2});
    wholeGroups(result.high, {1, 3});
  } else if (step == 2) {
    wholeGroups(result.low, {0, 1, 4, 5});
    wholeGroups(result.high, {2, 3, 6, 7});
  } else {
    wholeGroups(result.low, {0, 2, 4, 6});
    wholeGroups(result.high, {1, 3, 5, 7});
  }
  return result;
}

Value KernelFunction::sums(ArrayRef<Value> vectors) {
  int64_t count = vectors.size(), lanes = lanesOf(vectors.front());
  assert(llvm::isPowerOf2_64(count) && count <= lanes && lanes >= 4 &&
         "a power of two of vectors, at most as many as lanes");
  SmallVector<Value> rest(vectors);
  // Fewer take the steps of four, so that a row's sum does not depend on how
  // many rows are summed beside it.
  while (rest.size() < 4)
    llvm::append_range(rest, SmallVector<Value>(rest));
  for (int step = 0; rest.size() > 1; ++step) {
    SumStep shuffles = sumStep(step, lanes);
    SmallVector<Value> next;
    for (size_t i = 0; i < rest.size(); i += 2)
      next.push_back(
          arith::AddFOp::create(b, shuffle(rest[i], rest[i + 1], shuffles.low),
                                shuffle(rest[i], rest[i + 1], shuffles.high)));
    rest = std::move(next);
  }
  Value partial = rest.front();
  if (count == 8 && lanes == 16) // groups now hold (0-3, 0-3, 4-7, 4-7)
    return arith::AddFOp::create(
        b, shuffle(partial, partial, {0, 1, 2, 3, 8, 9, 10, 11}),
        shuffle(partial, partial, {4, 5, 6, 7, 12, 13, 14, 15}));
  while (lanesOf(partial) > std::max<int64_t>(count, 4)) {
    int64_t half = lanesOf(partial) / 2;
    partial = arith::AddFOp::create(b, slice(partial, 0, half),
                                    slice(partial, half, half));
  }
  return slice(partial, 0, count);
}

SmallVector<Value> KernelFunction::transpose(ArrayRef<Value> rows) {
  int64_t lanes = rows.size(), groups = lanes / 4;
  assert((lanes == 8 || lanes == 16) && lanesOf(rows.front()) == lanes);
  // Inside 128-bit groups first: afterwards group g of within[4 * i + j] is
  // column 4 * g + j of rows 4 * i .. 4 * i + 3.
  auto pick = [&](Value left, Value right, std::array<int64_t, 4> from) {
    SmallVector<int64_t> indices;
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t lane : from)
        indices.push_back(lane < 4 ? group * 4 + lane
                                   : lanes + group * 4 + lane - 4);
    return shuffle(left, right, indices);
  };
  SmallVector<Value> within;
  for (int64_t i = 0; i < lanes; i += 4) {
    Value low0 = pick(rows[i], rows[i + 1], {0, 4, 1, 5});
    Value high0 = pick(rows[i], rows[i + 1], {2, 6, 3, 7});
    Value low1 = pick(rows[i + 2], rows[i + 3], {0, 4, 1, 5});
    Value high1 = pick(rows[i + 2], rows[i + 3], {2, 6, 3, 7});
    within.push_back(pick(low0, low1, {0, 1, 4, 5}));
    within.push_back(pick(low0, low1, {2, 3, 6, 7}));
    within.push_back(pick(high0, high1, {0, 1, 4, 5}));
    within.push_back(pick(high0, high1, {2, 3, 6, 7}));
  }
  // Then whole groups of two vectors: the even or odd ones, or a half.
  auto move = [&](Value left, Value right, ArrayRef<int64_t> from) {
    SmallVector<int64_t> indices;
    for (int64_t group : from)
      for (int64_t lane = 0; lane < 4; ++lane)
        indices.push_back(group * 4 + lane);
    return shuffle(left, right, indices);
  };
  SmallVector<Value> columns(lanes);
  for (int64_t j = 0; j < 4; ++j) {
    if (groups == 2) {
      columns[j] = move(within[j], within[4 + j], {0, 2});
      columns[4 + j] = move(within[j], within[4 + j], {1, 3});
      continue;
    }
    Value even0 = move(within[j], within[4 + j], {0, 2, 4, 6});
    Value odd0 = move(within[j], within[4 + j], {1, 3, 5, 7});
    Value even1 = move(within[8 + j], within[12 + j], {0, 2, 4, 6});
    Value odd1 = move(within[8 + j], within[12 + j], {1, 3, 5, 7});
    columns[j] = move(even0, even1, {0, 2, 4, 6});
    columns[4 + j] = move(odd0, odd1, {0, 2, 4, 6});
    columns[8 + j] = move(even0, even1, {1, 3, 5, 7});
    columns[12 + j] = move(odd0, odd1, {1, 3, 5, 7});
  }
  return columns;
}
