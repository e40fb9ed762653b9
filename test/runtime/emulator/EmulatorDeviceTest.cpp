//===- EmulatorDeviceTest.cpp - Plans in the emulator ---------------------===//
//
// A plan of one kernel, written by hand: it keeps tokens in the KV cache and
// answers with the sum of a token, its predecessor and a parameter.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/EmulatorDevice.h"
#include "runtime/devices/DeviceChoice.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using plan::Argument;
using testing::ElementsAre;
using testing::HasSubstr;

/// keys, bias, tokens, slots, positions, out, dims. Thread t of T: keys[slot] =
/// token; out[t] = token + bias + (position > 0 ? keys[slot - 1] : 0). Block
/// 32 threads, one token each; `last` is the offset of the last store.
std::string kernelText(const std::string &last) {
  return ".version 8.0\n.target sm_80\n.address_size 64\n"
         ".visible .entry sums(.param .u64 p0, .param .u64 p1, .param .u64 p2, "
         ".param .u64 p3, .param .u64 p4, .param .u64 p5, .param .u64 p6)\n"
         "{\n.reg .pred %p<4>;\n.reg .b32 %r<16>;\n.reg .b64 %rd<20>;\n"
         "ld.param.u64 %rd0, [p0];\nld.param.u64 %rd1, [p1];\n"
         "ld.param.u64 %rd2, [p2];\nld.param.u64 %rd3, [p3];\n"
         "ld.param.u64 %rd4, [p4];\nld.param.u64 %rd5, [p5];\n"
         "ld.param.u64 %rd6, [p6];\n"
         "mov.u32 %r0, %tid.x;\n"
         "ld.global.u64 %rd7, [%rd6];\n" // T
         "cvt.u64.u32 %rd8, %r0;\n"
         "setp.ge.u64 %p0, %rd8, %rd7;\n"
         "@%p0 bra done;\n"
         "mul.wide.u32 %rd9, %r0, 4;\n"
         "add.u64 %rd10, %rd2, %rd9;\nld.global.u32 %r1, [%rd10];\n"
         "add.u64 %rd10, %rd3, %rd9;\nld.global.u32 %r2, [%rd10];\n"
         "add.u64 %rd10, %rd4, %rd9;\nld.global.u32 %r3, [%rd10];\n"
         "ld.global.u32 %r4, [%rd1];\n"
         "mul.wide.s32 %rd11, %r2, 4;\nadd.u64 %rd11, %rd11, %rd0;\n"
         "st.global.u32 [%rd11], %r1;\n"
         "add.u32 %r4, %r4, %r1;\n"
         "setp.eq.u32 %p1, %r3, 0;\n"
         "@%p1 bra first;\n"
         "ld.global.u32 %r5, [%rd11+-4];\n"
         "add.u32 %r4, %r4, %r5;\n"
         "first:\n"
         "add.u64 %rd12, %rd5, %rd9;\n"
         "st.global.u32 [%rd12" +
         last + "], %r4;\n" + "done:\nret;\n}\n";
}

class EmulatorDeviceTest : public testing::Test {
protected:
  void make(const std::string &last = "") {
    text = kernelText(last);
    plan::Plan &plan = package.plan;
    plan.vocabSize = 16;
    plan.maxContext = 64;
    plan.maxSplits = 1;
    plan.kv = {1, 1, 1, 4, ElementType::f32};
    plan.parameters = {{"bias", ElementType::f32, 1, 1, {}}};
    plan::Kernel kernel;
    kernel.name = "sums";
    kernel.skeleton = "rowwise";
    kernel.scratchBytes = {0};
    kernel.device = plan::DeviceKind::gpu;
    kernel.threads = 32;
    plan.kernels = {kernel};
    plan::Bucket bucket;
    bucket.name = "small";
    bucket.entry = "argmax";
    bucket.device = plan::DeviceKind::gpu;
    bucket.maxTokens = 8;
    bucket.maxRows = 8;
    bucket.arenaBytes = 128;
    bucket.queryTile = 0;
    plan::Launch launch;
    launch.kernel = 0;
    launch.label = "layers.0 sums";
    auto input = [](plan::Input which) {
      return Argument{Argument::Kind::input, int64_t(which)};
    };
    launch.arguments = {
        {Argument::Kind::keys, 0},     {Argument::Kind::parameter, 0},
        input(plan::Input::tokens),    input(plan::Input::slots),
        input(plan::Input::positions), {Argument::Kind::arena, 64}};
    bucket.buffers = {{64, plan::Grid::Symbol::rows, 4, 0, 0}};
    bucket.launches = {launch};
    bucket.outputs = {{"argmax", 64, 1}};
    plan.buckets = {bucket};
    package.targets = {
        {"sm_80", {}, std::as_bytes(std::span(text.data(), text.size()))}};
    auto made = EmulatorDevice::create(
        package, 0, {std::as_bytes(std::span(&bias, 1))}, {16, 1, 4, 4}, {2});
    ASSERT_TRUE(made) << made.error().message;
    device = std::move(*made);
  }

