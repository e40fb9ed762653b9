//===- BenchTest.cpp - quipu bench on a model of plain functions ----------===//
//
// What is counted and reported, and what the command line accepts. How long
// anything takes is not looked at.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/bench/Bench.h"
#include "test/runtime/FakeModel.h"
#include "tools/commands/Command.h"
#include "tools/commands/bench/Ceilings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

BenchOptions quick() {
  BenchOptions options;
  options.promptTokens = 21; // three steps of the fake model's eight
  options.decodeTokens = 5;
  options.repetitions = 2;
  options.threads = 2;
  options.ceilingSeconds = 0;
  return options;
}

Result<Engine> engineFor(const BenchOptions &options) {
  EngineOptions engineOptions;
  engineOptions.threads = options.threads;
  engineOptions.context = options.promptTokens + options.decodeTokens;
  return test::fakeEngine(engineOptions);
}

TEST(Bench, reportsWhatItRan) {
  BenchOptions options = quick();
  auto engine = engineFor(options);
  ASSERT_TRUE(engine) << engine.error().message;
  auto report = runBench(*engine, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->model, "fake");
  EXPECT_EQ(report->target, "cpu-functions");
  EXPECT_EQ(report->arithmetic, "f32");
  EXPECT_EQ(report->threads, 2);
  ASSERT_EQ(report->samples.size(), 2u);
  for (const BenchSample &sample : report->samples) {
    EXPECT_GT(sample.promptSeconds, 0);
    EXPECT_GT(sample.decodeSeconds, 0);
    EXPECT_GT(sample.readBytesPerSecond, 0);
    EXPECT_GT(sample.peakFlopsPerSecond, 0);
  }
  EXPECT_TRUE(report->decodeProfile.empty());
}

TEST(Bench, profilesEachPhaseByItself) {
  BenchOptions options = quick();
  options.profile = true;
  auto engine = engineFor(options);
  ASSERT_TRUE(engine) << engine.error().message;
  auto report = runBench(*engine, options);
  ASSERT_TRUE(report) << report.error().message;
  auto calls = [](const char *name, int64_t calls) {
    return Contains(AllOf(Field(&ProfileRow::name, name),
                          Field(&ProfileRow::calls, calls)));
  };
  EXPECT_THAT(report->promptProfile, calls("store", 3));
  EXPECT_THAT(report->promptProfile, calls("logits", 1));
  EXPECT_THAT(report->decodeProfile, calls("store", 5));
  EXPECT_THAT(report->decodeProfile, calls("argmax", 5));
  EXPECT_TRUE(engine->device().launchTimes().empty());
}

TEST(Bench, refusesMoreTokensThanTheContext) {
  BenchOptions options = quick();
  auto engine = engineFor(options);
  ASSERT_TRUE(engine) << engine.error().message;
  options.decodeTokens += 1;
  auto report = runBench(*engine, options);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("at most 26 tokens together"));
}

TEST(Ceilings, coverTheBufferWithEveryThread) {
  for (int threads : {1, 3}) {
    auto ceilings = Ceilings::create(100'000, threads);
    ASSERT_TRUE(ceilings) << ceilings.error().message;
    EXPECT_GE(ceilings->bufferBytes(), 100'000);
    EXPECT_EQ(ceilings->bufferBytes() % (512 * threads), 0);
    EXPECT_GT(ceilings->readBytesPerSecond(0), 0);
    EXPECT_GT(ceilings->flopsPerSecond("f32", 0), 0);
    EXPECT_EQ(ceilings->flopsPerSecond("f8", 0), 0);
  }
}

/// The exit status of `quipu ARGUMENTS` with models that cannot be loaded, and
/// how one was asked for.
int runQuipu(std::vector<std::string> arguments, LoadRequest *asked = nullptr) {
  CLI::App app;
  CommandHost host;
  host.load = [&](const LoadRequest &request)
      -> Result<std::shared_ptr<const Package>> {
    if (asked)
      *asked = request;
    return Error{"no such model"};
  };
  addBenchCommand(app, host);
  arguments.insert(arguments.begin(), "quipu");
  std::vector<char *> argv;
  for (std::string &argument : arguments)
    argv.push_back(argument.data());
  return runApp(app, int(argv.size()), argv.data(), host);
}

TEST(BenchCommand, readsItsOptions) {
  LoadRequest asked;
  EXPECT_EQ(runQuipu({"bench", "model.gguf", "-p", "16", "-n", "4", "-r", "1",
                      "-t", "2", "--random-weights", "7", "--profile", "--json",
                      "--cpu-target", "x86-64-v3"},
                     &asked),
            1); // the options are fine and the model is not
  EXPECT_EQ(asked.model, "model.gguf");
  EXPECT_EQ(asked.cpuTarget, "x86-64-v3");
}

TEST(BenchCommand, refusesWrongUsage) {
  EXPECT_EQ(runQuipu({"bench"}), 2);
  EXPECT_EQ(runQuipu({"bench", "m", "-p", "0"}), 2);
  EXPECT_EQ(runQuipu({"bench", "m", "-n", "-1"}), 2);
  EXPECT_EQ(runQuipu({"bench", "m", "-r", "many"}), 2);
  EXPECT_EQ(runQuipu({"bench", "m", "--no-such-option"}), 2);
  EXPECT_EQ(runQuipu({"bench", "--help"}), 0);
}

} // namespace
} // namespace quipu
