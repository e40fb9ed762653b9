//===- GoldenTest.cpp - The goldens agree with themselves -----------------===//
//
// A golden that was half remade, or read wrongly, would fail tests of the
// compiler in confusing ways; this says so first.
//
//===----------------------------------------------------------------------===//

#include "test/e2e/Golden.h"

#include <algorithm>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {

TEST(GoldenTest, everyVariantHasOne) {
  EXPECT_THAT(logitsGoldenNames(),
              testing::IsSupersetOf(
                  {"mha", "gqa", "mqa", "tied", "bias", "rope_llama3",
                   "rope_yarn", "rope_longrope", "rope_dynamic", "ragged_head",
                   "sharded", "gguf_q4_k", "gguf_mixed"}));
}

TEST(GoldenTest, greedyTokensAreTheLargestLogits) {
  for (const std::string &name : logitsGoldenNames()) {
    SCOPED_TRACE(name);
    Result<LogitsGolden> golden = readLogitsGolden(name);
    ASSERT_TRUE(golden) << golden.error().message;
    EXPECT_TRUE(std::filesystem::exists(golden->model)) << golden->model;
    ASSERT_EQ(golden->greedyMargins.size(), golden->greedy().size());
    for (size_t step = 0; step < golden->greedy().size(); ++step) {
      std::span<const float> row = golden->row(golden->promptLength - 1 + step);
      EXPECT_EQ(indexOfLargest(row), golden->greedy()[step]);
      std::vector<float> sorted(row.begin(), row.end());
      std::nth_element(sorted.begin(), sorted.begin() + 1, sorted.end(),
                       std::greater<>());
      EXPECT_NEAR(sorted[0] - sorted[1], golden->greedyMargins[step], 1e-5);
      EXPECT_GE(golden->greedyMargins[step], 0.01);
    }
  }
}

TEST(GoldenTest, realTextHasTenPromptsOfSixtyFourTokens) {
  auto goldens = readSmolLm2Goldens();
  ASSERT_TRUE(goldens) << goldens.error().message;
  ASSERT_EQ(goldens->size(), 10u);
  for (const TextGolden &golden : *goldens) {
    SCOPED_TRACE(golden.prompt);
    ASSERT_EQ(golden.greedyIds.size(), 64u);
    EXPECT_EQ(golden.greedyMargins.size(), 64u);
    EXPECT_GE(*std::min_element(golden.greedyMargins.begin(),
                                golden.greedyMargins.end()),
              0.005f);
    ASSERT_EQ(golden.topIds.size(), golden.topLogits.size());
    EXPECT_EQ(golden.topIds[0], golden.greedyIds[0]);
    EXPECT_NE(golden.text.find(golden.prompt), std::string::npos);
    EXPECT_EQ(golden.chat, golden.text != golden.prompt);
    if (golden.end)
      EXPECT_EQ(golden.greedyIds[*golden.end], 2);
  }
}

TEST(GoldenTest, relativeDifferenceOfWhatIsNoNumberIsInfinite) {
  const float expected[] = {3, 4};
  const float close[] = {3, 4.5f};
  const float broken[] = {3, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_DOUBLE_EQ(relativeDifference(close, expected), 0.1);
  EXPECT_GT(relativeDifference(broken, expected), 1e300);
  EXPECT_GT(relativeDifference(std::span(close, 1), expected), 1e300);
}

} // namespace quipu