  /// Runs tokens at consecutive positions and slots from `first`.
  Result<void> run(std::vector<int32_t> tokens, int32_t first) {
    std::vector<int32_t> places(tokens.size());
    for (size_t i = 0; i < places.size(); ++i)
      places[i] = first + int32_t(i);
    StepInputs inputs;
    inputs.tokens = tokens;
    inputs.positions = places;
    inputs.slots = places;
    KernelDims dims = {};
    dims.tokens = int64_t(tokens.size());
    dims.rows = dims.tokens;
    return device->run(0, dims, inputs);
  }
  std::vector<int32_t> answers(int64_t rows) {
    auto bytes = device->output(0, 0, rows);
    if (!bytes) {
      ADD_FAILURE() << bytes.error().message;
      return {};
    }
    std::vector<int32_t> values(rows);
    std::memcpy(values.data(), bytes->data(), bytes->size());
    return values;
  }

  int32_t bias = 100;
  std::string text;
  Package package;
  std::unique_ptr<EmulatorDevice> device;
};

TEST_F(EmulatorDeviceTest, keepsTheCacheBetweenSteps) {
  make();
  // Tokens of one step may not read each other's keys: one a step.
  ASSERT_TRUE(run({7}, 0));
  EXPECT_THAT(answers(1), ElementsAre(107));
  auto second = run({8}, 1);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_THAT(answers(1), ElementsAre(115));
  EXPECT_EQ(device->description(), "emulator of sm_80");
  auto counters = device->launchCounters();
  ASSERT_EQ(counters.size(), 1u);
  EXPECT_EQ(counters[0].calls, 2);
  EXPECT_EQ(counters[0].counters.allStores().bytes, 16);
  EXPECT_EQ(device->launchTimes().size(), 1u);
  device->profile(true);
  EXPECT_TRUE(device->launchCounters().empty());
}

// The kernel asks one lane for dims, then each of T for three inputs, the bias
// and, behind the first, the key before its own; it stores a key and a result.
TEST_F(EmulatorDeviceTest, countsTrafficByWhatBuffersHold) {
  using emulator::BufferRole;
  make();
  ASSERT_TRUE(run({7}, 0));
  ASSERT_TRUE(run({8}, 1));
  emulator::Counters counters = device->launchCounters().at(0).counters;
  const emulator::Traffic &constants = counters.loadsOf(BufferRole::constants);
  EXPECT_EQ(constants.bytes, 2 * (32 * 8 + 3 * 4 + 4));
  EXPECT_EQ(constants.uniqueBytes, 2 * (8 + 3 * 4 + 4));
  EXPECT_EQ(counters.loadsOf(BufferRole::kv).bytes, 4);
  EXPECT_EQ(counters.weightLoads().bytes, 0); // a vector is none
  EXPECT_EQ(counters.loadsOf(BufferRole::activations).bytes, 0);
  EXPECT_EQ(counters.stores[int(BufferRole::kv)].uniqueBytes, 8);
  EXPECT_EQ(counters.stores[int(BufferRole::activations)].sectors, 2);
  EXPECT_EQ(counters.otherLoads().bytes, constants.bytes + 4);

  package.plan.parameters[0].rows = 2; // a matrix is, whatever is read of it
  bias = 1;
  auto made = EmulatorDevice::create(
      package, 0, {std::as_bytes(std::span(&bias, 1))}, {16, 1, 4, 4}, {2});
  ASSERT_TRUE(made) << made.error().message;
  device = std::move(*made);
  ASSERT_TRUE(run({7}, 0));
  counters = device->launchCounters().at(0).counters;
  EXPECT_EQ(counters.weightLoads().bytes, 4);
  EXPECT_EQ(counters.loadsOf(BufferRole::constants).bytes, 32 * 8 + 3 * 4);
}

