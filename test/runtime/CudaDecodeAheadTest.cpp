//===- CudaDecodeAheadTest.cpp - Decoding without the host ----------------===//
//
// Answers that the fake GPU writes by itself are those of single steps, and a
// token costs no copy to the GPU.
//
//===----------------------------------------------------------------------===//

#include "runtime/generation/Generator.h"
#include "test/runtime/FakeGpuModel.h"

#include <gmock/gmock.h>

namespace quipu {
namespace {

using test::fakeGpuPackage;
using test::fakeNext;
using testing::HasSubstr;

class CudaDecodeAhead : public test::FakeGpuTest {
protected:
  static GenerationOptions greedy(int64_t maxTokens) {
    GenerationOptions options;
    options.sampler.temperature = 0;
    options.maxTokens = maxTokens;
    return options;
  }
  static std::vector<int32_t> expected(std::vector<int32_t> tokens, int count) {
    std::vector<int32_t> answer;
    for (int i = 0; i < count; ++i) {
      answer.push_back(fakeNext(tokens));
      tokens.push_back(answer.back());
    }
    return answer;
  }
  const std::vector<int32_t> prompt = {3, 14, 15, 92, 65, 35};
};

TEST_F(CudaDecodeAhead, writesAnAnswerWithoutTheHost) {
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  auto generation = generate(*engine, sequence, prompt, greedy(700));
  ASSERT_TRUE(generation) << generation.error().message;
  EXPECT_EQ(generation->tokens, expected(prompt, 700));
  EXPECT_EQ(generation->reason, StopReason::maxTokens);
  EXPECT_EQ(generation->timings.decodeTokens, 699);
  EXPECT_EQ(sequence.length(), 6 + 699);
  // The bias, the prompt, and the first of each 64 steps.
  EXPECT_EQ(driver.calls["cuMemcpyHtoDAsync"], 1 + 1 + 11);
  // The host waits for tokens, for the prompt's and once at the start.
  EXPECT_EQ(driver.calls["cuStreamSynchronize"], 2);
}

TEST_F(CudaDecodeAhead, fillsTheContext) {
  EngineOptions options;
  options.context = 100;
  auto engine = this->engine(options);
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  auto generation = generate(*engine, sequence, prompt, greedy(-1));
  ASSERT_TRUE(generation) << generation.error().message;
  EXPECT_EQ(generation->tokens, expected(prompt, 95));
  EXPECT_EQ(generation->reason, StopReason::contextFull);
  EXPECT_EQ(sequence.length(), 100);
}

TEST_F(CudaDecodeAhead, endsWhereAStepWouldAndGoesOnFromThere) {
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  GenerationOptions options = greedy(-1);
  int64_t left = 21;
  options.onToken = [&](int32_t) { return --left > 0; };
  auto generation = generate(*engine, sequence, prompt, options);
  ASSERT_TRUE(generation) << generation.error().message;
  EXPECT_EQ(generation->tokens, expected(prompt, 21));
  EXPECT_EQ(sequence.length(), 6 + 20);
  EXPECT_EQ(sequence.pages().size(), 2u); // those beyond were given back
  std::vector<int32_t> longer = prompt;
  for (int32_t token : generation->tokens)
    longer.push_back(token);
  longer.push_back(42);
  generation = generate(*engine, sequence, longer, greedy(30));
  ASSERT_TRUE(generation) << generation.error().message;
  EXPECT_EQ(generation->tokens, expected(longer, 30));
}

TEST_F(CudaDecodeAhead, leavesPagesToOtherSequences) {
  EngineOptions options;
  options.context = 64;
  auto engine = this->engine(options); // four pages
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence a = engine->newSequence(), b = engine->newSequence();
  std::vector<int32_t> held(33, 7); // three of them
  ASSERT_TRUE(engine->prefill(a, held));
  auto generation = generate(*engine, b, prompt, greedy(11));
  ASSERT_TRUE(generation) << generation.error().message;
  EXPECT_EQ(generation->tokens, expected(prompt, 11));
  b.truncate(0);
  generation = generate(*engine, b, prompt, greedy(-1));
  ASSERT_FALSE(generation);
  EXPECT_THAT(generation.error().message, HasSubstr("the KV cache is full"));
  EXPECT_EQ(b.length(), 16);
}

TEST_F(CudaDecodeAhead, refusesWhatIsNoToken) {
  int64_t steps = 0; // outlives the engine, whose last steps still count
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  driver.run = [&, run = driver.run](const test::FakeLaunch &launch) {
    cuda::Status status = run(launch);
    if (launch.kernel == "argmax" && ++steps == 5)
      *reinterpret_cast<int32_t *>(launch.parameters[3]) = -1;
    return status;
  };
  Sequence sequence = engine->newSequence();
  auto generation = generate(*engine, sequence, prompt, greedy(50));
  ASSERT_FALSE(generation);
  EXPECT_THAT(generation.error().message, HasSubstr("are not numbers"));
}

TEST_F(CudaDecodeAhead, cancelsBetweenTokens) {
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  std::atomic<bool> cancelled = false;
  GenerationOptions options = greedy(-1);
  options.cancelled = &cancelled;
  int64_t left = 9;
  options.onToken = [&](int32_t) {
    cancelled = --left == 0;
    return true;
  };
  auto generation = generate(*engine, sequence, prompt, options);
  ASSERT_TRUE(generation) << generation.error().message;
  EXPECT_EQ(generation->tokens, expected(prompt, 9));
  EXPECT_EQ(generation->reason, StopReason::cancelled);
}

/// Options under which the fake model's answers are not always the likeliest.
GenerationOptions drawing(int64_t maxTokens) {
  GenerationOptions options;
  options.sampler = {.temperature = 40, .topP = 1, .minP = 0, .seed = 3};
  options.maxTokens = maxTokens;
  return options;
}

TEST_F(CudaDecodeAhead, drawsWhatTheHostWouldDraw) {
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  GenerationOptions options = drawing(70);
  options.sampler.repetitionPenalty = 1.1f;
  auto onGpu = generate(*engine, sequence, prompt, options);
  ASSERT_TRUE(onGpu) << onGpu.error().message;
  // The bias, the prompt, and inputs and state for each 64 steps.
  EXPECT_EQ(driver.calls["cuMemcpyHtoDAsync"], 1 + 1 + 2 * 2);
  EXPECT_EQ(driver.calls["cuStreamSynchronize"], 2);
  EXPECT_EQ(sequence.length(), 6 + 69);
  EXPECT_NE(onGpu->tokens, expected(prompt, 70));

  ::setenv("QUIPU_CUDA_SYNC", "1", 1); // token by token
  auto stepping = this->engine();
  ASSERT_TRUE(stepping) << stepping.error().message;
  Sequence other = stepping->newSequence();
  auto onHost = generate(*stepping, other, prompt, options);
  ASSERT_TRUE(onHost) << onHost.error().message;
  EXPECT_EQ(onGpu->tokens, onHost->tokens);
}

TEST_F(CudaDecodeAhead, endsADrawnAnswerWhereAStepWould) {
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  GenerationOptions options = drawing(-1);
  auto whole = generate(*engine, sequence, prompt, drawing(12));
  ASSERT_TRUE(whole) << whole.error().message;
  options.stopIds = {whole->tokens[8]};
  sequence.truncate(0);
  auto cut = generate(*engine, sequence, prompt, options);
  ASSERT_TRUE(cut) << cut.error().message;
  EXPECT_EQ(cut->reason, StopReason::endOfSequence);
  auto end = std::find(whole->tokens.begin(), whole->tokens.end(),
                       options.stopIds.front());
  EXPECT_EQ(cut->tokens, std::vector<int32_t>(whole->tokens.begin(), end));
}

TEST_F(CudaDecodeAhead, leavesToTheHostWhatTheKernelDoesNotDraw) {
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  GenerationOptions options = drawing(10);
  options.sampler.topK = 0;
  auto generation = generate(*engine, sequence, prompt, options);
  ASSERT_TRUE(generation) << generation.error().message;
  EXPECT_EQ(driver.calls["cuMemcpyHtoDAsync"], 1 + 10);
}

} // namespace
} // namespace quipu
