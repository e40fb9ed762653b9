//===- BenchCommand.cpp - quipu bench: how fast a model runs --------------===//
//
// Speed of prompt and decode beside what the machine could do at best. See
// docs/bench.md for what is measured and how.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cpu/ThreadPool.h"
#include "tools/commands/Command.h"
#include "tools/commands/bench/Bench.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <optional>

using namespace quipu;

namespace {

struct BenchCommandOptions {
  LoadRequest load;
  BenchOptions bench;
  int threads = 0;
  std::optional<uint64_t> randomWeights;
  bool json = false;
};

} // namespace

static int bench(CommandHost &host, const BenchCommandOptions &options) {
  using Clock = std::chrono::steady_clock;
  auto secondsSince = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  Clock::time_point start = Clock::now();
  Result<std::shared_ptr<const Package>> package = host.load(options.load);
  if (!package)
    return fail(package.error());
  double packageSeconds = secondsSince(start);

  BenchOptions benchOptions = options.bench;
  benchOptions.threads =
      options.threads > 0 ? options.threads : availableThreads();
  EngineOptions engineOptions;
  engineOptions.device = options.load.device;
  engineOptions.cpuTarget = options.load.cpuTarget;
  engineOptions.threads = benchOptions.threads;
  engineOptions.context = benchOptions.promptTokens + benchOptions.decodeTokens;
  engineOptions.randomWeights = options.randomWeights;
  engineOptions.loadProgress = progressLine("loading weights");
  start = Clock::now();
  Result<Engine> engine = Engine::create(*package, engineOptions);
  if (!engine)
    return fail(engine.error());
  printDevice(*engine);
  double loadSeconds = secondsSince(start);

  Result<BenchReport> report = runBench(*engine, benchOptions);
  if (!report)
    return fail(report.error());
  report->packageSeconds = packageSeconds;
  report->loadSeconds = loadSeconds;
  if (options.json)
    std::printf("%s\n", toJson(*report).dump(2).c_str());
  else
    std::printf("%s", toText(*report).c_str());
  return 0;
}

void quipu::addBenchCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command = app.add_subcommand(
      "bench", "measure how fast a model runs, beside what this machine can "
               "do at best");
  auto options = std::make_shared<BenchCommandOptions>();
  addModelOptions(*command, host, options->load);
  auto count = [&](const char *names, auto &value, const char *help) {
    command->add_option(names, value, help)
        ->type_name("N")
        ->check(CLI::Range(1, 1 << 24))
        ->capture_default_str();
  };
  count("-p,--prompt-tokens", options->bench.promptTokens,
        "tokens of the prompt");
  count("-n,--decode-tokens", options->bench.decodeTokens,
        "tokens to decode after it");
  count("-r,--repetitions", options->bench.repetitions,
        "times to measure; the medians are shown");
  command
      ->add_option("-t,--threads", options->threads,
                   "threads; 0: as many as this process may use")
      ->type_name("N")
      ->check(CLI::Range(0, 1024));
  addDeviceOption(*command, options->load);
  command
      ->add_option("--random-weights", options->randomWeights,
                   "fill the weights with random numbers from this seed, for "
                   "a config that has none")
      ->type_name("SEED");
  command->add_flag("--profile", options->bench.profile,
                    "also show where the time goes, by kind of kernel, and on "
                    "the emulator what it counted");
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options, &host] { host.status = bench(host, *options); });
}
