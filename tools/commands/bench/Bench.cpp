//===- Bench.cpp - Times a model on an engine -----------------------------===//
//
// A repetition: peak of the arithmetic, prompt, reads, decode, reads. What
// shares the machine with us slows a phase and its ceiling alike.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/bench/Bench.h"

#include "runtime/devices/emulator/EmulatorDevice.h"
#include "tools/commands/bench/Ceilings.h"

#include <algorithm>
#include <chrono>
#include <map>

using namespace quipu;
using Clock = std::chrono::steady_clock;

namespace {

/// A step as the engine ran it.
struct TracedStep {
  int64_t bucket;
  StepShape shape;
};

class Bench {
public:
  Bench(Engine &engine, const BenchOptions &options)
      : engine(engine), plan(engine.package().plan), options(options),
        entry(engine.has(Entry::argmax) ? Entry::argmax : Entry::logits),
        sequence(engine.newSequence()) {}

  Result<BenchReport> run();

private:
  const plan::Bucket &bucketOf(Entry entry, StepShape shape,
                               int64_t &index) const;
  std::vector<TracedStep> tracePrompt() const;
  std::vector<TracedStep> traceDecode() const;
  Cost costOf(const std::vector<TracedStep> &steps) const;
  void describe(BenchReport &report) const;

  Result<double> timePrompt();
  Result<double> timeDecode();
  Result<BenchSample> repeat(Ceilings &ceilings, const BenchReport &report);
  Result<BenchSample> repeatOnGpu();
  std::vector<ProfileRow> profileRows(const std::vector<TracedStep> &steps);
  Result<void> profile(BenchReport &report);

  Engine &engine;
  const plan::Plan &plan;
  const BenchOptions &options;
  Entry entry; // of decode steps
  Sequence sequence;
  int32_t next = 0; // token to decode
  int64_t heads = 1;
};

} // namespace

/// Token ids that look like no text: what they are does not change the time.
static std::vector<int32_t> promptOf(int64_t tokens, int64_t vocabulary) {
  std::vector<int32_t> prompt(tokens);
  uint64_t state = 1;
  for (int32_t &token : prompt) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    token = static_cast<int32_t>((state >> 33) % uint64_t(vocabulary));
  }
  return prompt;
}

/// The bucket that the engine chooses for a step; see Plan.h.
const plan::Bucket &Bench::bucketOf(Entry entry, StepShape shape,
                                    int64_t &index) const {
  const char *name = entry == Entry::logits ? "logits" : "argmax";
  index = 0;
  for (size_t i = 0; i < plan.buckets.size(); ++i) {
    const plan::Bucket &bucket = plan.buckets[i];
    if (bucket.entry != name || bucket.device != engine.device().kind())
      continue;
    index = static_cast<int64_t>(i);
    if (bucket.maxTokens >= shape.tokens && bucket.maxRows >= shape.rows)
      break;
  }
  return plan.buckets[index];
}

std::vector<TracedStep> Bench::tracePrompt() const {
  std::vector<TracedStep> steps;
  int64_t most = engine.maxStepTokens(Entry::logits);
  for (int64_t done = 0; done < options.promptTokens;) {
    int64_t count = std::min(most, options.promptTokens - done);
    bool isLast = done + count == options.promptTokens;
    TracedStep step = {0, {done, count, isLast ? 1 : 0}};
    bucketOf(Entry::logits, step.shape, step.bucket);
    steps.push_back(step);
    done += count;
  }
  return steps;
}

std::vector<TracedStep> Bench::traceDecode() const {
  std::vector<TracedStep> steps;
  for (int64_t i = 0; i < options.decodeTokens; ++i) {
    TracedStep step = {0, {options.promptTokens + i, 1, 1}};
    bucketOf(entry, step.shape, step.bucket);
    steps.push_back(step);
  }
  return steps;
}

Cost Bench::costOf(const std::vector<TracedStep> &steps) const {
  Cost cost;
  for (const TracedStep &step : steps)
    cost += stepCost(plan, plan.buckets[step.bucket], step.shape, heads);
  return cost;
}