TEST_F(EmulatorDeviceTest, copiesPagesWithWhatIsDefined) {
  make();
  ASSERT_TRUE(run({7}, 0));
  PageCopy copy = {0, 2}; // slots 0 to 3 to slots 8 to 11
  ASSERT_TRUE(device->copyPages({&copy, 1}));
  auto ran = run({5}, 9);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_THAT(answers(1), ElementsAre(112));
  EXPECT_FALSE(run({5}, 11)); // slot 2 was not written, so neither is slot 10
}

TEST_F(EmulatorDeviceTest, findsReadsOfCacheThatNothingWrote) {
  make();
  auto ran = run({7}, 3);
  ASSERT_FALSE(ran);
  EXPECT_THAT(
      ran.error().message,
      HasSubstr("launch 'layers.0 sums' of bucket 'small': kernel sums, "
                "sm_80.ptx:"));
  EXPECT_THAT(ran.error().message,
              HasSubstr("undefined value: the value stored at"));
  EXPECT_THAT(ran.error().message,
              HasSubstr("'arena: layers.0 sums' + 0 in buffer 'arena'"));
  EXPECT_THAT(ran.error().message,
              HasSubstr("last load of such bytes from global memory: line "));
  EXPECT_THAT(ran.error().message, HasSubstr("buffer 'keys of layer 0' + 8"));
}

TEST_F(EmulatorDeviceTest, findsRacesBetweenTokensOfAStep) {
  make();
  auto ran = run({7, 8, 9}, 0);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message, HasSubstr("global-memory race"));
  EXPECT_THAT(ran.error().message, HasSubstr("buffer 'keys of layer 0' + 0"));
}

TEST_F(EmulatorDeviceTest, forgetsTheArenaWithEachStep) {
  make();
  ASSERT_TRUE(run({7}, 0));
  auto more = device->output(0, 0, 2);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().message,
            "bucket 'small': output 'argmax' was not written in full");
}

TEST_F(EmulatorDeviceTest, findsStoresBesideWhatALaunchIsGiven) {
  make("+4"); // the place of the next row, of which this step has none
  auto ran = run({7}, 0);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message,
              HasSubstr("0 bytes after the end of 'arena: layers.0 sums' (4 "
                        "bytes) in buffer 'arena'"));
}

TEST_F(EmulatorDeviceTest, hidesTheArenaFromLaunchesWithoutBuffers) {
  make();
  // A plan that was never checked: the buffer lives at no launch.
  package.plan.buckets[0].buffers[0].first = 1;
  package.plan.buckets[0].buffers[0].last = 1;
  auto made = EmulatorDevice::create(
      package, 0, {std::as_bytes(std::span(&bias, 1))}, {16, 1, 4, 4}, {2});
  ASSERT_TRUE(made) << made.error().message;
  device = std::move(*made);
  auto ran = run({7}, 0);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message, HasSubstr("out-of-bounds access"));
}

TEST_F(EmulatorDeviceTest, findsStoresBeyondTheArena) {
  make("+64");
  auto ran = run({7}, 0);
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message,
              HasSubstr("0 bytes after the end of buffer 'arena' (128 bytes)"));
}

TEST_F(EmulatorDeviceTest, needsPtxAndItsKernels) {
  make();
  auto none = EmulatorDevice::chooseTarget(Package(), "");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no code for a GPU"));
  auto other = EmulatorDevice::chooseTarget(package, "sm_90a");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message,
              HasSubstr("of name 'sm_90a', found sm_80"));
  DeviceOptions options;
  options.device = "emulator";
  EXPECT_TRUE(chooseDevice(package, options));
  package.plan.kernels[0].name = "other";
  auto made = EmulatorDevice::create(
      package, 0, {std::as_bytes(std::span(&bias, 1))}, {16, 1, 4, 4}, {2});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message,
              HasSubstr("kernel 'other': not in the PTX of sm_80"));
}

} // namespace
} // namespace quipu
