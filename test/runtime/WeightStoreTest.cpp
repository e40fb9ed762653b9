//===- WeightStoreTest.cpp - The bytes of parameters ----------------------===//
//
// Bound tensors, computed tables, and random weights read back through the
// decoder that the interpreters use.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/WeightStore.h"
#include "base/Dequantize.h"
#include "runtime/weights/RandomWeights.h"
#include "test/runtime/FakeModel.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using testing::HasSubstr;

plan::Parameter parameterOf(ElementType type, int64_t rows, int64_t columns,
                            const char *name = "w") {
  return {
      name, type, rows, columns, {plan::Recipe::Kind::identity, name, {}, 1}};
}

TEST(RopeTable, roundsTheAngleInF32) {
  plan::Recipe recipe = {plan::Recipe::Kind::ropeTable, "", {1.0f, 0.1f}, 2};
  std::vector<float> table(10000 * 4);
  fillRopeTable(recipe, 10000, table);
  EXPECT_EQ(table[0], 2.0f);
  EXPECT_EQ(table[1], 0.0f);
  float angle = 9999.0f * 0.1f; // differs from 9999 * 0.1 in f64
  EXPECT_EQ(table[9999 * 4 + 2], 2 * float(std::cos(double(angle))));
  EXPECT_EQ(table[9999 * 4 + 3], 2 * float(std::sin(double(angle))));
  for (int64_t i = 0; i < 10000; ++i) // threads split the positions
    ASSERT_EQ(table[i * 4 + 1], 2 * float(std::sin(double(i)))) << i;
}

TEST(WeightStore, bindsAndComputes) {
  WeightStore::Options options;
  options.context = 10;
  auto package = test::fakePackage();
  auto store = WeightStore::open(*package, options);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(store->parameters()[0].data(), package->weights.data());
  EXPECT_EQ(store->parameters()[1].size(), 80u);
}

TEST(WeightStore, refusesWhatDoesNotMatch) {
  auto refusal = [](auto change) {
    Package package = *test::fakePackage();
    change(package);
    auto store = WeightStore::open(package, {});
    return store ? "accepted" : store.error().message;
  };
  EXPECT_THAT(refusal([](Package &p) { p.tensors.clear(); }),
              HasSubstr("has no weights"));
  EXPECT_THAT(refusal([](Package &p) { p.tensors[0].name = "x"; }),
              HasSubstr("no tensor 'bias'"));
  EXPECT_THAT(refusal([](Package &p) { p.tensors[0].rows = 2; }),
              HasSubstr("expected 1 x 1 of f32, found 2 x 1 of f32"));
  EXPECT_THAT(refusal([](Package &p) { p.tensors[0].offset = 1; }),
              HasSubstr("4 bytes at offset 1, but the file has 4"));
  EXPECT_THAT(refusal([](Package &p) { p.tensors[0].file = 0; }),
              HasSubstr("file: expected an index below 0"));
  EXPECT_THAT(refusal([](Package &p) {
                p.weightFiles = {{"/proc/self/no-such-file", 1}};
              }),
              HasSubstr("cannot open"));
  EXPECT_THAT(refusal([](Package &p) { p.weightFiles = {{"LICENSE", 1}}; }),
              HasSubstr("LICENSE: size: expected 1 bytes"));
}

class RandomTypes : public testing::TestWithParam<ElementType> {};

TEST_P(RandomTypes, haveTheRightSpread) {
  plan::Parameter parameter = parameterOf(GetParam(), 64, 1024);
  std::vector<std::byte> bytes(parameterBytes(parameter, 0));
  fillRandom(parameter, 1, bytes);
  std::vector<float> values(64 * 1024);
  dequantizeRow(GetParam(), bytes, std::span(values));
  double sum = 0, squares = 0;
  for (float value : values) {
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += double(value) * value;
  }
  double deviation = std::sqrt(squares / values.size());
  EXPECT_NEAR(deviation * 32, 1, 0.1);            // 1 / sqrt(1024)
  EXPECT_NEAR(sum / values.size() * 32, 0, 0.15); // q4_0: -8 .. 7
}

INSTANTIATE_TEST_SUITE_P(
    All, RandomTypes,
    testing::Values(ElementType::f32, ElementType::f16, ElementType::bf16,
                    ElementType::q8_0, ElementType::q4_0, ElementType::q4_1,
                    ElementType::q5_0, ElementType::q5_1, ElementType::q2_k,
                    ElementType::q3_k, ElementType::q4_k, ElementType::q5_k,
                    ElementType::q6_k),
    [](const auto &info) { return std::string(name(info.param)); });

TEST(RandomWeights, dependOnSeedAndName) {
  auto fill = [](const char *name, uint64_t seed) {
    std::vector<std::byte> bytes(4 * 16);
    fillRandom(parameterOf(ElementType::f32, 1, 16, name), seed, bytes);
    return bytes;
  };
  EXPECT_EQ(fill("a", 1), fill("a", 1));
  EXPECT_NE(fill("a", 1), fill("a", 2));
  EXPECT_NE(fill("a", 1), fill("b", 1));
  auto norm = fill("layers.0.attn_norm", 1);
  for (int i = 0; i < 16; ++i)
    EXPECT_NEAR(reinterpret_cast<const float *>(norm.data())[i], 1, 0.2);
}

TEST(RandomWeights, replaceStoredOnes) {
  Package package = *test::fakePackage();
  package.tensors.clear();
  WeightStore::Options options;
  options.context = 4;
  options.randomSeed = 1;
  auto store = WeightStore::open(package, options);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(store->parameters()[0].size(), 4u);
  EXPECT_EQ(store->parameters()[1].size(), 32u);
}

} // namespace
} // namespace quipu
