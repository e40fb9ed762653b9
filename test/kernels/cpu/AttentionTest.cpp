//===- AttentionTest.cpp - Attention kernels against double precision -----===//
//
// Ragged batches over shuffled pages, for each variant and stored type. A
// kernel that looks where it must not meets NaN or dies.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/AttentionCase.h"
#include "test/kernels/cpu/RunKernel.h"

#include <gtest/gtest.h>

using namespace quipu;
using namespace quipu::test;

namespace {

constexpr double tolerance = 3e-6;

/// Sequences of one token each, at these positions.
std::vector<SequencePart> singles(std::vector<int64_t> positions) {
  std::vector<SequencePart> parts;
  for (int64_t position : positions)
    parts.push_back({position, 1});
  return parts;
}

class AttentionTest : public testing::TestWithParam<CpuVariant> {
protected:
  void SetUp() override {
    if (!canRun(GetParam()))
      GTEST_SKIP() << "this processor cannot run " << GetParam().name.str();
  }

  /// Error of decode with the context in `splits` ranges of `splitLength`.
  double decode(const AttentionCase &batch, const CompiledKernel &kernel,
                int64_t splits, int64_t splitLength) {
    const AttentionShape &shape = batch.shape;
    KernelDims dims = batch.dims();
    dims.splits = splits;
    dims.splitLength = splitLength;
    GuardedBuffer result(batch.tokens * shape.queryHeads() * shape.headDim * 4);
    GuardedBuffer partials(batch.tokens * shape.queryHeads() * splits *
                           (shape.headDim + 2) * 4);
    std::vector<void *> arguments = batch.arguments();
    arguments.push_back(result.data());
    arguments.push_back(partials.data());
    int64_t tiles = batch.tokens * shape.kvHeads * splits;
    kernel.run(arguments, dims, tiles / 3, tiles);
    kernel.run(arguments, dims, 0, tiles / 3);
    kernel.merge(arguments, dims, 0, batch.tokens);
    return batch.errorOf(result.as<float>());
  }

  double prefill(const AttentionCase &batch, const CompiledKernel &kernel,
                 int64_t tokenTile) {
    const AttentionShape &shape = batch.shape;
    std::vector<WorkItem> items = batch.workList(tokenTile);
    KernelDims dims = batch.dims();
    dims.work = items.size();
    GuardedBuffer result(batch.tokens * shape.queryHeads() * shape.headDim * 4);
    std::vector<void *> arguments = batch.arguments();
    arguments.push_back(items.data());
    arguments.push_back(result.data());
    int64_t tiles = items.size() * shape.kvHeads;
    kernel.run(arguments, dims, tiles / 2, tiles);
    kernel.run(arguments, dims, 0, tiles / 2);
    return batch.errorOf(result.as<float>());
  }