/// The arithmetic of the launch that computes most in `step`.
static std::string arithmeticOf(const plan::Plan &plan, const TracedStep &step,
                                size_t target, int64_t heads) {
  std::string arithmetic = "f32";
  int64_t most = 0;
  for (const plan::Launch &launch : plan.buckets[step.bucket].launches) {
    const plan::Kernel &kernel = plan.kernels[launch.kernel];
    int64_t flops = launchCost(plan, launch, step.shape, heads).flops;
    if (flops > most && target < kernel.arithmetic.size()) {
      most = flops;
      arithmetic = kernel.arithmetic[target];
    }
  }
  return arithmetic;
}

void Bench::describe(BenchReport &report) const {
  const Package &package = engine.package();
  report.model = package.model.name;
  report.parameters = package.model.parameters;
  report.threads = options.threads;
  report.promptTokens = options.promptTokens;
  report.decodeTokens = options.decodeTokens;
  // A device names its target first.
  std::string device = engine.device().description();
  report.target = device.substr(0, device.find(','));
  size_t target = 0;
  while (target < package.targets.size() &&
         package.targets[target].name != report.target)
    ++target;
  std::vector<TracedStep> prompt = tracePrompt();
  report.promptCost = costOf(prompt);
  report.decodeCost = costOf(traceDecode());
  report.arithmetic = arithmeticOf(plan, prompt[0], target, heads);
}

Result<double> Bench::timePrompt() {
  sequence.truncate(0);
  std::vector<int32_t> prompt = promptOf(options.promptTokens, plan.vocabSize);
  Clock::time_point start = Clock::now();
  Result<StepResult> result = engine.prefill(sequence, prompt);
  double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (!result)
    return result.error();
  next = static_cast<int32_t>(
      std::max_element(result->logits.begin(), result->logits.end()) -
      result->logits.begin());
  return seconds;
}

Result<double> Bench::timeDecode() {
  sequence.truncate(options.promptTokens);
  int32_t token = next;
  Clock::time_point start = Clock::now();
  auto seconds = [&] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  if (entry == Entry::argmax) { // as `run` does at temperature 0
    Result<void> done = engine.decodeGreedily(
        sequence, token, options.decodeTokens, [](int32_t) { return true; });
    return done ? Result<double>(seconds()) : done.error();
  }
  for (int64_t i = 0; i < options.decodeTokens; ++i) {
    StepRequest request = {&sequence, {&token, 1}};
    Result<StepResult> result = engine.step({&request, 1}, entry);
    if (!result)
      return result.error();
    token = static_cast<int32_t>(
        std::max_element(result->logits.begin(), result->logits.end()) -
        result->logits.begin());
  }
  return seconds();
}

Result<BenchSample> Bench::repeat(Ceilings &ceilings,
                                  const BenchReport &report) {
  BenchSample sample;
  sample.peakFlopsPerSecond =
      ceilings.flopsPerSecond(report.arithmetic, options.ceilingSeconds);
  Result<double> seconds = timePrompt();
  if (!seconds)
    return seconds.error();
  sample.promptSeconds = *seconds;
  double before = ceilings.readBytesPerSecond(options.ceilingSeconds);
  if (!(seconds = timeDecode()))
    return seconds.error();
  sample.decodeSeconds = *seconds;
  double after = ceilings.readBytesPerSecond(options.ceilingSeconds);
  sample.readBytesPerSecond = (before + after) / 2;
  return sample;
}

/// Held against a copy inside the GPU's memory; its arithmetic has no ceiling.
Result<BenchSample> Bench::repeatOnGpu() {
  BenchSample sample;
  Result<double> seconds = timePrompt();
  if (!seconds)
    return seconds.error();
  sample.promptSeconds = *seconds;
  if (!(seconds = timeDecode()))
    return seconds.error();
  sample.decodeSeconds = *seconds;
  Result<double> copied = engine.device().copyBytesPerSecond();
  if (!copied)
    return copied.error();
  sample.readBytesPerSecond = *copied;
  return sample;
}

