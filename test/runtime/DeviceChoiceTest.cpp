//===- DeviceChoiceTest.cpp - What --device means -------------------------===//
//
// Names of devices, and which one a package runs on.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/DeviceChoice.h"
#include "test/runtime/FakeModel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Kind = DeviceName::Kind;

TEST(DeviceName, namesEachKindAndCountsGpus) {
  auto kind = [](std::string_view text) {
    return DeviceName::parse(text)->kind;
  };
  EXPECT_EQ(kind("auto"), Kind::automatic);
  EXPECT_EQ(kind("cpu"), Kind::cpu);
  EXPECT_EQ(kind("emulator"), Kind::emulator);
  EXPECT_EQ(kind("cuda"), Kind::cuda);
  EXPECT_EQ(DeviceName::parse("cuda")->index, 0);
  EXPECT_EQ(DeviceName::parse("cuda:12")->index, 12);
}

TEST(DeviceName, refusesWhatNamesNoDevice) {
  for (const char *text : {"", "tpu", "cuda:", "cuda:-1", "cuda:1x", "cuda: 1",
                           "cuda:99999999999", "CPU"}) {
    auto name = DeviceName::parse(text);
    ASSERT_FALSE(name) << text;
    EXPECT_EQ(name.error().message,
              "device: expected cpu, cuda, cuda:N, emulator or auto, found '" +
                  std::string(text) + "'");
  }
}

TEST(DeviceChoice, theCpuRunsWhatHasNoOtherCode) {
  Package package;
  package.targets = {{"cpu-any", {}, {}}};
  auto chosen = chooseDevice(package, {});
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_FALSE(chosen->mayFallBack);
  EXPECT_GT(chosen->availableMemory, 0);
  EXPECT_GT(chosen->threads, 0);
  DeviceOptions options;
  options.device = "cpu";
  options.threads = 3;
  chosen = chooseDevice(package, options);
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->reason, "asked for");
  EXPECT_EQ(chosen->threads, 3);
}

TEST(DeviceChoice, compilesForTheDeviceThatIsAskedFor) {
  EXPECT_THAT(*targetsToRun("emulator"), ElementsAre("sm_80"));
  EXPECT_THAT(*targetsToRun("cpu"), ElementsAre(StartsWith("cpu-")));
  EXPECT_FALSE(targetsToRun("tpu"));
  EXPECT_THAT(targetsToRun("cpu", "sm_80").error().message, HasSubstr("sm_80"));
}

} // namespace
} // namespace quipu
