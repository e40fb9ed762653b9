//===- GeneratorTest.cpp - From a prompt to a stream of tokens ------------===//
//
// The generation loop over the fake model: what it says, when it stops, what it
// keeps in the cache.
//
//===----------------------------------------------------------------------===//

#include "runtime/generation/Generator.h"
#include "test/runtime/FakeModel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using test::fakeEngine;
using test::fakeNext;
using testing::HasSubstr;

class GeneratorTest : public testing::Test {
protected:
  void SetUp() override {
    EngineOptions engineOptions;
    engineOptions.context = 64;
    engineOptions.threads = 2;
    auto made = fakeEngine(engineOptions);
    ASSERT_TRUE(made) << made.error().message;
    engine.emplace(std::move(*made));
    sequence.emplace(engine->newSequence());
    options.sampler.temperature = 0;
    options.maxTokens = 10;
  }
  Generation run() {
    auto result = generate(*engine, *sequence, prompt, options);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : Generation();
  }
  /// The first `count` tokens of the answer.
  std::vector<int32_t> expected(size_t count) const {
    std::vector<int32_t> all = prompt, answer;
    while (answer.size() < count) {
      answer.push_back(fakeNext(all));
      all.push_back(answer.back());
    }
    return answer;
  }

  std::optional<Engine> engine;
  std::optional<Sequence> sequence;
  std::vector<int32_t> prompt = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  GenerationOptions options;
};

TEST_F(GeneratorTest, stopsAtMaxTokens) {
  std::vector<int32_t> streamed;
  options.onToken = [&](int32_t token) {
    streamed.push_back(token);
    return true;
  };
  Generation answer = run();
  EXPECT_EQ(answer.tokens, expected(10));
  EXPECT_EQ(streamed, answer.tokens);
  EXPECT_EQ(answer.reason, StopReason::maxTokens);
  EXPECT_EQ(answer.timings.promptTokens, 10);
  EXPECT_EQ(answer.timings.decodeTokens, 9);
  EXPECT_EQ(sequence->length(), 19); // the last one is not evaluated
}

TEST_F(GeneratorTest, stopsAtAStopIdAndKeepsItOut) {
  auto ahead = expected(6);
  options.stopIds = {96, ahead[5]};
  Generation answer = run();
  EXPECT_EQ(answer.reason, StopReason::endOfSequence);
  ahead.pop_back();
  EXPECT_EQ(answer.tokens, ahead);
}

TEST_F(GeneratorTest, stopsWhenTheCallbackSaysSo) {
  int calls = 0;
  options.onToken = [&](int32_t) { return ++calls < 3; };
  Generation answer = run();
  EXPECT_EQ(answer.reason, StopReason::callback);
  EXPECT_EQ(answer.tokens, expected(3));
}

TEST_F(GeneratorTest, stopsWhenTheContextIsFull) {
  options.maxTokens = -1;
  Generation answer = run();
  EXPECT_EQ(answer.reason, StopReason::contextFull);
  EXPECT_EQ(answer.tokens, expected(55)); // 64 positions, one more sampled
  EXPECT_EQ(sequence->length(), 64);
}

TEST_F(GeneratorTest, stopsWhenCancelled) {
  std::atomic<bool> cancelled = false;
  options.cancelled = &cancelled;
  options.onToken = [&](int32_t) {
    cancelled = true;
    return true;
  };
  Generation answer = run();
  EXPECT_EQ(answer.reason, StopReason::cancelled);
  EXPECT_EQ(answer.tokens, expected(1));
  EXPECT_EQ(run().tokens.size(), 0u); // cancelled from the start
}

TEST_F(GeneratorTest, reusesTheCommonPrefix) {
  Generation first = run();
  prompt.insert(prompt.end(), first.tokens.begin(), first.tokens.end());
  prompt.push_back(8);
  Generation second = run();
  EXPECT_EQ(second.timings.reusedTokens, 19);
  EXPECT_EQ(second.timings.promptTokens, 2);
  EXPECT_EQ(second.tokens, expected(10));
  prompt.resize(15); // an edited conversation
  prompt[12] = 77;
  Generation third = run();
  EXPECT_EQ(third.timings.reusedTokens, 12);
  EXPECT_EQ(third.tokens, expected(10));
  Generation again = run(); // all of it is in the cache
  EXPECT_EQ(again.timings.promptTokens, 1);
  EXPECT_EQ(again.tokens, third.tokens);
}

TEST_F(GeneratorTest, samplesWithASeed) {
  options.sampler.temperature = 1;
  options.sampler.seed = 42;
  Generation a = run(), b = run();
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.tokens.size(), 10u);
}

TEST_F(GeneratorTest, refusesBadInput) {
  prompt.assign(65, 1);
  auto result = generate(*engine, *sequence, prompt, options);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("at most 64 tokens"));
  result = generate(*engine, *sequence, {}, options);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("found none"));
  options.sampler.topP = 7;
  prompt.resize(5);
  result = generate(*engine, *sequence, prompt, options);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("--top-p"));
}

} // namespace
} // namespace quipu
