//===- AttentionMerge.cpp - Partial results of split attention ------------===//
//
// Where attention_decode leaves what a split found, and how the splits of a
// query head become its result. The layout is that of AttentionDecode.cpp.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/PagedAttention.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

Value cpu::partialAt(KernelFunction &f, const PagedAttention &sizes,
                     Value token, Value queryHead, Value split) {
  Value row = f.add(f.mul(token, sizes.queryHeads()), queryHead);
  Value index = f.add(f.mul(row, f.dim(Dim::splits)), split);
  return f.element(f.partialsPointer(), index, (sizes.headDim + 2) * 4);
}

void cpu::emitMergeHead(KernelFunction &f, const PagedAttention &sizes,
                        Value token, Value queryHead) {
  Value zero = f.i64(0), splits = f.dim(Dim::splits);
  int64_t tail = sizes.headDim * 4;
  Value first = partialAt(f, sizes, token, queryHead, zero);
  auto partial = [&](Value split) {
    return f.element(first, split, (sizes.headDim + 2) * 4);
  };
  Value maximum =
      f.loop(zero, splits, 1, {f.f32(noMaximum)},
             [&](Value split, ValueRange carried) -> SmallVector<Value> {
               Value m = f.load(f.floats(1), f.at(partial(split), tail), 4);
               return {arith::MaxNumFOp::create(f.b, carried[0], m)};
             })[0];
  SmallVector<Value> initial(sizes.vectors, f.f32(0.0f, sizes.lanes));
  initial.push_back(f.f32(0.0f));
  auto merged =
      f.loop(zero, splits, 1, initial, [&](Value split, ValueRange carried) {
        SmallVector<Value> next;
        Value from = partial(split);
        Value m = f.load(f.floats(1), f.at(from, tail), 4);
        Value factor =
            exp2OfNegative(f, arith::SubFOp::create(f.b, m, maximum));
        Value wideFactor = f.splat(factor, sizes.lanes);
        for (int64_t v = 0; v < sizes.vectors; ++v)
          next.push_back(f.fma(loadOfRow(f, sizes, from, f.b.getF32Type(), v),
                               wideFactor, carried[v]));
        Value total = f.load(f.floats(1), f.at(from, tail + 4), 4);
        next.push_back(f.fma(total, factor, carried.back()));
        return next;
      });
  Value inverse = f.splat(reciprocalOrZero(f, merged.back()), sizes.lanes);
  Value row = f.add(f.mul(token, sizes.queryHeads()), queryHead);
  Value result = f.element(f.resultPointer(0), row, sizes.headDim * 4);
  for (int64_t v = 0; v < sizes.vectors; ++v)
    storeOfRow(f, sizes, arith::MulFOp::create(f.b, merged[v], inverse), result,
               v);
}
