//===- MemoryPlanTest.cpp - How much memory a model takes -----------------===//
//
// The plan's sums against what the kernel counts in /proc/self/smaps_rollup,
// for a package whose one kernel writes everything it is given.
//
//===----------------------------------------------------------------------===//

#include "runtime/generation/MemoryPlan.h"
#include "runtime/devices/cpu/CpuDevice.h"
#include "runtime/generation/Engine.h"
#include "runtime/memory/ResidentMemory.h"
#include "test/runtime/FakeModel.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace quipu {
namespace {

constexpr int64_t mebibyte = 1 << 20;
constexpr int64_t arenaBytes = 6 * mebibyte, scratchBytes = 2 * mebibyte,
                  layerBytes = 4 * mebibyte; // keys of one layer

/// arena, then keys and values of each layer: touches all of them.
void touch(void *const *arguments, const KernelDims *dims, void *scratch,
           int64_t begin, int64_t end) {
  std::memset(scratch, 1, scratchBytes);
  for (int64_t tile = begin; tile < end; ++tile)
    std::memset(arguments[tile], 1, tile == 0 ? arenaBytes : layerBytes);
}

/// 2 layers of 4 MiB keys and values at 4,096 tokens; a table of 1 MiB.
std::shared_ptr<Package> largePackage() {
  auto package = std::make_shared<Package>(*test::fakePackage());
  plan::Plan &plan = package->plan;
  plan.maxContext = 4096;
  plan.kv = {2, 4, 64, 16, ElementType::f32};
  plan.parameters[1].columns = 64;
  plan.parameters[1].recipe.inverseFrequencies.assign(32, 0.1f);
  plan.kernels = {{"touch", "rowwise", {scratchBytes}}};
  plan.buckets.resize(1);
  plan::Bucket &bucket = plan.buckets[0];
  bucket.arenaBytes = arenaBytes;
  bucket.launches = {{0, {{plan::Argument::Kind::arena, 0}}, {5, {}}, "t"}};
  for (int64_t layer : {0, 1})
    for (auto kind : {plan::Argument::Kind::keys, plan::Argument::Kind::values})
      bucket.launches[0].arguments.push_back({kind, layer});
  return package;
}

TEST(MemoryPlan, addsUp) {
  auto package = largePackage();
  MemoryPlan memory = planMemory(*package, 0, 3, 4096, 1);
  EXPECT_EQ(memory.weights, 4);
  EXPECT_EQ(memory.kvPerToken, 2 * 2 * 4 * 64 * 4);
  EXPECT_EQ(memory.kv, 4 * layerBytes);
  EXPECT_EQ(memory.arena, arenaBytes);
  EXPECT_EQ(memory.tables, mebibyte);
  EXPECT_EQ(memory.scratch, 3 * scratchBytes);
  EXPECT_EQ(planMemory(*package, 0, 3, 4090, 2).kv, 8 * layerBytes);
}

TEST(MemoryPlan, countsWhatStepsTouchOfTheArena) {
  using Symbol = plan::Grid::Symbol;
  auto package = largePackage();
  plan::Bucket &bucket = package->plan.buckets[0];
  bucket.maxTokens = 512;
  bucket.maxRows = 64;
  bucket.launches.resize(3, bucket.launches[0]);
  // Activations; logits over what is dead of them; and a piece of its own.
  bucket.buffers = {{0, Symbol::tokens, 100, 0, 1},
                    {1024, Symbol::rows, 1000, 2, 2},
                    {128000, Symbol::rows, 64, 2, 2}};
  auto arena = [&](int64_t context, int64_t sequences) {
    return planMemory(*package, 0, 1, context, sequences).arena;
  };
  EXPECT_EQ(arena(4096, 1), 51200 + 64);
  EXPECT_EQ(arena(4096, 64), 1024 + 64000 + 64 * 64);
  EXPECT_EQ(arena(4096, 1000), arena(4096, 64));
  EXPECT_EQ(arena(16, 1), 1600 + (1024 + 1000 - 1600) + 64);
  EXPECT_EQ(arena(16, 2), 3200 + 128);
  bucket.device = plan::DeviceKind::gpu;
  package->targets[0].name = "sm_80";
  EXPECT_EQ(arena(4096, 1), arenaBytes);
}

TEST(MemoryPlan, sizesBeyondReasonDoNotOverflow) {
  auto package = largePackage();
  package->plan.kv = {1 << 16, 1 << 16, 1 << 16, 16, ElementType::f32};
  package->plan.maxContext = INT32_MAX;
  MemoryPlan memory = planMemory(*package, 0, 1 << 30, INT32_MAX, INT64_MAX);
  EXPECT_GT(memory.kv, int64_t(1) << 48);
  EXPECT_GT(memory.inputs, int64_t(1) << 48);
  EXPECT_GT(memory.anonymous(), memory.kv);
  EXPECT_EQ(largestContext(*package, 0, 1, INT64_MAX, mebibyte), 0);
}

TEST(MemoryPlan, findsTheLargestContext) {
  auto package = largePackage();
  EXPECT_EQ(largestContext(*package, 0, 1, 1, int64_t(1) << 40), 4096);
  EXPECT_EQ(largestContext(*package, 0, 1, 1, mebibyte), 0);
  for (int64_t available : {12 * mebibyte, 20 * mebibyte}) {
    int64_t context = largestContext(*package, 0, 1, 1, available);
    EXPECT_EQ(context % 16, 0);
    auto needed = [&](int64_t tokens) {
      MemoryPlan memory = planMemory(*package, 0, 1, tokens, 1);
      return memory.anonymous() + memory.weights;
    };
    EXPECT_LE(needed(context), available);
    EXPECT_GT(needed(context + 16), available);
  }
}

TEST(MemoryPlan, isWhatTheKernelCounts) {
  auto package = largePackage();
  auto path = std::filesystem::path(testing::TempDir()) /
              ("quipu-weights-" + std::to_string(::getpid()));
  std::ofstream(path, std::ios::binary) << std::string(32 * mebibyte, 'w');
  package->weightFiles = {{path.string(), 32 * mebibyte}};
  package->plan.parameters.push_back(
      {"big",
       ElementType::f32,
       8,
       mebibyte,
       {plan::Recipe::Kind::identity, "big", {}, 1}});
  package->tensors.push_back(
      {"big", ElementType::f32, 8, mebibyte, 0, 0, 32 * mebibyte});
  ResidentMemory before = residentMemory();
  if (before.anonymous == 0)
    GTEST_SKIP() << "no smaps_rollup here, or a sanitizer's memory in it";
  EngineOptions options;
  options.threads = 2;
  options.context = 4096;
  auto engine = Engine::create(
      package, options,
      [&](const Package &package, const ParameterBytes &parameters,
          const DeviceLimits &limits) -> Result<std::unique_ptr<Device>> {
        auto device =
            CpuDevice::create(package, 0, CodeImage::fromFunctions({touch}),
                              parameters, limits, {2, ""});
        if (!device)
          return device.error();
        return std::unique_ptr<Device>(std::move(*device));
      });
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  int32_t token = 1;
  ASSERT_TRUE(engine->prefill(sequence, {&token, 1}));
  ResidentMemory after = residentMemory();
  std::filesystem::remove(path);
  MemoryPlan memory = planMemory(*package, 0, 2, 4096, 1);
  EXPECT_NEAR(after.anonymous - before.anonymous, memory.anonymous(),
              0.05 * memory.anonymous());
  EXPECT_NEAR(after.file - before.file, memory.weights, 0.05 * memory.weights);
}

} // namespace
} // namespace quipu
