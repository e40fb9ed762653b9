//===- RowKernelsTest.cpp - matvec, matmul and rowwise on the CPU ---------===//
//
// Every variant that this machine runs, against the interpreter: stored types,
// couples, destinations, and sizes that end inside registers and tiles.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/RowCases.h"
#include "test/kernels/cpu/CpuMachine.h"
#include "test/kernels/cpu/RunKernel.h"

#include "gtest/gtest.h"

using namespace quipu;
using namespace quipu::test;

namespace {

class Variants : public testing::TestWithParam<CpuVariant> {
protected:
  void SetUp() override {
    if (!canRun(GetParam()))
      GTEST_SKIP() << "no such processor";
  }
  double error(const KernelCase &test) {
    return relativeError(test, CpuMachine(GetParam()));
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

// Two tiles are read in turns, and the last one may be short.
TEST_P(Variants, MatvecReadsAShortTileBesideAWholeOne) {
  for (std::string type : storedTypes)
    EXPECT_LT(error({product("matvec", type, 24, 256, 1)}), 1e-5) << type;
  for (int64_t n : {17, 31, 50, 130}) // tiles of 16
    EXPECT_LT(error({product("matvec", "f32", n, 33, 1)}), 1e-5) << n;
  for (const char *couple : {"half", "interleaved"})
    for (int64_t headDim : {20, 36, 100})
      EXPECT_LT(error({attentionInputs("matvec", couple, headDim, "f16"),
                       1,
                       1,
                       {{37}, {13}},
                       24}),
                2e-3)
          << couple << " " << headDim;
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

TEST_P(Variants, ZipHoldsOneOutputOfEachWeight) {
  for (int64_t n : {5, 48, 90}) {
    EXPECT_LT(error({gated("matvec", n)}), 1e-5) << n;
    for (int64_t t : {4, 8, 33})
      EXPECT_LT(error({gated("matmul", n), t, 0, {}, 0, 3}), 2e-2) << n;
  }
}

TEST_P(Variants, ArgmaxMergesTiles) {
  for (int64_t n : {3, 64, 1000}) {
    EXPECT_EQ(error({largest("matvec", n)}), 0) << n;
    for (int64_t t : {3, 18})
      EXPECT_EQ(error({largest("matmul", n), t}), 0) << n;
  }
}

TEST_P(Variants, RowwiseGathersStoredRows) {
  for (std::string type : storedTypes)
    EXPECT_LT(error({embedding(type), 5, 5, {{7, 0, 49, 7, 31}}, 0, 2}), 1e-6)
        << type;
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
