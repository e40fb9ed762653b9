//===- EngineTest.cpp - Steps through a package ---------------------------===//
//
// The fake model's answers depend on every stored token, so a wrong slot, page,
// position, split or chunk changes them.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/FakeModel.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

namespace quipu {
namespace {

using test::fakeEngine;
using test::fakeNext;
using testing::HasSubstr;

std::vector<int32_t> someTokens(int count, int seed = 1) {
  std::vector<int32_t> tokens(count);
  for (int i = 0; i < count; ++i)
    tokens[i] = (i * 31 + seed * 7) % test::fakeVocabulary;
  return tokens;
}

int32_t best(std::span<const float> row) {
  return static_cast<int32_t>(std::max_element(row.begin(), row.end()) -
                              row.begin());
}

int32_t bestOf(const StepResult &result, int64_t row) {
  return best(
      result.logits.subspan(row * test::fakeVocabulary, test::fakeVocabulary));
}

class EngineThreads : public testing::TestWithParam<int> {};

TEST_P(EngineThreads, prefillsInChunksAndDecodesAcrossPagesAndSplits) {
  EngineOptions options;
  options.threads = GetParam();
  auto engine = fakeEngine(options);
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  std::vector<int32_t> tokens = someTokens(21);
  auto result = engine->prefill(sequence, tokens);
  ASSERT_TRUE(result) << result.error().message;
  for (int i = 0; i < 600; ++i) { // past 512: three splits of 256
    ASSERT_EQ(result->rows, 1);
    int32_t token = bestOf(*result, 0);
    ASSERT_EQ(token, fakeNext(tokens)) << "after " << tokens.size();
    tokens.push_back(token);
    StepRequest request = {&sequence, {&token, 1}};
    result = engine->step({&request, 1});
    ASSERT_TRUE(result) << result.error().message;
  }
  EXPECT_EQ(sequence.length(), 621);
}

INSTANTIATE_TEST_SUITE_P(Counts, EngineThreads, testing::Values(1, 2, 5));

TEST(Engine, mixesSequencesInOneStep) {
  EngineOptions options;
  options.sequences = 3;
  auto engine = fakeEngine(options);
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence a = engine->newSequence(), b = engine->newSequence(),
           c = engine->newSequence();
  auto longPrompt = someTokens(30, 3);
  ASSERT_TRUE(engine->prefill(a, longPrompt));
  auto two = someTokens(2, 4), four = someTokens(4, 5);
  int32_t one = 11;
  StepRequest requests[] = {{&b, four, Rows::all},
                            {&a, {&one, 1}, Rows::last},
                            {&c, two, Rows::none}};
  auto result = engine->step(requests);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->rows, 5);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(bestOf(*result, i), fakeNext({four.data(), i + 1}));
  longPrompt.push_back(one);
  EXPECT_EQ(bestOf(*result, 4), fakeNext(longPrompt));
}

TEST(Engine, usesTheArgmaxEntry) {
  auto engine = fakeEngine();
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_TRUE(engine->has(Entry::argmax));
  EXPECT_EQ(engine->maxStepTokens(Entry::argmax), 1);
  Sequence sequence = engine->newSequence();
  auto tokens = someTokens(5);
  auto result = engine->prefill(sequence, tokens, Entry::argmax);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->argmax.size(), 1u);
  EXPECT_EQ(result->argmax[0], fakeNext(tokens));
}

TEST(Engine, forksShareThePrefixAndDivergeApart) {
  EngineOptions options;
  options.sequences = 2;
  auto engine = fakeEngine(options);
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence a = engine->newSequence();
  auto prefix = someTokens(20); // ends inside the second page
  ASSERT_TRUE(engine->prefill(a, prefix));
  Sequence b = a.fork();
  EXPECT_EQ(a.pages()[1], b.pages()[1]);
  std::vector<int32_t> withA = prefix, withB = prefix;
  for (int32_t i = 0; i < 20; ++i) {
    int32_t tokenA = 50 + i, tokenB = 3 * i;
    StepRequest requests[] = {{&a, {&tokenA, 1}}, {&b, {&tokenB, 1}}};
    auto result = engine->step(requests);
    ASSERT_TRUE(result) << result.error().message;
    withA.push_back(tokenA);
    withB.push_back(tokenB);
    EXPECT_EQ(bestOf(*result, 0), fakeNext(withA));
    EXPECT_EQ(bestOf(*result, 1), fakeNext(withB));
  }
  EXPECT_EQ(a.pages()[0], b.pages()[0]);
  EXPECT_NE(a.pages()[1], b.pages()[1]);
}

