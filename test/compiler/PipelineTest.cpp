//===- PipelineTest.cpp - What targets ask of the pipeline ----------------===//
//
// The targets of a package decide its kinds of device and what GPU schedules
// keep within, and both stand in the pipeline's text.
//
//===----------------------------------------------------------------------===//

#include "compiler/Compilation.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

PipelineOptions optionsFor(const std::vector<std::string> &names) {
  Result<std::vector<TargetChoice>> targets = chooseTargets(names);
  EXPECT_TRUE(bool(targets));
  return withDevices({}, *targets).pipeline;
}

std::string textFor(const std::vector<std::string> &names) {
  auto text = pipelineText(Stage::plan, optionsFor(names));
  EXPECT_TRUE(bool(text));
  return *text;
}

TEST(Pipeline, takesDevicesAndGpusFromTheTargets) {
  PipelineOptions both = optionsFor({"sm_90a", "cpu", "sm_80"});
  EXPECT_THAT(both.devices, ElementsAre("cpu", "gpu"));
  EXPECT_THAT(both.gpuTargets, ElementsAre("sm_90a", "sm_80"));
  PipelineOptions cpu = optionsFor({"cpu-x86-64-v3"});
  EXPECT_THAT(cpu.devices, ElementsAre("cpu"));
  EXPECT_THAT(cpu.gpuTargets, IsEmpty());
}

TEST(Pipeline, forgetsTheTargetsOfBefore) {
  CompileOptions options;
  options.pipeline.gpuTargets = {"sm_86"};
  PipelineOptions now =
      withDevices(options, *chooseTargets({"sm_80"})).pipeline;
  EXPECT_THAT(now.gpuTargets, ElementsAre("sm_80"));
}

TEST(Pipeline, tellsTheTableOfSchedulesTheGpuTargets) {
  EXPECT_THAT(textFor({"sm_80", "sm_90a"}),
              HasSubstr(",kernel-choose-tiles{gpu-targets=sm_80,sm_90a},"));
  EXPECT_THAT(textFor({"cpu"}), HasSubstr(",kernel-choose-tiles,"));
  EXPECT_THAT(textFor({"cpu"}), Not(HasSubstr("gpu-targets")));
}

} // namespace
} // namespace quipu
