//===- CheckCommand.cpp - quipu check: a device against the CPU -----------===//
//
// Runs one package on two devices of the same machine and says how far apart
// they are. What scripts/gpu-check runs on a GPU machine, where nothing of the
// sources is.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cpu/ThreadPool.h"
#include "tools/commands/Command.h"
#include "tools/commands/bench/Bench.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

using namespace quipu;

namespace {

struct CheckOptions {
  LoadRequest load;
  int64_t promptTokens = 40;
  int64_t tokens = 32;
  double tolerance = 2e-2; // bf16; see the design's numerics
  std::optional<uint64_t> randomWeights;
  bool json = false;
};

/// What is compared: the CPU's own answer, forced upon both devices, and the
/// answer that the device writes by itself.
struct Comparison {
  std::string device, reason;
  int64_t tokens = 0;
  double worstError = 0;    // ||d|| / ||ref|| of a step's logits
  int64_t sameTokens = 0;   // of the device's own answer, up to a difference
  double margin = 0;        // between the two tokens there, on the CPU
  double marginAllowed = 0; // twice the largest difference of a logit
  BenchReport speed;

  /// A difference at a near-tie of the top two logits is none.
  bool passed(double tolerance) const {
    bool sameText = sameTokens == tokens || margin <= marginAllowed;
    return worstError <= tolerance && sameText;
  }
};

} // namespace

static Result<Engine> open(std::shared_ptr<const Package> package,
                           const CheckOptions &options,
                           const std::string &device) {
  EngineOptions engine;
  engine.device = device;
  engine.cpuTarget = options.load.cpuTarget;
  engine.randomWeights = options.randomWeights;
  engine.loadProgress = progressLine("loading weights");
  // Room for the bench below, and for the answer.
  engine.context = std::min<int64_t>(
      package->plan.maxContext,
      std::max<int64_t>(options.promptTokens + options.tokens, 128 + 32));
  return Engine::create(std::move(package), engine);
}

/// Logits after the prompt and after each token of `forced`; without one, the
/// most likely token is taken each time and added to it.
static Result<std::vector<std::vector<float>>>
logitsOf(Engine &engine, std::span<const int32_t> prompt, int64_t tokens,
         std::vector<int32_t> &forced) {
  bool chooses = forced.empty();
  Sequence sequence = engine.newSequence();
  std::vector<std::vector<float>> steps;
  Result<StepResult> result = engine.prefill(sequence, prompt);
  for (int64_t i = 0; result && i < tokens; ++i) {
    steps.emplace_back(result->logits.begin(), result->logits.end());
    const std::vector<float> &row = steps.back();
    if (chooses)
      forced.push_back(static_cast<int32_t>(
          std::max_element(row.begin(), row.end()) - row.begin()));
    if (i + 1 == tokens)
      break;
    StepRequest request = {&sequence, {&forced[i], 1}};
    result = engine.step({&request, 1});
  }
  if (!result)
    return result.error();
  return steps;
}

/// The answer as `run` writes it at temperature 0.
static Result<std::vector<int32_t>>
answerOf(Engine &engine, std::span<const int32_t> prompt, int64_t tokens) {
  Sequence sequence = engine.newSequence();
  auto result = engine.prefill(sequence, prompt);
  if (!result)
    return result.error();
  std::vector<int32_t> answer = {static_cast<int32_t>(
      std::max_element(result->logits.begin(), result->logits.end()) -
      result->logits.begin())};
  if (engine.has(Entry::argmax) && tokens > 1) {
    Result<void> done = engine.decodeGreedily(sequence, answer[0], tokens - 1,
                                              [&](int32_t token) {
                                                answer.push_back(token);
                                                return true;
                                              });
    if (!done)
      return done.error();
  }
  return answer;
}

