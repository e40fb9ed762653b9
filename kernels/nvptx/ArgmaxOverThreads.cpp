//===- ArgmaxOverThreads.cpp - The largest value of many threads ----------===//
//
// Butterflies within a warp, then one pair a warp through shared memory.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/ArgmaxOverThreads.h"

#include <limits>

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

Candidate gpu::noCandidate(KernelFunction &f) {
  return {f.f32(-std::numeric_limits<float>::infinity()),
          f.i32(std::numeric_limits<int32_t>::max())};
}

Candidate gpu::candidate(KernelFunction &f, Value value, Value index) {
  Value lowest = f.f32(-std::numeric_limits<float>::infinity());
  return {arith::MaxNumFOp::create(f.b, value, lowest), index};
}

Candidate gpu::better(KernelFunction &f, Candidate left, Candidate right) {
  using arith::CmpFOp, arith::CmpFPredicate, arith::CmpIOp;
  Value more = CmpFOp::create(f.b, CmpFPredicate::OGT, right.value, left.value);
  Value equal =
      CmpFOp::create(f.b, CmpFPredicate::OEQ, right.value, left.value);
  Value lower =
      CmpIOp::create(f.b, arith::CmpIPredicate::slt, right.index, left.index);
  Value wins =
      arith::OrIOp::create(f.b, more, arith::AndIOp::create(f.b, equal, lower));
  return {arith::SelectOp::create(f.b, wins, right.value, left.value),
          arith::SelectOp::create(f.b, wins, right.index, left.index)};
}

Candidate gpu::bestOverWarp(KernelFunction &f, Candidate candidate) {
  for (int64_t mask = warpThreads / 2; mask > 0; mask /= 2)
    candidate = better(
        f, candidate,
        {f.exchange(candidate.value, mask), f.exchange(candidate.index, mask)});
  return candidate;
}

Candidate gpu::bestOverBlock(KernelFunction &f, Candidate candidate) {
  candidate = bestOverWarp(f, candidate);
  if (f.warps() == 1)
    return candidate;
  Value pairs = f.shared(f.warps() * 8);
  f.barrier(); // what a call before this one left has been read
  Value first =
      arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq, f.lane(), f.i32(0));
  f.when(first, [&] {
    Value pair = f.element(pairs, f.warp(), 8);
    f.store(candidate.value, pair, 4);
    f.store(candidate.index, f.at(pair, 4), 4);
  });
  f.barrier();
  auto load = [&](int64_t warp) {
    Value pair = f.at(pairs, warp * 8);
    return Candidate{f.load(f.floats(1), pair, 4),
                     f.load(f.b.getI32Type(), f.at(pair, 4), 4)};
  };
  Candidate best = load(0);
  for (int64_t warp = 1; warp < f.warps(); ++warp)
    best = better(f, best, load(warp));
  return best;
}