/// What the device measured since profile(true), by class.
std::vector<ProfileRow>
Bench::profileRows(const std::vector<TracedStep> &steps) {
  std::vector<ProfileRow> rows;
  std::map<std::pair<std::string, std::string>, size_t> indices;
  for (const LaunchTime &time : engine.device().launchTimes()) {
    const plan::Launch &launch =
        plan.buckets[time.bucket].launches[time.launch];
    const std::string &skeleton = plan.kernels[launch.kernel].skeleton;
    std::string name = launchClass(plan, launch);
    auto [found, isNew] = indices.try_emplace({name, skeleton}, rows.size());
    if (isNew)
      rows.push_back({name, skeleton, 0, 0, {}, {}});
    ProfileRow &row = rows[found->second];
    row.calls += time.calls;
    row.seconds += time.seconds;
    for (const TracedStep &step : steps)
      if (step.bucket == time.bucket)
        row.cost += launchCost(plan, launch, step.shape, heads);
  }
  if (auto *emulator = dynamic_cast<EmulatorDevice *>(&engine.device()))
    for (const auto &counted : emulator->launchCounters()) {
      const plan::Launch &launch =
          plan.buckets[counted.bucket].launches[counted.launch];
      ProfileRow &row = rows[indices.at(
          {launchClass(plan, launch), plan.kernels[launch.kernel].skeleton})];
      if (!row.counters)
        row.counters.emplace();
      *row.counters += counted.counters;
    }
  std::sort(rows.begin(), rows.end(),
            [](const ProfileRow &a, const ProfileRow &b) {
              return a.seconds > b.seconds;
            });
  return rows;
}

Result<void> Bench::profile(BenchReport &report) {
  engine.device().profile(true);
  Result<double> seconds = timePrompt();
  if (seconds) {
    report.promptProfile = profileRows(tracePrompt());
    engine.device().profile(true); // forgets
    seconds = timeDecode();
    report.decodeProfile = profileRows(traceDecode());
  }
  engine.device().profile(false);
  if (!seconds)
    return seconds.error();
  return {};
}

Result<BenchReport> Bench::run() {
  int64_t tokens = options.promptTokens + options.decodeTokens;
  if (tokens > engine.context())
    return Error{
        "-p and -n: expected at most " + std::to_string(engine.context()) +
        " tokens together (the context), found " + std::to_string(tokens)};
  if (!engine.has(Entry::logits))
    return Error{"the package has no bucket of entry logits"};
  Result<int64_t> queries = queryHeads(engine.package());
  if (!queries)
    return queries.error();
  heads = *queries;
  BenchReport report;
  describe(report);
  Cost token = costOf({traceDecode()[0]});
  Result<double> ownMemory = engine.device().copyBytesPerSecond();
  if (!ownMemory)
    return ownMemory.error();
  bool onGpu = *ownMemory > 0;
  Result<Ceilings> ceilings = Ceilings::create(
      onGpu ? 4096 : token.parameterBytes, onGpu ? 1 : options.threads);
  if (!ceilings)
    return ceilings.error();
  // Once unmeasured: memory is touched, caches and clocks settle.
  for (auto warmUp : {&Bench::timePrompt, &Bench::timeDecode})
    if (Result<double> seconds = (this->*warmUp)(); !seconds)
      return seconds.error();
  for (int i = 0; i < options.repetitions; ++i) {
    Result<BenchSample> sample =
        onGpu ? repeatOnGpu() : repeat(*ceilings, report);
    if (!sample)
      return sample.error();
    report.samples.push_back(*sample);
  }
  if (options.profile)
    if (Result<void> profiled = profile(report); !profiled)
      return profiled.error();
  return report;
}

Result<BenchReport> quipu::runBench(Engine &engine,
                                    const BenchOptions &options) {
  return Bench(engine, options).run();
}