static void compare(const std::vector<std::vector<float>> &reference,
                    const std::vector<std::vector<float>> &found,
                    const std::vector<int32_t> &expected,
                    const std::vector<int32_t> &answer,
                    Comparison &comparison) {
  double largest = 0;
  for (size_t step = 0; step < reference.size(); ++step) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < reference[step].size(); ++i) {
      double d = double(found[step][i]) - reference[step][i];
      difference += d * d;
      norm += double(reference[step][i]) * reference[step][i];
      largest = std::max(largest, std::abs(d));
    }
    double error = norm > 0 ? std::sqrt(difference / norm) : 0;
    // Not a number is no small error.
    comparison.worstError =
        error >= 0 ? std::max(comparison.worstError, error) : INFINITY;
  }
  size_t same = 0;
  while (same < answer.size() && same < expected.size() &&
         answer[same] == expected[same])
    ++same;
  comparison.tokens = static_cast<int64_t>(answer.size());
  comparison.sameTokens = static_cast<int64_t>(same);
  comparison.marginAllowed = 2 * largest;
  if (same < answer.size()) {
    const std::vector<float> &row = reference[same];
    bool isToken = answer[same] >= 0 && size_t(answer[same]) < row.size();
    comparison.margin =
        isToken ? row[expected[same]] - row[answer[same]] : INFINITY;
  }
}

static Result<Comparison> check(CommandHost &host,
                                const CheckOptions &options) {
  LoadRequest load = options.load;
  load.alsoCpu = true;
  auto package = host.load(load);
  if (!package)
    return package.error();
  auto cpu = open(*package, options, "cpu");
  if (!cpu)
    return cpu.error();
  auto device = open(*package, options, options.load.device);
  if (!device)
    return device.error();
  std::vector<int32_t> prompt, expected;
  for (int64_t i = 0; i < options.promptTokens; ++i)
    prompt.push_back(
        static_cast<int32_t>((i * 7919 + 13) % device->vocabSize()));
  auto reference = logitsOf(*cpu, prompt, options.tokens, expected);
  if (!reference)
    return reference.error();
  auto found = logitsOf(*device, prompt, options.tokens, expected);
  if (!found)
    return found.error();
  auto answer = answerOf(*device, prompt, options.tokens);
  if (!answer)
    return answer.error();
  Comparison comparison;
  comparison.device = device->device().description();
  comparison.reason = device->deviceReason();
  compare(*reference, *found, expected, *answer, comparison);
  BenchOptions bench;
  bench.promptTokens = std::min<int64_t>(128, device->context() / 2);
  bench.decodeTokens = std::min<int64_t>(32, device->context() / 2);
  bench.repetitions = 1;
  bench.threads = availableThreads();
  auto speed = runBench(*device, bench);
  if (!speed)
    return speed.error();
  comparison.speed = std::move(*speed);
  return comparison;
}

static void printJson(const Comparison &comparison, bool passed) {
  nlohmann::ordered_json json = {
      {"passed", passed},
      {"device", comparison.device},
      {"logits_error", comparison.worstError},
      {"tokens", comparison.tokens},
      {"same_tokens", comparison.sameTokens},
      {"margin", comparison.margin},
      {"margin_allowed", comparison.marginAllowed},
      {"prompt_tokens_per_second", comparison.speed.promptTokensPerSecond()},
      {"decode_tokens_per_second", comparison.speed.decodeTokensPerSecond()},
      {"decode_read_share", comparison.speed.decodeReadShare()},
  };
  print(json);
}

static int run(CommandHost &host, const CheckOptions &options) {
  Result<Comparison> comparison = check(host, options);
  if (!comparison)
    return fail(comparison.error());
  bool passed = comparison->passed(options.tolerance);
  if (options.json) {
    printJson(*comparison, passed);
    return passed ? 0 : 1;
  }
  std::fprintf(stderr, "compared %s with the CPU: %s\n",
               comparison->device.c_str(), comparison->reason.c_str());
  std::printf("%-4s  error %.2e  same tokens %ld of %ld  prompt %.1f tokens/s  "
              "decode %.1f tokens/s  %.0f %% of the memory's speed\n",
              passed ? "pass" : "FAIL", comparison->worstError,
              long(comparison->sameTokens), long(comparison->tokens),
              comparison->speed.promptTokensPerSecond(),
              comparison->speed.decodeTokensPerSecond(),
              100 * comparison->speed.decodeReadShare());
  return passed ? 0 : 1;
}

void quipu::addCheckCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command = app.add_subcommand(
      "check", "compare a device with the CPU: logits, tokens and speed");
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
                   "largest error of a step's logits, relative to their norm")
      ->type_name("X")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--random-weights", options->randomWeights,
                   "fill the weights with random numbers from this seed, for "
                   "a config that has none")
      ->type_name("SEED");
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options, &host] { host.status = run(host, *options); });
}