TEST(Engine, truncatedSequencesContinueFromThere) {
  auto engine = fakeEngine();
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  auto tokens = someTokens(40);
  ASSERT_TRUE(engine->prefill(sequence, tokens));
  sequence.truncate(17);
  EXPECT_EQ(sequence.pages().size(), 2u);
  tokens.resize(17);
  tokens.push_back(60);
  StepRequest request = {&sequence, {&tokens.back(), 1}};
  auto result = engine->step({&request, 1});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(bestOf(*result, 0), fakeNext(tokens));
}

TEST(Engine, refusesWhatKernelsMustNotSee) {
  EngineOptions options;
  options.context = 32;
  auto engine = fakeEngine(options);
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  auto refusal = [&](std::vector<int32_t> tokens) {
    auto result = engine->prefill(sequence, tokens);
    return result ? "accepted" : result.error().message;
  };
  EXPECT_THAT(refusal({}), HasSubstr("at least one token"));
  EXPECT_THAT(refusal({1, -1}), HasSubstr("found -1"));
  EXPECT_THAT(refusal({97}), HasSubstr("from 0 to 96, found 97"));
  EXPECT_THAT(refusal(someTokens(33)), HasSubstr("at most 32 tokens"));
  EXPECT_EQ(sequence.length(), 0);
  EXPECT_EQ(refusal(someTokens(32)), "accepted");
  EXPECT_THAT(refusal({1}), HasSubstr("found 33"));
}

TEST(Engine, refusesStepsThatNoBucketTakes) {
  EngineOptions options;
  options.sequences = 2;
  auto engine = fakeEngine(options);
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence a = engine->newSequence(), b = engine->newSequence();
  auto tokens = someTokens(9);
  auto refusal = [&](std::vector<StepRequest> requests) {
    auto result = engine->step(requests);
    return result ? "accepted" : result.error().message;
  };
  EXPECT_THAT(refusal({{&a, tokens}}), HasSubstr("no bucket for 9 tokens"));
  EXPECT_THAT(refusal({{&a, {tokens.data(), 1}}, {&b, {}}}),
              HasSubstr("at least one token of each sequence"));
  EXPECT_THAT(refusal({{&a, {tokens.data(), 1}},
                       {&b, {tokens.data(), 1}},
                       {&b, {tokens.data(), 1}}}),
              HasSubstr("at most 2 sequences, found 3"));
  EXPECT_EQ(a.length() + b.length(), 0);
}

TEST(Engine, refusesOptionsThatDoNotFit) {
  EngineOptions options;
  options.context = test::fakeContext + 1;
  auto engine = fakeEngine(options);
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message, HasSubstr("at most 1024"));
  options = {};
  options.device = "tpu";
  engine = Engine::create(test::fakePackage(), options);
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message, HasSubstr("'tpu'"));
}

TEST(Engine, interruptsPrefillBetweenSteps) {
  auto engine = fakeEngine();
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  auto result = engine->prefill(sequence, someTokens(30), Entry::logits,
                                [](int64_t done) { return done < 16; });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "interrupted");
  EXPECT_EQ(sequence.length(), 16);
}

TEST(Engine, profilesLaunches) {
  auto engine = fakeEngine();
  ASSERT_TRUE(engine) << engine.error().message;
  engine->device().profile(true);
  Sequence sequence = engine->newSequence();
  ASSERT_TRUE(engine->prefill(sequence, someTokens(24)));
  auto times = engine->device().launchTimes();
  ASSERT_EQ(times.size(), 3u); // of the prefill bucket
  EXPECT_EQ(times[0].bucket, 1);
  EXPECT_EQ(times[0].calls, 3);
  EXPECT_EQ(times[2].calls, 1); // logits of the last step alone
  engine->device().profile(true);
  EXPECT_TRUE(engine->device().launchTimes().empty());
}

} // namespace
} // namespace quipu
