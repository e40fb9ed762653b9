//===- CudaDeviceTest.cpp - Steps on the fake GPU -------------------------===//
//
// The fake model's answers depend on every token stored, and the fake driver
// runs work as late as it may: a missing wait, a wrong address or a stale input
// changes an answer or breaks a rule.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/FakeGpuModel.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <thread>

namespace quipu {
namespace {

using test::fakeGpuPackage;
using test::fakeNext;
using testing::HasSubstr;
using testing::StartsWith;

class CudaDevice : public test::FakeGpuTest {};

std::vector<int32_t> someTokens(int count, int seed = 1) {
  std::vector<int32_t> tokens(count);
  for (int i = 0; i < count; ++i)
    tokens[i] = (i * 31 + seed * 7) % test::fakeVocabulary;
  return tokens;
}

int32_t bestOf(const StepResult &result, int64_t row) {
  auto logits =
      result.logits.subspan(row * test::fakeVocabulary, test::fakeVocabulary);
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) -
                              logits.begin());
}

/// Decodes by logits after a prompt of 21 tokens, and checks each.
void decode(Engine &engine, int count) {
  Sequence sequence = engine.newSequence();
  std::vector<int32_t> tokens = someTokens(21);
  auto result = engine.prefill(sequence, tokens);
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(result) << result.error().message;
    int32_t token = bestOf(*result, 0);
    ASSERT_EQ(token, fakeNext(tokens)) << "after " << tokens.size();
    tokens.push_back(token);
    StepRequest request = {&sequence, {&token, 1}};
    result = engine.step({&request, 1});
  }
  ASSERT_TRUE(result) << result.error().message;
}

TEST_F(CudaDevice, replaysOneGraphForEachBucket) {
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_EQ(engine->device().description(),
            "sm_80, cuda:0 (Fake GPU, compute capability 9.0)");
  EXPECT_EQ(engine->deviceReason(), "a GPU was found");
  decode(*engine, 600); // past 512: three splits of 256
  EXPECT_EQ(driver.calls["cuGraphInstantiate"], 2);
  EXPECT_EQ(driver.calls["cuGraphLaunch"], 3 + 600);
  EXPECT_EQ(driver.calls["cuLaunchKernel"], 3 + 4); // while capturing
  // A copy of the inputs, a replay, a copy of the output for each token.
  int64_t copies = driver.calls["cuMemcpyHtoDAsync"];
  decode(*engine, 10);
  EXPECT_EQ(driver.calls["cuMemcpyHtoDAsync"] - copies, 3 + 10);
}

TEST_F(CudaDevice, holdsSeveralSequencesAndCopiesPages) {
  EngineOptions options;
  options.sequences = 2;
  auto engine = this->engine(options);
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence a = engine->newSequence();
  auto prefix = someTokens(20); // ends inside the second page
  ASSERT_TRUE(engine->prefill(a, prefix));
  Sequence b = a.fork();
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
  EXPECT_EQ(driver.calls["cuMemcpyDtoDAsync"], 2 * 2); // a page, two layers
}

TEST_F(CudaDevice, worksFromAnyThread) {
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  std::thread([&] { decode(*engine, 5); }).join();
  decode(*engine, 5);
}

TEST_F(CudaDevice, launchesNoMoreBlocksThanAreOfUse) {
  unsigned most = 0;
  driver.run = [&, run = driver.run](const test::FakeLaunch &launch) {
    most = std::max(most, launch.blocks);
    EXPECT_EQ(launch.threads, 64u);
    EXPECT_EQ(launch.sharedBytes, test::fakeVocabulary * 4u);
    return run(launch);
  };
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  decode(*engine, 300);
  EXPECT_EQ(most, 8u); // tokens of the prefill bucket
  // Few blocks walk many tiles.
  driver.multiprocessors = 1;
  driver.sharedBytesPerBlock = test::fakeVocabulary * 4;
  engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  most = 0;
  decode(*engine, 300);
  EXPECT_EQ(most, 1u);
}

