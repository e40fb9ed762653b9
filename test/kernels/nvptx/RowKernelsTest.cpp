//===- RowKernelsTest.cpp - matvec, matmul and rowwise on a GPU -----------===//
//
// In the emulator, against the interpreter: stored types, couples, destinations
// and sizes that end inside loads and tiles. Its checks find what results hide.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/RowCases.h"
#include "test/kernels/nvptx/GpuMachine.h"

#include "gtest/gtest.h"

using namespace quipu;
using namespace quipu::test;

namespace {

double error(const KernelCase &test) {
  return relativeError(test, GpuMachine());
}

TEST(GpuRowKernels, MatvecReadsEveryStoredType) {
  for (std::string type : storedTypes)
    EXPECT_LT(error({product("matvec", type, 40, 512, 1)}), 1e-5) << type;
}

TEST(GpuRowKernels, MatvecHandlesRowsAndColumnsLeftOver) {
  const int64_t shapes[][2] = {{1, 1},   {3, 7},  {13, 33}, {37, 100},
                               {1, 100}, {37, 1}, {3, 33},  {13, 7}};
  for (auto [n, k] : shapes)
    for (const char *type : {"f32", "f16", "bf16"})
      EXPECT_LT(error({product("matvec", type, n, k, 1)}), 1e-5)
          << type << " " << n << "x" << k;
}

// Rows of one step and of several, that end inside one, and that are aligned to
// 2 bytes alone.
TEST(GpuRowKernels, MatvecStagesQuantizedRows) {
  const std::pair<const char *, int64_t> rows[] = {
      {"q8_0", 32},   {"q8_0", 96},   {"q4_0", 1056}, {"q4_1", 1280},
      {"q5_0", 2048}, {"q6_k", 8192}, {"q3_k", 8448}, {"q4_k", 16640}};
  for (auto [type, k] : rows)
    EXPECT_LT(
        error({product("matvec", std::string("!llama.") + type, 7, k, 1)}),
        1e-5)
        << type << " " << k;
}

// Rows that are no whole sectors, of one step and of several; the last ones may
// be fewer than the warps of a block have.
TEST(GpuRowKernels, MatvecCopiesNeighbouringRowsTogether) {
  const std::pair<const char *, int64_t> rows[] = {
      {"q8_0", 576}, {"q4_0", 576},  {"q4_1", 576},  {"q5_0", 576},
      {"q5_1", 576}, {"q6_k", 2048}, {"q4_0", 3200}, {"q2_k", 8448}};
  for (int64_t n : {1, 6, 16, 37})
    for (auto [type, k] : rows)
      EXPECT_LT(
          error({product("matvec", std::string("!llama.") + type, n, k, 1)}),
          1e-5)
          << type << " " << n << "x" << k;
}

// Both weights in runs, and one of them: 160 bytes are whole sectors, 144 not.
TEST(GpuRowKernels, MatvecCopiesRowsOfTwoWeightsTogether) {
  for (int64_t n : {1, 6, 16, 37}) {
    EXPECT_LT(error({gatedQuantized("matvec", "q4_1", "q5_1", n, 576)}), 1e-5)
        << n;
    EXPECT_LT(error({gatedQuantized("matvec", "q4_1", "q4_0", n, 256)}), 1e-5)
        << n;
  }
}

// Two, four and eight rows side by side in a warp, not all lanes of which have
// a block; the last ones may be fewer.
TEST(GpuRowKernels, MatvecSharesWarpsBetweenRowsOfFewBlocks) {
  for (int64_t n : {1, 6, 16, 37}) {
    for (int64_t k : {3072, 2048, 768})
      EXPECT_LT(error({product("matvec", "!llama.q4_k", n, k, 1)}), 1e-5)
          << n << "x" << k;
    EXPECT_LT(error({gatedQuantized("matvec", "q4_k", "q6_k", n, 4096)}), 1e-5)
        << n;
  }
}

// Two rows to a team, of which a block has no room for a second step.
TEST(GpuRowKernels, MatvecStagesWhatIsTooMuchForTwoSlots) {
  EXPECT_LT(error({gatedQuantized("matvec", "q6_k", "q6_k", 5, 16384)}), 1e-5);
}

TEST(GpuRowKernels, MatvecRotatesIntoResultAndCache) {
  const std::pair<int64_t, const char *> caches[] = {
      {6, "f32"}, {24, "f16"}, {64, "bf16"}};
  for (const char *couple : {"half", "interleaved"})
    for (auto [headDim, cache] : caches)
      EXPECT_LT(error({attentionInputs("matvec", couple, headDim, cache),
                       1,
                       1,
                       {{37}, {13}},
                       24,
                       3}),
                2e-3)
          << couple << " " << headDim << " " << cache;
}

TEST(GpuRowKernels, MatvecZipHoldsOneOutputOfEachWeight) {
  for (int64_t n : {5, 48, 90})
    EXPECT_LT(error({gated("matvec", n)}), 1e-5) << n;
}

TEST(GpuRowKernels, MatvecArgmaxMergesTiles) {
  for (int64_t n : {3, 64, 1000})
    EXPECT_EQ(error({largest("matvec", n), 1, 1, {}, 0, 2}), 0) << n;
}

TEST(GpuRowKernels, RowwiseGathersStoredRows) {
  for (std::string type : storedTypes)
    EXPECT_LT(error({embedding(type), 5, 5, {{7, 0, 49, 7, 31}}, 0, 2}), 1e-6)
        << type;
}

TEST(GpuRowKernels, RowwiseWorksWithoutPrologue) {
  for (const char *couple : {"half", "interleaved"})
    for (int64_t headDim : {2, 10, 64})
      EXPECT_LT(
          error({elementwise(couple, headDim), 5, 5, {{3, 39, 0, 1, 2}}, 0, 2}),
          1e-6)
          << couple << " " << headDim;
}

} // namespace
