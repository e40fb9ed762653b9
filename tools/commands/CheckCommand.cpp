//===- CheckCommand.cpp - quipu check: a device against references --------===//
//
// Runs one package on a device and on the CPU of the same machine, and says how
// far apart they are; with a golden, how far from another implementation. What
// scripts/gpu-check runs on a GPU machine, where nothing of the sources is.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cpu/ThreadPool.h"
#include "tools/commands/Command.h"
#include "tools/commands/bench/Bench.h"
#include "tools/commands/check/Check.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>

using namespace quipu;

namespace {

struct CheckOptions {
  LoadRequest load;
  int64_t promptTokens = 40;
  int64_t tokens = 32;
  std::string golden; // a file; empty: none
  std::optional<double> tolerance;
  std::optional<uint64_t> randomWeights;
  bool json = false;
};

struct Report {
  std::string device, reason;
  double tolerance = 0;
  Likeness cpu;                   // to the CPU
  std::optional<Likeness> golden; // to the golden
  double goldenTolerance = 0;
  Draws draws;
  BenchReport speed;

  bool passed() const {
    return cpu.passes(tolerance) &&
           (!golden || golden->passes(goldenTolerance)) &&
           draws.same == draws.tokens;
  }
};

} // namespace

/// `tokens`: of the longest text that is compared.
static Result<Engine> open(std::shared_ptr<const Package> package,
                           const CheckOptions &options, int64_t tokens,
                           const std::string &device) {
  EngineOptions engine;
  engine.device = device;
  engine.cpuTarget = options.load.cpuTarget;
  engine.randomWeights = options.randomWeights;
  engine.loadProgress = progressLine("loading weights");
  // Room for the bench below as well.
  engine.context =
      std::min(package->plan.maxContext, std::max<int64_t>(tokens, 128 + 32));
  return Engine::create(std::move(package), engine);
}

static Result<BenchReport> measure(Engine &engine) {
  BenchOptions bench;
  bench.promptTokens = std::min<int64_t>(128, engine.context() / 2);
  bench.decodeTokens = std::min<int64_t>(32, engine.context() / 2);
  bench.repetitions = 1;
  bench.threads = availableThreads();
  return runBench(engine, bench);
}

/// Every setting of the sampler takes part.
static SamplerOptions samplerToCheck() {
  SamplerOptions options;
  options.repetitionPenalty = 1.1f;
  options.seed = 1;
  return options;
}

static Result<Report> compare(Engine &cpu, Engine &device,
                              std::span<const GoldenAnswer> golden,
                              const CheckOptions &options) {
  Report report;
  report.device = device.device().description();
  report.reason = device.deviceReason();
  // Each is so far from exact logits, and both are no further apart than one
  // alone in bf16.
  double own = logitsTolerance(device);
  report.tolerance =
      options.tolerance.value_or(std::min(own + logitsTolerance(cpu), 2e-2));
  report.goldenTolerance = options.tolerance.value_or(own);
  std::vector<int32_t> prompt;
  for (int64_t i = 0; i < options.promptTokens; ++i)
    prompt.push_back(
        static_cast<int32_t>((i * 7919 + 13) % device.vocabSize()));
  auto likeness = compareEngines(cpu, device, prompt, options.tokens);
  if (!likeness)
    return likeness.error();
  report.cpu = *likeness;
  if (!golden.empty()) {
    auto compared = compareWithGolden(device, golden, report.goldenTolerance);
    if (!compared)
      return compared.error();
    report.golden = *compared;
  }
  auto draws = compareDraws(device, prompt, options.tokens, samplerToCheck());
  if (!draws)
    return draws.error();
  report.draws = *draws;
  auto speed = measure(device);
  if (!speed)
    return speed.error();
  report.speed = std::move(*speed);
  return report;
}

