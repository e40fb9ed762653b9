//===- RowKernelsTest.cpp - matvec, matmul and rowwise on the CPU ---------===//
//
// Every variant that this machine runs, against the interpreter: stored types,
// couples, destinations, and sizes that end inside registers and tiles.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/cpu/KernelCase.h"

#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace quipu;
using namespace quipu::test;
using llvm::formatv;

namespace {

/// One weight, plain result.
std::string product(const std::string &skeleton, const std::string &type,
                    int64_t n, int64_t k, int64_t t) {
  bool quantized = type.starts_with("!");
  std::string decoder =
      quantized ? "decoders [@" + type.substr(7) + "]" : std::string();
  return formatv(R"(
func.func @f(%x: tensor<?x{0}xf32>, %w: tensor<{1}x{0}x{2}>) -> tensor<?x{1}xf32> {{
  %y = kernel.{3} "f" tokens -> tensor<?x{1}xf32> {{
    kernel.prologue %x : tensor<?x{0}xf32>
    kernel.segment single into result weights(%w : tensor<{1}x{0}x{2}>) {4} {{
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x{1}xf32>
})",
                 k, n, type, skeleton, decoder)
      .str();
}

const char *const storedTypes[] = {
    "f32",         "f16",         "bf16",        "!llama.q8_0", "!llama.q4_0",
    "!llama.q4_1", "!llama.q5_0", "!llama.q5_1", "!llama.q2_k", "!llama.q3_k",
    "!llama.q4_k", "!llama.q5_k", "!llama.q6_k"};

class Variants : public testing::TestWithParam<CpuVariant> {
protected:
  void SetUp() override {
    if (!canRun(GetParam()))
      GTEST_SKIP() << "no such processor";
  }
  double error(const KernelCase &test) {
    return relativeError(test, GetParam());
  }
};

TEST_P(Variants, MatvecReadsEveryStoredType) {
  for (std::string type : storedTypes)
    EXPECT_LT(error({product("matvec", type, 40, 512, 1)}), 1e-5) << type;
}

TEST_P(Variants, MatvecHandlesRowsAndColumnsLeftOver) {
  const int64_t shapes[][2] = {{1, 1},   {3, 7},  {13, 33}, {37, 100},
                               {1, 100}, {37, 1}, {3, 33},  {13, 7}};
  for (auto [n, k] : shapes)
    for (const char *type : {"f32", "f16", "bf16"})
      EXPECT_LT(error({product("matvec", type, n, k, 1)}), 1e-5)
          << type << " " << n << "x" << k;
}

TEST_P(Variants, MatmulReadsEveryStoredType) {
  for (std::string type : storedTypes)
    for (int64_t t : {3, 20})
      EXPECT_LT(error({product("matmul", type, 40, 512, t), t}), 2e-2)
          << type << " " << t;
}

TEST_P(Variants, MatmulHandlesAnyNumberOfTokens) {
  for (int64_t t : {1, 2, 7, 8, 9, 64, 65, 130}) {
    EXPECT_LT(error({product("matmul", "f32", 37, 45, t), t}), 1e-5) << t;
    EXPECT_LT(error({product("matmul", "bf16", 50, 70, t), t, 0, {}, 0, 3}),
              2e-2)
        << t;
  }
}

/// Queries, keys and values of one attention layer with RoPE: three segments,
/// columns, angles and a KV cache.
std::string attentionInputs(const std::string &skeleton,
                            const std::string &couple, int64_t headDim,
                            const std::string &cache) {
  int64_t q = 3 * headDim, kv = 2 * headDim;
  return formatv(R"(
func.func @f(%x: tensor<?x64xf32>, %g: tensor<64xf32>, %wq: tensor<{1}x64xf16>, %wk: tensor<{2}x64x!llama.q8_0>, %wv: tensor<{2}x64xf32>, %bias: tensor<{1}xbf16>, %table: tensor<40x{3}x2xf32>, %positions: tensor<?xi32>, %slots: tensor<?xi32>, %kv: !llama.kv<2, {0}, page 8, {4}>) -> (tensor<?x{1}xf32>, !llama.kv<2, {0}, page 8, {4}>) {{
  %q, %new = kernel.{5} "qkv" tokens -> tensor<?x{1}xf32>, !llama.kv<2, {0}, page 8, {4}> {{
    kernel.prologue %x : tensor<?x64xf32> columns(%g : tensor<64xf32>)
      map {{
      ^bb0(%e: f32, %c: f32):
        %m = arith.mulf %e, %c : f32
        kernel.yield %m : f32
      } statistic {{
      ^bb0(%e: f32):
        %s = arith.mulf %e, %e : f32
        kernel.yield %s : f32
      } scale {{
      ^bb0(%sum: f32):
        %c = arith.constant 0.015625 : f32
        %mean = arith.mulf %sum, %c : f32
        %r = math.rsqrt %mean : f32
        kernel.yield %r : f32
      }
    kernel.segment {6} head_dim {0} into result weights(%wq : tensor<{1}x64xf16>)
        columns(%bias : tensor<{1}xbf16>)
        angles(%table, %positions : tensor<40x{3}x2xf32>, tensor<?xi32>) {{
    ^bb0(%y0: f32, %y1: f32, %b0: f32, %b1: f32, %cos: f32, %sin: f32):
      %a0 = arith.addf %y0, %b0 : f32
      %a1 = arith.addf %y1, %b1 : f32
      %c0 = arith.mulf %a0, %cos : f32
      %s1 = arith.mulf %a1, %sin : f32
      %r0 = arith.subf %c0, %s1 : f32
      %c1 = arith.mulf %a1, %cos : f32
      %s0 = arith.mulf %a0, %sin : f32
      %r1 = arith.addf %c1, %s0 : f32
      kernel.yield %r0, %r1 : f32, f32
    }
    kernel.segment {6} head_dim {0} into keys weights(%wk : tensor<{2}x64x!llama.q8_0>) decoders [@q8_0]
        angles(%table, %positions : tensor<40x{3}x2xf32>, tensor<?xi32>)
        kv(%kv : !llama.kv<2, {0}, page 8, {4}>, %slots : tensor<?xi32>) {{
    ^bb0(%y0: f32, %y1: f32, %cos: f32, %sin: f32):
      %c0 = arith.mulf %y0, %cos : f32
      %s1 = arith.mulf %y1, %sin : f32
      %r0 = arith.subf %c0, %s1 : f32
      %c1 = arith.mulf %y1, %cos : f32
      %s0 = arith.mulf %y0, %sin : f32
      %r1 = arith.addf %c1, %s0 : f32
      kernel.yield %r0, %r1 : f32, f32
    }
    kernel.segment single into values weights(%wv : tensor<{2}x64xf32>)
        kv(%kv : !llama.kv<2, {0}, page 8, {4}>, %slots : tensor<?xi32>) {{
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return %q, %new : tensor<?x{1}xf32>, !llama.kv<2, {0}, page 8, {4}>
})",
                 headDim, q, kv, headDim / 2, cache, skeleton, couple)
      .str();
}

TEST_P(Variants, CouplesRotateIntoResultAndCache) {
  const std::pair<int64_t, const char *> caches[] = {
      {6, "f32"}, {24, "f16"}, {64, "bf16"}};
  for (const char *couple : {"half", "interleaved"})
    for (auto [headDim, cache] : caches) {
      EXPECT_LT(error({attentionInputs("matvec", couple, headDim, cache),
                       1,
                       1,
                       {{37}, {13}},
                       24}),
                2e-3)
          << couple << " " << headDim << " " << cache;
      EXPECT_LT(error({attentionInputs("matmul", couple, headDim, cache),
                       20,
                       20,
                       {{0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                         30, 31, 32, 33, 34, 35, 36, 37, 38, 39},
                        {3, 5, 4,  0,  1,  2,  20, 21, 22, -1,
                         8, 9, 10, 11, 12, 13, 14, 15, -1, 7}},
                       24,
                       2}),
                2e-2)
          << couple << " " << headDim << " " << cache;
    }
}

/// SwiGLU: two weights of different types in one couple.
std::string gated(const std::string &skeleton, int64_t n) {
  return formatv(R"(
func.func @f(%x: tensor<?x96xf32>, %g: tensor<{0}x96x!llama.q4_1>, %u: tensor<{0}x96xf16>) -> tensor<?x{0}xf32> {{
  %y = kernel.{1} "gate_up" tokens -> tensor<?x{0}xf32> {{
    kernel.prologue %x : tensor<?x96xf32>
    kernel.segment zip into result weights(%g, %u : tensor<{0}x96x!llama.q4_1>, tensor<{0}x96xf16>) decoders [@q4_1, unit] {{
    ^bb0(%a: f32, %b: f32):
      %c1 = arith.constant 1.0 : f32
      %q = arith.mulf %a, %a : f32
      %d = arith.addf %q, %c1 : f32
      %s = arith.divf %a, %d : f32
      %v = arith.mulf %s, %b : f32
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x{0}xf32>
})",
                 n, skeleton)
      .str();
}

TEST_P(Variants, ZipHoldsOneOutputOfEachWeight) {
  for (int64_t n : {5, 48, 90}) {
    EXPECT_LT(error({gated("matvec", n)}), 1e-5) << n;
    for (int64_t t : {4, 8, 33})
      EXPECT_LT(error({gated("matmul", n), t, 0, {}, 0, 3}), 2e-2) << n;
  }
}

std::string largest(const std::string &skeleton, int64_t n) {
  return formatv(R"(
func.func @f(%x: tensor<?x96xf32>, %w: tensor<{0}x96xbf16>, %r: tensor<?x{0}xf32>) -> tensor<?xi32> {{
  %y = kernel.{1} "lm_head" rows -> tensor<?xi32> {{
    kernel.prologue %x : tensor<?x96xf32>
    kernel.segment single into argmax weights(%w : tensor<{0}x96xbf16>) elements(%r : tensor<?x{0}xf32>) {{
    ^bb0(%a: f32, %b: f32):
      %v = arith.addf %a, %b : f32
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?xi32>
})",
                 n, skeleton)
      .str();
}

TEST_P(Variants, ArgmaxMergesTiles) {
  for (int64_t n : {3, 64, 1000}) {
    EXPECT_EQ(error({largest("matvec", n)}), 0) << n;
    for (int64_t t : {3, 18})
      EXPECT_EQ(error({largest("matmul", n), t}), 0) << n;
  }
}

std::string embedding(const std::string &type) {
  std::string decoder =
      type[0] == '!' ? "decoder @" + type.substr(7) : std::string();
  return formatv(R"(
func.func @f(%table: tensor<50x256x{0}>, %rows: tensor<?xi32>, %r: tensor<?x256xf32>) -> (tensor<?x256xf32>, tensor<?xi32>) {{
  %y, %i = kernel.rowwise "embedding" tokens -> tensor<?x256xf32>, tensor<?xi32> {{
    kernel.prologue %table : tensor<50x256x{0}> rows(%rows : tensor<?xi32>) {1}
    kernel.segment single into result elements(%r : tensor<?x256xf32>) {{
    ^bb0(%a: f32, %b: f32):
      %v = arith.mulf %a, %b : f32
      kernel.yield %v : f32
    }
    kernel.segment single into argmax {{
    ^bb0(%a: f32):
      kernel.yield %a : f32
    }
  }
  return %y, %i : tensor<?x256xf32>, tensor<?xi32>
})",
                 type, decoder)
      .str();
}

TEST_P(Variants, RowwiseGathersStoredRows) {
  for (std::string type : storedTypes)
    EXPECT_LT(error({embedding(type), 5, 5, {{7, 0, 49, 7, 31}}, 0, 2}), 1e-6)
        << type;
}

/// Elementwise ops and RoPE on plain tensors, without a prologue.
std::string elementwise(const std::string &couple, int64_t headDim) {
  int64_t n = 3 * headDim;
  return formatv(R"(
func.func @f(%x: tensor<?x{1}xf32>, %y: tensor<?x{1}xf32>, %table: tensor<40x{2}x2xf32>, %positions: tensor<?xi32>) -> (tensor<?x{1}xf32>, tensor<?x{1}xf32>) {{
  %a, %b = kernel.rowwise "f" tokens -> tensor<?x{1}xf32>, tensor<?x{1}xf32> {{
    kernel.segment single into result elements(%x, %y : tensor<?x{1}xf32>, tensor<?x{1}xf32>) {{
    ^bb0(%u: f32, %v: f32):
      %w = arith.addf %u, %v : f32
      kernel.yield %w : f32
    }
    kernel.segment {3} head_dim {0} into result elements(%x : tensor<?x{1}xf32>)
        angles(%table, %positions : tensor<40x{2}x2xf32>, tensor<?xi32>) {{
    ^bb0(%u: f32, %v: f32, %cos: f32, %sin: f32):
      %p = arith.mulf %u, %cos : f32
      %q = arith.mulf %v, %sin : f32
      %r = arith.subf %p, %q : f32
      kernel.yield %r, %p : f32, f32
    }
  }
  return %a, %b : tensor<?x{1}xf32>, tensor<?x{1}xf32>
})",
                 headDim, n, headDim / 2, couple)
      .str();
}

TEST_P(Variants, RowwiseWorksWithoutPrologue) {
  for (const char *couple : {"half", "interleaved"})
    for (int64_t headDim : {2, 10, 64})
      EXPECT_LT(
          error({elementwise(couple, headDim), 5, 5, {{3, 39, 0, 1, 2}}, 0, 2}),
          1e-6)
          << couple << " " << headDim;
}

INSTANTIATE_TEST_SUITE_P(Cpu, Variants, testing::ValuesIn(cpuVariants),
                         [](const auto &info) {
                           std::string name = info.param.name.str();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