TEST_F(CudaDevice, timesLaunches) {
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  engine->device().profile(true);
  Sequence sequence = engine->newSequence();
  ASSERT_TRUE(engine->prefill(sequence, someTokens(24)));
  auto times = engine->device().launchTimes();
  ASSERT_EQ(times.size(), 3u); // of the prefill bucket
  EXPECT_EQ(times[0].calls, 3);
  EXPECT_DOUBLE_EQ(times[0].seconds, 3e-3); // 1 ms between marks
  engine->device().profile(false);
  EXPECT_TRUE(engine->device().launchTimes().empty());
  decode(*engine, 3);
}

TEST_F(CudaDevice, measuresItsMemory) {
  driver.memoryBytes = int64_t(16) << 20;
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  auto speed = engine->device().copyBytesPerSecond();
  ASSERT_TRUE(speed) << speed.error().message;
  // The fake's copy takes 1 ms; a quarter of what is free, there and back.
  EXPECT_NEAR(*speed, 2 * 0.25 * double(int64_t(16) << 20) / 1e-3, 1e9);
  driver.fail("cuMemcpyDtoDAsync", cuda::Status::unknown, 3);
  EXPECT_FALSE(engine->device().copyBytesPerSecond());
}

TEST_F(CudaDevice, asksForMuchSharedMemory) {
  auto package = fakeGpuPackage();
  for (plan::Kernel &kernel : package->plan.kernels)
    kernel.scratchBytes = {100 * 1024};
  auto engine = this->engine({}, package);
  ASSERT_TRUE(engine) << engine.error().message;
  decode(*engine, 3);
}

TEST_F(CudaDevice, namesTheLaunchThatFailed) {
  checksEnd = false;
  driver.run = [&](const test::FakeLaunch &launch) {
    return launch.kernel == "merge" ? cuda::Status::illegalAddress
                                    : cuda::Status::success;
  };
  auto refusal = [&] {
    auto engine = this->engine();
    EXPECT_TRUE(engine);
    Sequence sequence = engine->newSequence();
    auto result = engine->prefill(sequence, someTokens(1));
    return result ? "accepted" : result.error().message;
  };
  EXPECT_THAT(refusal(),
              AllOf(StartsWith("bucket 'decode': cuStreamSynchronize failed "
                               "with CUDA_ERROR_ILLEGAL_ADDRESS (700)"),
                    HasSubstr("QUIPU_CUDA_SYNC=1")));
  EXPECT_TRUE(driver.contextIsLost());
  auto run = driver.run;
  driver.reset();
  driver.run = run;
  ::setenv("QUIPU_CUDA_SYNC", "1", 1);
  EXPECT_THAT(refusal(), StartsWith("launch 'merge' of bucket 'decode', kernel "
                                    "'merge': cuStreamSynchronize failed"));
  driver.violations.clear(); // a lost context takes nothing back
}

/// Each call that making a device needs fails in turn: an error, and nothing
/// is left behind.
TEST_F(CudaDevice, givesEverythingBackAfterAnError) {
  {
    ASSERT_TRUE(engine());
  }
  auto calls = driver.calls;
  for (auto &[function, count] : calls)
    for (int64_t nth = 1; nth <= std::min<int64_t>(count, 9); ++nth) {
      bool givesBack = function.find("Free") != function.npos ||
                       function.find("Destroy") != function.npos ||
                       function.find("Unload") != function.npos ||
                       function.find("Release") != function.npos;
      if (givesBack || function == "cuCtxSetCurrent")
        continue;
      driver.reset();
      test::runFakeModel(driver);
      driver.fail(function, cuda::Status::unknown, int(nth));
      EngineOptions options;
      options.device = "cuda";
      auto engine = this->engine(options);
      EXPECT_THAT(driver.violations, testing::IsEmpty()) << function << nth;
      if (engine) // the wait before the end does not matter, nor does sampling
        continue;
      EXPECT_THAT(engine.error().message,
                  HasSubstr(function + " failed with CUDA_ERROR_UNKNOWN"));
      EXPECT_EQ(driver.unreturned, 0) << function << nth;
      EXPECT_EQ(driver.retained, 0) << function << nth;
    }
}

} // namespace
} // namespace quipu
