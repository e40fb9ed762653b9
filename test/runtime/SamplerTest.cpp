//===- SamplerTest.cpp - From logits to the next token --------------------===//
//
// Filters are checked by the set of tokens that many draws produce, and the
// distribution by a bound that a right sampler misses once in 10^9 seeds; seeds
// are fixed, so each run is the same.
//
//===----------------------------------------------------------------------===//

#include "runtime/sampler/Sampler.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <set>

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// No filter, temperature 1.
SamplerOptions plain() {
  SamplerOptions options;
  options.temperature = 1;
  options.topK = 0;
  options.topP = 1;
  options.minP = 0;
  return options;
}

std::vector<float> logitsOf(std::vector<double> probabilities) {
  std::vector<float> logits;
  for (double p : probabilities)
    logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

std::map<int32_t, int> counts(const SamplerOptions &options,
                              std::span<const float> logits, int draws = 20000,
                              std::span<const int32_t> history = {}) {
  Sampler sampler(options);
  std::map<int32_t, int> seen;
  for (int i = 0; i < draws; ++i)
    ++seen[sampler.sample(logits, history).value_or(-1)];
  return seen;
}

std::set<int32_t> support(const SamplerOptions &options,
                          std::span<const float> logits,
                          std::span<const int32_t> history = {}) {
  std::set<int32_t> tokens;
  for (auto [token, count] : counts(options, logits, 4000, history))
    tokens.insert(token);
  return tokens;
}

/// Six standard deviations of a binomial.
void expectShare(int count, int draws, double probability) {
  double deviation = std::sqrt(draws * probability * (1 - probability));
  EXPECT_NEAR(count, draws * probability, 6 * deviation + 1);
}

TEST(Argmax, takesTheLowestIndexAndIgnoresNan) {
  EXPECT_EQ(argmax(std::vector<float>{1, 3, 3, 2}), 1);
  EXPECT_EQ(argmax(std::vector<float>{nan, -5, nan, -4}), 3);
  EXPECT_EQ(argmax(std::vector<float>{nan, -infinity}), std::nullopt);
}

TEST(Sampler, drawsInProportion) {
  auto seen = counts(plain(), logitsOf({0.5, 0.2, 0.25, 0.05}));
  expectShare(seen[0], 20000, 0.5);
  expectShare(seen[1], 20000, 0.2);
  expectShare(seen[2], 20000, 0.25);
  expectShare(seen[3], 20000, 0.05);
}

TEST(Sampler, temperatureSharpens) {
  SamplerOptions options = plain();
  options.temperature = 0.5; // squares the odds
  auto seen = counts(options, logitsOf({0.2, 0.8}));
  expectShare(seen[0], 20000, 0.04 / 0.68);
}

TEST(Sampler, temperatureZeroIsGreedyAfterThePenalty) {
  SamplerOptions options = plain();
  options.temperature = 0;
  EXPECT_TRUE(Sampler(options).isGreedy());
  options.repetitionPenalty = 2;
  EXPECT_FALSE(Sampler(options).isGreedy());
  std::vector<float> logits = {3, 2, -1};
  std::vector<int32_t> history = {0, 0, 0};
  EXPECT_EQ(Sampler(options).sample(logits, history), 1); // 3 -> 1.5, once
  std::vector<float> negative = {-1, -1.5};
  EXPECT_EQ(Sampler(options).sample(negative, history), 1); // -1 -> -2
}

TEST(Sampler, penaltyLooksBackAsFarAsAsked) {
  SamplerOptions options = plain();
  options.temperature = 0;
  options.repetitionPenalty = 2;
  options.penaltyLast = 2;
  std::vector<float> logits = {3, 2};
  std::vector<int32_t> history = {0, 5, 6}; // 5, 6: outside the vocabulary
  EXPECT_EQ(Sampler(options).sample(logits, history), 0);
  options.penaltyLast = -1;
  EXPECT_EQ(Sampler(options).sample(logits, history), 1);
  options.penaltyLast = 0;
  EXPECT_EQ(Sampler(options).sample(logits, history), 0);
  options.compat = SamplerCompat::huggingFace; // always all
  EXPECT_EQ(Sampler(options).sample(logits, history), 1);
}

TEST(Sampler, topKKeepsTheBestAndTiesByIndex) {
  SamplerOptions options = plain();
  options.topK = 2;
  EXPECT_THAT(support(options, std::vector<float>{1, 2, 2, 2, 0}),
              ElementsAre(1, 2));
}

TEST(Sampler, topKOfALargeVocabularyEqualsASort) {
  std::vector<float> logits(50000);
  Random random(3);
  for (float &logit : logits)
    logit = static_cast<float>(random.next() % 1000); // many ties
  std::vector<int32_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = static_cast<int32_t>(i);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  SamplerOptions options = plain();
  options.topK = 20;
  options.temperature = 1000; // all nearly alike
  std::set<int32_t> expected(order.begin(), order.begin() + 20);
  EXPECT_EQ(support(options, logits), expected);
}

TEST(Sampler, topPKeepsTheSmallestSetThatReachesIt) {
  auto logits = logitsOf({0.1, 0.4, 0.3, 0.2});
  SamplerOptions options = plain();
  options.topP = 0.65f;
  EXPECT_THAT(support(options, logits), ElementsAre(1, 2));
  options.topP = 0.75f;
  EXPECT_THAT(support(options, logits), ElementsAre(1, 2, 3));
  options.topP = 1e-6f;
  EXPECT_THAT(support(options, logits), ElementsAre(1));
}

TEST(Sampler, minPIsRelativeToTheBest) {
  SamplerOptions options = plain();
  options.minP = 0.45f;
  EXPECT_THAT(support(options, logitsOf({0.1, 0.4, 0.3, 0.2})),
              ElementsAre(1, 2, 3));
}

TEST(Sampler, theTwoOrdersDifferInWhatTopPSees) {
  auto logits = logitsOf({0.5, 0.3, 0.2});
  SamplerOptions options = plain();
  options.temperature = 0.25f; // tempered: 0.87, 0.11, 0.02
  options.topP = 0.85f;
  EXPECT_THAT(support(options, logits), ElementsAre(0, 1, 2));
  options.compat = SamplerCompat::huggingFace;
  EXPECT_THAT(support(options, logits), ElementsAre(0));
}

TEST(Sampler, survivesExtremeLogits) {
  SamplerOptions options;
  options.temperature = 1;
  EXPECT_EQ(Sampler(options).sample(std::vector<float>{nan, -infinity}, {}),
            std::nullopt);
  EXPECT_EQ(Sampler(options).sample(std::vector<float>{}, {}), std::nullopt);
  EXPECT_EQ(Sampler(options).sample(std::vector<float>{1, infinity, nan}, {}),
            1);
  EXPECT_EQ(Sampler(options).sample(std::vector<float>{-3e38f, 3e38f}, {}), 1);
  options.temperature = 1e-30f;
  EXPECT_EQ(Sampler(options).sample(std::vector<float>{1, 1.5, nan}, {}), 1);
}

TEST(Sampler, seedsAreReproducible) {
  Random random(1);
  // xoshiro256++ after splitmix64(1), by the reference implementations.
  EXPECT_EQ(random.next(), 0xcfc5d07f6f03c29bULL);
  EXPECT_EQ(random.next(), 0xbf424132963fe08dULL);
  SamplerOptions options = plain();
  std::vector<float> logits(100, 0.0f);
  options.seed = 7;
  Sampler a(options), b(options);
  options.seed = 8;
  Sampler other(options);
  int differences = 0;
  for (int i = 0; i < 50; ++i) {
    auto token = a.sample(logits, {});
    EXPECT_EQ(token, b.sample(logits, {}));
    differences += token != other.sample(logits, {});
  }
  EXPECT_GT(differences, 30);
}

TEST(Sampler, refusesSettingsThatMeanNothing) {
  auto refusal = [](auto change) {
    SamplerOptions options;
    change(options);
    auto checked = check(options);
    return checked ? "accepted" : checked.error().message;
  };
  EXPECT_EQ(refusal([](SamplerOptions &) {}), "accepted");
  EXPECT_THAT(refusal([](auto &o) { o.temperature = nan; }),
              HasSubstr("--temp"));
  EXPECT_THAT(refusal([](auto &o) { o.topP = 0; }), HasSubstr("--top-p"));
  EXPECT_THAT(refusal([](auto &o) { o.minP = 2; }), HasSubstr("--min-p"));
  EXPECT_THAT(refusal([](auto &o) { o.topK = -1; }), HasSubstr("--top-k"));
  EXPECT_THAT(refusal([](auto &o) { o.repetitionPenalty = 0; }),
              HasSubstr("--repeat-penalty"));
}

} // namespace
} // namespace quipu
