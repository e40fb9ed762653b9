//===- MatmulTest.cpp - matmul on a GPU -----------------------------------===//
//
// In the emulator, against the interpreter: both emitters, all stored types,
// couples, destinations and sizes that end inside loads, steps and tiles.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/RowCases.h"
#include "test/kernels/nvptx/GpuMachine.h"

#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace quipu;
using namespace quipu::test;

namespace {

/// Bounds on the error of products in f32, f16 and bf16.
constexpr double exact = 1e-5, half = 2e-3, coarse = 2e-2;

double error(const KernelCase &test) {
  return relativeError(test, GpuMachine());
}

double bound(const std::string &type) {
  return type == "f32" ? exact : type == "f16" ? half : coarse;
}

/// A norm, then two weights of `type` whose rows form couples, and a bias.
std::string normed(const std::string &type, int64_t n, int64_t k) {
  return llvm::formatv(R"(
func.func @f(%x: tensor<?x{1}xf32>, %gamma: tensor<{1}xf32>, %g: tensor<{0}x{1}x{2}>, %u: tensor<{0}x{1}x{2}>, %bias: tensor<{0}xf32>) -> tensor<?x{0}xf32> {{
  %y = kernel.matmul "gate_up" tokens -> tensor<?x{0}xf32> {{
    kernel.prologue %x : tensor<?x{1}xf32> columns(%gamma : tensor<{1}xf32>)
      map {{
      ^bb0(%e: f32, %c: f32):
        %m = arith.mulf %e, %c : f32
        kernel.yield %m : f32
      } statistic {{
      ^bb0(%e: f32):
        %c = arith.constant 0.5 : f32
        %s = arith.mulf %e, %e : f32
        %t = arith.addf %s, %c : f32
        kernel.yield %t : f32
      } scale {{
      ^bb0(%sum: f32):
        %r = math.rsqrt %sum : f32
        kernel.yield %r : f32
      }
    kernel.segment zip into result weights(%g, %u : tensor<{0}x{1}x{2}>, tensor<{0}x{1}x{2}>)
        columns(%bias : tensor<{0}xf32>) {{
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %c : f32
      %v = arith.addf %p, %b : f32
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x{0}xf32>
})",
                       n, k, type)
      .str();
}

/// Rows whose pairs are rotated, of weights of `type`.
std::string rotated(const std::string &couple, const std::string &type) {
  return llvm::formatv(R"(
func.func @f(%x: tensor<?x96xf32>, %w: tensor<72x96x{1}>, %v: tensor<40x96x{1}>, %table: tensor<40x12x2xf32>, %positions: tensor<?xi32>) -> (tensor<?x72xf32>, tensor<?x40xf32>) {{
  %y, %z = kernel.matmul "rotate" tokens -> tensor<?x72xf32>, tensor<?x40xf32> {{
    kernel.prologue %x : tensor<?x96xf32>
    kernel.segment {0} head_dim 24 into result weights(%w : tensor<72x96x{1}>)
        angles(%table, %positions : tensor<40x12x2xf32>, tensor<?xi32>) {{
    ^bb0(%y0: f32, %y1: f32, %cos: f32, %sin: f32):
      %p = arith.mulf %y0, %cos : f32
      %q = arith.mulf %y1, %sin : f32
      %r = arith.subf %p, %q : f32
      kernel.yield %r, %q : f32, f32
    }
    kernel.segment single into result weights(%v : tensor<40x96x{1}>) {{
    ^bb0(%a: f32):
      kernel.yield %a : f32
    }
  }
  return %y, %z : tensor<?x72xf32>, tensor<?x40xf32>
})",
                       couple, type)
      .str();
}

TEST(GpuMatmul, ReadsEveryStoredType) {
  for (std::string type : storedTypes)
    for (int64_t t : {3, 20})
      EXPECT_LT(error({product("matmul", type, 40, 512, t), t}), bound(type))
          << type << " " << t;
}

TEST(GpuMatmul, StreamsAnyNumberOfRowsAndColumns) {
  for (int64_t n : {1, 16, 37, 70})
    for (int64_t k : {8, 32, 136, 576})
      for (const char *type : {"bf16", "f16"})
        EXPECT_LT(error({product("matmul", type, n, k, 5), 5, 0, {}, 0, 2}),
                  bound(type))
            << n << "x" << k << " " << type;
}

TEST(GpuMatmul, HandlesAnyNumberOfTokens) {
  for (int64_t t : {1, 2, 7, 8, 9, 64, 65, 130}) {
    EXPECT_LT(error({product("matmul", "f32", 37, 45, t), t}), exact) << t;
    EXPECT_LT(error({product("matmul", "bf16", 50, 70, t), t, 0, {}, 0, 3}),
              coarse)
        << t;
    EXPECT_LT(error({product("matmul", "f16", 70, 264, t), t, 0, {}, 0, 2}),
              half)
        << t;
  }
}

TEST(GpuMatmul, HandlesColumnsLeftOver) {
  for (int64_t k : {1, 3, 33, 100, 132})
    for (const char *type : {"f32", "f16", "bf16"})
      for (int64_t t : {4, 12})
        EXPECT_LT(error({product("matmul", type, 13, k, t), t}), bound(type))
            << k << " " << type << " " << t;
}

TEST(GpuMatmul, UsesLargeTilesForManyRowsAndTokens) {
  EXPECT_LT(error({product("matmul", "bf16", 300, 200, 140), 140, 8192}),
            coarse);
}

TEST(GpuMatmul, ScalesAfterProducts) {
  for (const char *type : {"bf16", "f16", "f32"})
    for (int64_t n : {5, 40})
      for (int64_t k : {72, 128})
        for (int64_t t : {6, 21})
          EXPECT_LT(error({normed(type, n, k), t, 0, {}, 0, 2}), bound(type))
              << type << " " << n << "x" << k << " " << t;
}

TEST(GpuMatmul, RotatesPairs) {
  for (const char *couple : {"half", "interleaved"})
    for (const char *type : {"bf16", "f16"}) {
      EXPECT_LT(error({rotated(couple, type), 4, 4, {{0, 39, 7, 1}}, 0, 2}),
                bound(type))
          << couple << " " << type;
      EXPECT_LT(error({rotated(couple, type),
                       11,
                       11,
                       {{0, 39, 7, 1, 4, 9, 30, 31, 32, 2, 5}},
                       0,
                       2}),
                bound(type))
          << couple << " " << type;
    }
}

TEST(GpuMatmul, WritesResultAndCache) {
  const std::pair<int64_t, const char *> caches[] = {
      {6, "f32"}, {24, "f16"}, {64, "bf16"}};
  for (const char *couple : {"half", "interleaved"})
    for (auto [headDim, cache] : caches)
      EXPECT_LT(error({attentionInputs("matmul", couple, headDim, cache),
                       20,
                       20,
                       {{0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                         30, 31, 32, 33, 34, 35, 36, 37, 38, 39},
                        {3, 5, 4,  0,  1,  2,  20, 21, 22, -1,
                         8, 9, 10, 11, 12, 13, 14, 15, -1, 7}},
                       24,
                       2}),
                half)
          << couple << " " << headDim << " " << cache;
}

TEST(GpuMatmul, ZipHoldsOneOutputOfEachWeight) {
  for (int64_t n : {5, 48, 90})
    for (int64_t t : {4, 8, 33})
      EXPECT_LT(error({gated("matmul", n), t, 0, {}, 0, 3}), coarse)
          << n << " " << t;
}

// A row of an odd number of blocks need not begin with a sector or a word, nor
// a step of K; the last row ends where the tensor does.
TEST(GpuMatmul, ReadsQuantizedRowsThatBeginAnywhere) {
  for (std::string type : storedTypes) {
    if (type[0] != '!')
      continue;
    int64_t block = type.ends_with("_k") ? 256 : 32;
    for (int64_t blocks : {1, 5, 11})
      for (auto [n, t] : {std::pair(1, 3), {37, 5}, {70, 70}})
        EXPECT_LT(error({product("matmul", type, n, blocks * block, t),
                         t,
                         0,
                         {},
                         0,
                         3}),
                  coarse)
            << type << " " << n << "x" << blocks * block << " " << t;
  }
}

TEST(GpuMatmul, ZipReadsTwoQuantizedTypes) {
  for (auto [gate, up] : {std::pair("q4_k", "q6_k"),
                          {"q3_k", "q4_0"},
                          {"q5_1", "q5_1"},
                          {"q6_k", "q6_k"}})
    for (auto [n, k] : {std::pair(33, 256), {70, 768}})
      for (int64_t t : {6, 40})
        EXPECT_LT(
            error({gatedQuantized("matmul", gate, up, n, k), t, 0, {}, 0, 3}),
            coarse)
            << gate << " " << up << " " << n << "x" << k << " " << t;
}

TEST(GpuMatmul, ArgmaxMergesTiles) {
  for (int64_t n : {3, 64, 1000})
    for (int64_t t : {3, 18})
      EXPECT_EQ(error({largest("matmul", n), t, 0, {}, 0, 4}), 0)
          << n << " " << t;
}

} // namespace
