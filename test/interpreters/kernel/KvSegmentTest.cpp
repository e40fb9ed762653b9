//===- KvSegmentTest.cpp - Segments that write the KV cache ---------------===//
//
// Rotary pairs, slots, padding and rounding, as the epilogue of one matmul.
//
//===----------------------------------------------------------------------===//

#include "KernelProgram.h"

using namespace quipu;
using namespace quipu::kernel;

namespace {

/// Keys with a rotary embedding of `couple`, values as they are.
std::string kvText(std::string couple) {
  return R"mlir(
    func.func @f(%x: tensor<?x3xf32>, %k: tensor<8x3xf32>, %v: tensor<8x3xf32>,
                 %table: tensor<?x2x2xf32>, %positions: tensor<?xi32>,
                 %slots: tensor<?xi32>, %kv: !llama.kv<2, 4, page 2, f16>)
        -> !llama.kv<2, 4, page 2, f16> {
      %0 = kernel.matmul "kv" tokens -> !llama.kv<2, 4, page 2, f16> {
        kernel.prologue %x : tensor<?x3xf32>
        kernel.segment )mlir" +
         couple + R"mlir( head_dim 4 into keys weights(%k : tensor<8x3xf32>)
            angles(%table, %positions : tensor<?x2x2xf32>, tensor<?xi32>)
            kv(%kv : !llama.kv<2, 4, page 2, f16>, %slots : tensor<?xi32>) {
        ^bb0(%a: f32, %b: f32, %c: f32, %s: f32):
          %0 = arith.mulf %a, %c : f32
          %1 = arith.mulf %b, %s : f32
          %2 = arith.subf %0, %1 : f32
          %3 = arith.mulf %b, %c : f32
          %4 = arith.mulf %a, %s : f32
          %5 = arith.addf %3, %4 : f32
          kernel.yield %2, %5 : f32, f32
        }
        kernel.segment single head_dim 4 into values weights(%v : tensor<8x3xf32>)
            kv(%kv : !llama.kv<2, 4, page 2, f16>, %slots : tensor<?xi32>) {
        ^bb0(%y: f32):
          kernel.yield %y : f32
        }
      }
      return %0 : !llama.kv<2, 4, page 2, f16>
    })mlir";
}

class KvSegments : public testing::TestWithParam<bool> {};

TEST_P(KvSegments, RotatePairsAndStoreBySlot) {
  bool half = GetParam();
  KernelProgram program(kvText(half ? "half" : "interleaved"));
  DenseTensor x = randomTensor({3, 3}, 1), k = randomTensor({8, 3}, 2);
  DenseTensor v = randomTensor({8, 3}, 3), table = randomTensor({9, 2, 2}, 4);
  std::vector<int32_t> positions = {8, 0, 5}, slots = {4, -1, 1};
  KvState before{randomTensor({6, 8}, 5), randomTensor({6, 8}, 6)};

  KvState exact = before;
  for (int64_t t : {0, 2})
    for (int64_t head = 0; head < 2; ++head)
      for (int64_t i = 0; i < 2; ++i) {
        int64_t a = head * 4 + (half ? i : 2 * i);
        int64_t b = head * 4 + (half ? i + 2 : 2 * i + 1);
        double c = table.row(positions[t])[2 * i];
        double s = table.row(positions[t])[2 * i + 1];
        double ya = dot(k.row(a), x.row(t)), yb = dot(k.row(b), x.row(t));
        exact.keys.row(slots[t])[a] = ya * c - yb * s;
        exact.keys.row(slots[t])[b] = yb * c + ya * s;
        for (int64_t n : {a, b})
          exact.values.row(slots[t])[n] = dot(v.row(n), x.row(t));
      }
  KvState stored = exact;
  for (int64_t slot : {4, 1})
    for (DenseTensor *cache : {&stored.keys, &stored.values})
      for (double &value : cache->row(slot))
        value = halfToFloat(floatToHalf(float(value)));

  for (KernelInterpreterOptions options : allOrders())
    for (KvRounding rounding : {KvRounding::exact, KvRounding::stored}) {
      options.rounding = rounding;
      auto results = program.run({x, k, v, table, indexTensor({3}, positions),
                                  indexTensor({3}, slots), before},
                                 options);
      const auto &kv = std::get<KvState>(results.at(0));
      const KvState &expected = rounding == KvRounding::exact ? exact : stored;
      expectNear(kv.keys, expected.keys);
      expectNear(kv.values, expected.values);
    }
}

INSTANTIATE_TEST_SUITE_P(Pairings, KvSegments, testing::Bool());

} // namespace