  CompiledKernel compileDecode(const AttentionShape &shape) {
    return compileKernel(attentionModule(shape, "decode", "kv_tile = 64"),
                         "kernel", GetParam());
  }
  CompiledKernel compilePrefill(const AttentionShape &shape, int64_t tokenTile,
                                int64_t kvTile) {
    std::string schedule = "token_tile = " + std::to_string(tokenTile) +
                           ", kv_tile = " + std::to_string(kvTile);
    return compileKernel(attentionModule(shape, "prefill", schedule), "kernel",
                         GetParam());
  }
};

TEST_P(AttentionTest, decodeReadsEveryStoredType) {
  for (const char *type : {"f32", "f16", "bf16"}) {
    AttentionShape shape;
    shape.type = type;
    AttentionCase batch(shape, singles({0, 14, 15, 16, 17, 63, 64, 200}), 1);
    EXPECT_LT(decode(batch, compileDecode(shape), 1, 1000), tolerance) << type;
  }
}

TEST_P(AttentionTest, decodeMergesSplitsAndEmptyOnes) {
  AttentionShape shape;
  shape.type = "f16";
  CompiledKernel kernel = compileDecode(shape);
  AttentionCase batch(shape, singles({999, 0, 31, 255, 5, 640}), 2);
  EXPECT_LT(decode(batch, kernel, 1, 1000), tolerance);
  EXPECT_LT(decode(batch, kernel, 2, 500), tolerance);
  EXPECT_LT(decode(batch, kernel, 2, 1000), tolerance);
  EXPECT_LT(decode(batch, kernel, 7, 143), tolerance);
  EXPECT_LT(decode(batch, kernel, 7, 256), tolerance);
}

TEST_P(AttentionTest, decodeOfPaddingIsZero) {
  AttentionShape shape;
  CompiledKernel kernel = compileDecode(shape);
  AttentionCase padding(shape, {{-1, 1}, {-1, 1}}, 3);
  EXPECT_EQ(decode(padding, kernel, 1, 64), 0);
  EXPECT_EQ(decode(padding, kernel, 3, 64), 0);
  AttentionCase mixed(shape, {{20, 1}, {-1, 1}, {3, 1}}, 4);
  EXPECT_LT(decode(mixed, kernel, 1, 64), tolerance);
  EXPECT_LT(decode(mixed, kernel, 2, 16), tolerance);
}

TEST_P(AttentionTest, decodeHandlesEveryShape) {
  for (int64_t headDim : {16, 32, 64, 96, 128})
    for (int64_t group : {1, 5, 8}) {
      AttentionShape shape;
      shape.headDim = headDim;
      shape.group = group;
      shape.pageSize = headDim == 64 ? 128 : 32;
      shape.type = group == 5 ? "bf16" : "f16";
      AttentionCase batch(shape, singles({130, 7, 31, 32}), 5);
      EXPECT_LT(decode(batch, compileDecode(shape), 3, 50), tolerance)
          << headDim << " " << group;
    }
}

// Heads that end within a vector: of OpenLLaMA-3B (100), even, odd and tiny.
constexpr std::pair<int64_t, const char *> raggedHeads[] = {
    {2, "f32"},   {10, "bf16"}, {20, "f32"},  {31, "f16"},
    {72, "bf16"}, {100, "f16"}, {100, "f32"}, {100, "bf16"}};

TEST_P(AttentionTest, decodeOfHeadsThatEndWithinAVector) {
  for (auto [headDim, type] : raggedHeads) {
    AttentionShape shape;
    shape.headDim = headDim;
    shape.type = type;
    CompiledKernel kernel = compileDecode(shape);
    AttentionCase batch(shape, singles({130, 7, 15, 16}), 9);
    EXPECT_LT(decode(batch, kernel, 1, 1000), tolerance)
        << headDim << " " << type;
    EXPECT_LT(decode(batch, kernel, 3, 50), tolerance)
        << headDim << " " << type;
  }
}

TEST_P(AttentionTest, prefillReadsEveryStoredType) {
  for (const char *type : {"f32", "f16", "bf16"}) {
    AttentionShape shape;
    shape.type = type;
    AttentionCase batch(shape, {{0, 100}}, 6);
    EXPECT_LT(prefill(batch, compilePrefill(shape, 32, 64), 32), tolerance)
        << type;
  }
}

TEST_P(AttentionTest, prefillOfRaggedBatches) {
  AttentionShape shape;
  shape.type = "f16";
  CompiledKernel kernel = compilePrefill(shape, 32, 64);
  // New prompts, prompts that go on, single tokens, page and block borders.
  AttentionCase batch(shape,
                      {{0, 1},
                       {0, 64},
                       {63, 3},
                       {500, 45},
                       {15, 2},
                       {999, 1},
                       {0, 33},
                       {128, 31}},
                      7);
  EXPECT_LT(prefill(batch, kernel, 32), tolerance);
  EXPECT_LT(prefill(batch, kernel, 5), tolerance);
  EXPECT_LT(prefill(batch, kernel, 1), tolerance);
}

TEST_P(AttentionTest, prefillHandlesEveryShape) {
  for (int64_t headDim : {16, 32, 64, 96, 128})
    for (int64_t group : {1, 5, 8}) {
      AttentionShape shape;
      shape.headDim = headDim;
      shape.group = group;
      shape.pageSize = headDim == 64 ? 128 : 32;
      shape.type = group == 5 ? "bf16" : "f16";
      int64_t kvTile = headDim == 32 ? 16 : headDim == 96 ? 128 : 64;
      AttentionCase batch(shape, {{0, 40}, {77, 9}}, 8);
      EXPECT_LT(prefill(batch, compilePrefill(shape, 16, kvTile), 16),
                tolerance)
          << headDim << " " << group;
    }
}

TEST_P(AttentionTest, prefillOfHeadsThatEndWithinAVector) {
  for (auto [headDim, type] : raggedHeads) {
    AttentionShape shape;
    shape.headDim = headDim;
    shape.type = type;
    AttentionCase batch(shape, {{0, 40}, {77, 9}}, 10);
    EXPECT_LT(prefill(batch, compilePrefill(shape, 16, 64), 16), tolerance)
        << headDim << " " << type;
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, AttentionTest,
                         testing::ValuesIn(cpuVariants), [](const auto &info) {
                           std::string name = info.param.name.str();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
