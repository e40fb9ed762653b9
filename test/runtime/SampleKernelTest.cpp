//===- SampleKernelTest.cpp - The GPU draws what the host draws -----------===//
//
// The PTX of device/Sample.cu in the emulator against Sampler, token by token
// over several steps of one sequence.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/SampleStep.h"
#include "test/runtime/SampleKernelRun.h"

#include "runtime/package/KernelAbi.h"

#include <cmath>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

namespace quipu {
namespace {

using testing::IsEmpty;

constexpr float infinity = std::numeric_limits<float>::infinity();

class SampleKernel : public testing::Test {
protected:
  /// Draws from each of `steps` by both, each step after the tokens before.
  void compare(const SamplerOptions &options,
               const std::vector<std::vector<float>> &steps,
               std::vector<int32_t> history = {1, 2, 3}) {
    Sampler sampler(options);
    Sampling sampling = sampler.sampling(history);
    ASSERT_TRUE(cuda::SampleStep::canDraw(sampling));
    cuda::SampleSettings settings = cuda::SampleStep::settingsOf(options);
    cuda::SampleState state = {};
    std::memcpy(state.random, sampling.random.words().data(),
                sizeof state.random);
    state.length = int64_t(history.size());
    std::vector<int32_t> onGpu = history;
    onGpu.resize(history.size() + steps.size());
    std::vector<float> scratch(onGpu.size());
    KernelDims dims = {1, 1, 0, 1, 1, 1};
    for (size_t i = 0; i < steps.size(); ++i) {
      std::vector<float> logits = steps[i];
      int32_t token = -7;
      auto at = [](auto &memory) {
        return reinterpret_cast<uint64_t>(memory.data());
      };
      uint64_t parameters[cuda::sampleParameters] = {
          at(logits),
          reinterpret_cast<uint64_t>(&dims),
          reinterpret_cast<uint64_t>(&settings),
          reinterpret_cast<uint64_t>(&state),
          at(onGpu),
          at(scratch),
          reinterpret_cast<uint64_t>(&token),
          logits.size(),
          onGpu.size()};
      ASSERT_THAT(test::runSampleKernel(parameters), IsEmpty());
      int32_t expected = sampler.sample(steps[i], history).value_or(-1);
      ASSERT_EQ(token, expected) << "step " << i;
      history.push_back(expected);
      ASSERT_EQ(onGpu[state.length - 1], expected);
      ASSERT_EQ(state.length, int64_t(history.size()));
    }
  }
  std::vector<float> normal(size_t count, float spread = 3) {
    std::normal_distribution<float> distribution(0, spread);
    std::vector<float> logits(count);
    for (float &logit : logits)
      logit = distribution(random);
    return logits;
  }
  std::vector<std::vector<float>> steps(int count, size_t vocabulary) {
    std::vector<std::vector<float>> all;
    for (int i = 0; i < count; ++i)
      all.push_back(normal(vocabulary));
    return all;
  }
  std::mt19937 random{5};
};

TEST_F(SampleKernel, drawsWithTheDefaults) {
  compare({.seed = 1}, steps(6, 49152));
}

TEST_F(SampleKernel, drawsInEitherOrder) {
  for (float temperature : {0.3f, 1.0f, 2.5f})
    for (SamplerCompat compat :
         {SamplerCompat::llamaCpp, SamplerCompat::huggingFace})
      compare({.temperature = temperature, .seed = 2, .compat = compat},
              steps(3, 3000));
}

TEST_F(SampleKernel, filtersAsTheHostDoes) {
  for (int topK : {1, 256})
    for (float topP : {0.3f, 1.0f})
      for (float minP : {0.0f, 0.2f, 1.0f})
        compare({.temperature = 1.5f, .topK = topK, .topP = topP, .minP = minP},
                steps(2, 1500));
}

TEST_F(SampleKernel, penalizesWhatWasSeen) {
  for (int last : {-1, 0, 2, 64})
    compare({.topK = 20,
             .repetitionPenalty = last == 2 ? 0.5f : 1.3f,
             .penaltyLast = last},
            steps(4, 97), {5, 5, 96, 3, 5, -1, 97, 12, 96});
  SamplerOptions all = {.repetitionPenalty = 2.0f,
                        .compat = SamplerCompat::huggingFace};
  std::vector<int32_t> longHistory(5000);
  for (size_t i = 0; i < longHistory.size(); ++i)
    longHistory[i] = int32_t(i * 7 % 2500);
  compare(all, steps(2, 3000), longHistory);
}

TEST_F(SampleKernel, takesTheMostLikelyAtTemperatureZero) {
  compare({.temperature = 0, .repetitionPenalty = 1.2f}, steps(5, 1000),
          {1, 500, 3});
  compare({.temperature = 0, .topK = 0}, {{1, 7, 7, 2}});
}

TEST_F(SampleKernel, ordersEqualsByTheirIndex) {
  // More equals than are sorted, and candidates in the last tie.
  compare({.temperature = 1, .topP = 1, .minP = 0},
          {std::vector<float>(49152, 1.5f), std::vector<float>(49152, -0.0f)});
  std::vector<float> few(30000, -2.0f);
  few[29999] = few[7] = few[20000] = 3;
  compare({.temperature = 5, .topP = 1, .minP = 0, .seed = 4}, {few, few, few});
  compare({.topK = 5}, {{0.0f, -0.0f, 0.0f, -0.0f, 0.0f, -0.0f, 0.0f}});
}

TEST_F(SampleKernel, bearsWhatIsNoNumber) {
  float nan = std::nanf("");
  compare({}, {{nan, nan}, {-infinity, nan}, {nan, 2, -infinity, 1}});
  compare({.temperature = 2, .minP = 0},
          {{1, infinity, 2}, {infinity, infinity}, normal(500), normal(500)});
  std::vector<float> logits = normal(5000);
  for (size_t i = 0; i < logits.size(); i += 3)
    logits[i] = i % 2 ? nan : -infinity;
  compare({.temperature = 3}, {logits, logits});
}

TEST_F(SampleKernel, bearsFarLogits) {
  compare({.temperature = 0.01f, .topP = 1, .minP = 0},
          {{-800, 0, -5, -3e38f, 1e-30f}, normal(2000, 1e4f)});
}

TEST(SampleStep, leavesToTheHostWhatIsTooMuchToSort) {
  auto canDraw = [](const SamplerOptions &options) {
    return cuda::SampleStep::canDraw(Sampler(options).sampling({}));
  };
  EXPECT_TRUE(canDraw({.topK = 256}));
  EXPECT_FALSE(canDraw({.topK = 257}));
  EXPECT_FALSE(canDraw({.topK = 0}));
  EXPECT_TRUE(canDraw({.temperature = 0, .topK = 0}));
}

} // namespace
} // namespace quipu