static Result<Report> check(CommandHost &host, const CheckOptions &options) {
  LoadRequest load = options.load;
  load.alsoCpu = true;
  auto package = host.load(load);
  if (!package)
    return package.error();
  std::vector<GoldenAnswer> golden;
  int64_t tokens = options.promptTokens + options.tokens;
  if (!options.golden.empty()) {
    auto read = readGolden(options.golden, (*package)->plan.vocabSize);
    if (!read)
      return read.error();
    golden = std::move(*read);
  }
  for (const GoldenAnswer &answer : golden)
    tokens =
        std::max(tokens, int64_t(answer.prompt.size() + answer.greedy.size()));
  auto cpu = open(*package, options, tokens, "cpu");
  if (!cpu)
    return Error{"the CPU, with which the device is compared: " +
                 cpu.error().message};
  auto device = open(*package, options, tokens, options.load.device);
  if (!device)
    return device.error();
  return compare(*cpu, *device, golden, options);
}

static void printJson(const Report &report) {
  nlohmann::ordered_json json = {
      {"passed", report.passed()},
      {"device", report.device},
      {"tolerance", report.tolerance},
      {"logits_error", report.cpu.error},
      {"worst_step_error", report.cpu.worstStep},
      {"tokens", report.cpu.tokens},
      {"same_tokens", report.cpu.sameTokens},
      {"margin", report.cpu.margin},
      {"margin_allowed", report.cpu.marginAllowed},
  };
  if (report.golden) {
    json["golden_tolerance"] = report.goldenTolerance;
    json["golden_error"] = report.golden->error;
    json["golden_tokens"] = report.golden->tokens;
    json["golden_same_tokens"] = report.golden->sameTokens;
    json["golden_margin"] = report.golden->margin;
    json["golden_margin_allowed"] = report.golden->marginAllowed;
  }
  if (report.draws.tokens > 0) {
    json["drawn_tokens"] = report.draws.tokens;
    json["drawn_same_tokens"] = report.draws.same;
  }
  json["prompt_tokens_per_second"] = report.speed.promptTokensPerSecond();
  json["decode_tokens_per_second"] = report.speed.decodeTokensPerSecond();
  json["decode_read_share"] = report.speed.decodeReadShare();
  print(json);
}

static void printText(const Report &report) {
  std::fprintf(stderr, "compared %s with the CPU: %s\n", report.device.c_str(),
               report.reason.c_str());
  auto print = [](const char *what, const Likeness &likeness,
                  double tolerance) {
    std::printf("  %s error %.2e of %.0e  same tokens %ld of %ld", what,
                likeness.error, tolerance, long(likeness.sameTokens),
                long(likeness.tokens));
  };
  std::printf("%-4s", report.passed() ? "pass" : "FAIL");
  print("cpu", report.cpu, report.tolerance);
  if (report.golden)
    print("golden", *report.golden, report.goldenTolerance);
  if (report.draws.tokens > 0)
    std::printf("  drawn tokens %ld of %ld", long(report.draws.same),
                long(report.draws.tokens));
  std::printf("  prompt %.1f tokens/s  decode %.1f tokens/s  "
              "%.0f %% of the memory's speed\n",
              report.speed.promptTokensPerSecond(),
              report.speed.decodeTokensPerSecond(),
              100 * report.speed.decodeReadShare());
}

static int run(CommandHost &host, const CheckOptions &options) {
  Result<Report> report = check(host, options);
  if (!report)
    return fail(report.error());
  if (options.json)
    printJson(*report);
  else
    printText(*report);
  return report->passed() ? 0 : 1;
}

void quipu::addCheckCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command = app.add_subcommand(
      "check", "hold a device against the CPU and a golden: logits and tokens");
  auto options = std::make_shared<CheckOptions>();
  addModelOptions(*command, host, options->load);
  addDeviceOption(*command, options->load);
  command->add_option("-n,--predict", options->tokens, "tokens to compare")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command
      ->add_option("--prompt-tokens", options->promptTokens,
                   "tokens of the prompt")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command
      ->add_option("--tolerance", options->tolerance,
                   "largest error of the logits, relative to their norm; "
                   "default: what the types of the kernels allow")
      ->type_name("X")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--golden", options->golden,
                   "answers of another implementation to compare with")
      ->type_name("FILE");
  command
      ->add_option("--random-weights", options->randomWeights,
                   "fill the weights with random numbers from this seed, for "
                   "a config that has none")
      ->type_name("SEED");
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options, &host] { host.status = run(host, *options); });
}
