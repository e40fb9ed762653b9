//===- AttentionTest.cpp - Attention on a GPU against double precision ----===//
//
// Ragged batches over shuffled pages in the emulator: what may not be read is
// NaN or not there at all.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/nvptx/GpuAttention.h"

#include "gtest/gtest.h"

using namespace quipu;
using namespace quipu::test;

namespace {

constexpr double tolerance = 1e-5; // of f32 arithmetic

/// Of products formed in the type of the KV cache.
double productTolerance(const std::string &type) {
  return type == "f32" ? tolerance : type == "f16" ? 2e-3 : 2e-2;
}

/// Sequences of one token each, at these positions.
std::vector<SequencePart> singles(std::vector<int64_t> positions) {
  std::vector<SequencePart> parts;
  for (int64_t position : positions)
    parts.push_back({position, 1});
  return parts;
}

double decode(const AttentionCase &batch, int64_t splits, int64_t splitLength,
              const std::string &schedule = "") {
  return decodeOnGpu(batch, splits, splitLength, schedule).error;
}

double prefill(const AttentionCase &batch, int64_t tokenTile,
               const std::string &schedule = "") {
  return prefillOnGpu(batch, tokenTile, schedule).error;
}

TEST(GpuAttention, DecodeReadsEveryStoredType) {
  for (const char *type : {"f32", "f16", "bf16"}) {
    AttentionShape shape;
    shape.type = type;
    AttentionCase batch(shape, singles({0, 14, 15, 16, 63, 64, 200}), 1);
    EXPECT_LT(decode(batch, 1, 1000), tolerance) << type;
  }
}

TEST(GpuAttention, DecodeMergesSplitsAndEmptyOnes) {
  AttentionShape shape;
  shape.type = "f16";
  AttentionCase batch(shape, singles({399, 0, 31, 255, 5}), 2);
  EXPECT_LT(decode(batch, 1, 400), tolerance);
  EXPECT_LT(decode(batch, 2, 200), tolerance);
  EXPECT_LT(decode(batch, 3, 143), tolerance);
  EXPECT_LT(decode(batch, 5, 128), tolerance);
}

TEST(GpuAttention, DecodeOfPaddingIsZero) {
  AttentionShape shape;
  AttentionCase padding(shape, {{-1, 1}, {-1, 1}}, 3);
  EXPECT_EQ(decode(padding, 1, 64), 0);
  EXPECT_EQ(decode(padding, 3, 64), 0);
  AttentionCase mixed(shape, {{20, 1}, {-1, 1}, {3, 1}}, 4);
  EXPECT_LT(decode(mixed, 1, 64), tolerance);
  EXPECT_LT(decode(mixed, 2, 16), tolerance);
}

TEST(GpuAttention, DecodeHandlesEveryShape) {
  const int64_t shapes[][2] = {{8, 1},  {24, 5},  {64, 9},
                               {96, 3}, {128, 8}, {7, 2}};
  for (auto [headDim, group] : shapes) {
    AttentionShape shape;
    shape.headDim = headDim;
    shape.group = group;
    shape.pageSize = headDim == 64 ? 128 : 32;
    shape.type = group % 2 == 1 ? "bf16" : "f16";
    AttentionCase batch(shape, singles({130, 7, 31, 32}), 5);
    EXPECT_LT(decode(batch, 3, 50), tolerance) << headDim << " " << group;
  }
}

TEST(GpuAttention, DecodeFollowsItsSchedule) {
  AttentionShape shape;
  shape.type = "f16";
  AttentionCase batch(shape, singles({130, 7}), 6);
  for (const char *schedule : {"kv_tile = 16, vector = 8, threads = 32",
                               "kv_tile = 1, vector = 2, threads = 64",
                               "kv_tile = 128, vector = 4, threads = 256"})
    EXPECT_LT(decode(batch, 2, 80, schedule), tolerance) << schedule;
}

TEST(GpuAttention, PrefillReadsEveryStoredType) {
  for (const char *type : {"f32", "f16", "bf16"}) {
    AttentionShape shape;
    shape.type = type;
    AttentionCase batch(shape, {{0, 100}}, 6);
    EXPECT_LT(prefill(batch, 21), productTolerance(type)) << type;
  }
}

TEST(GpuAttention, PrefillOfRaggedBatches) {
  // New prompts, prompts that go on, single tokens, page and block borders.
  std::vector<SequencePart> parts = {{0, 1},  {0, 64},  {63, 3}, {300, 45},
                                     {15, 2}, {199, 1}, {0, 33}, {128, 31}};
  for (const char *type : {"f32", "f16", "bf16"}) {
    AttentionShape shape;
    shape.type = type;
    AttentionCase batch(shape, parts, 7);
    EXPECT_LT(prefill(batch, 40), productTolerance(type)) << type;
    EXPECT_LT(prefill(batch, 5), productTolerance(type)) << type;
  }
}

TEST(GpuAttention, PrefillOfPaddingIsZero) {
  AttentionShape shape;
  for (const char *type : {"f32", "f16"}) {
    shape.type = type;
    AttentionCase padding(shape, {{-1, 1}, {-1, 1}}, 3);
    EXPECT_EQ(prefill(padding, 1), 0) << type;
    AttentionCase mixed(shape, {{20, 3}, {-1, 1}, {3, 1}}, 4);
    EXPECT_LT(prefill(mixed, 16), productTolerance(type)) << type;
  }
}

TEST(GpuAttention, PrefillHandlesEveryShape) {
  const int64_t shapes[][2] = {{16, 1}, {24, 5},  {64, 9},
                               {96, 3}, {128, 8}, {256, 1}};
  for (auto [headDim, group] : shapes) {
    AttentionShape shape;
    shape.headDim = headDim;
    shape.group = group;
    shape.pageSize = headDim == 64 ? 128 : 32;
    shape.type = group % 2 == 1 ? "bf16" : "f16";
    AttentionCase batch(shape, {{0, 40}, {77, 9}}, 8);
    EXPECT_LT(prefill(batch, 16), productTolerance(shape.type))
        << headDim << " " << group;
  }
}

TEST(GpuAttention, PrefillFollowsItsSchedule) {
  AttentionShape shape;
  shape.type = "f16";
  AttentionCase batch(shape, {{0, 70}, {100, 20}}, 9);
  for (const char *schedule :
       {"token_tile = 16, kv_tile = 16, threads = 32, stages = 3",
        "token_tile = 16, kv_tile = 32, threads = 64, stages = 2",
        "token_tile = 16, kv_tile = 128, threads = 256, stages = 2"})
    EXPECT_LT(prefill(batch, 16, schedule), productTolerance("f16"))
        << schedule;
}

} // namespace
