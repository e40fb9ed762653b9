//===- ExplainCommand.cpp - quipu explain ---------------------------------===//
//
// Lists the launches of one step: the ops in each, the kernel, its schedule,
// and what it has to read and compute. Layers that are alike are one line. Of a
// compiled package it lists what that keeps.
//
//===----------------------------------------------------------------------===//

#include "compiler/Explain.h"
#include "frontends/OpenModel.h"
#include "runtime/package/PackageReader.h"
#include "tools/commands/bench/StepCost.h"
#include "tools/quipu/ModelLoader.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

using namespace quipu;
using nlohmann::ordered_json;

namespace {

struct ExplainOptions {
  LoadRequest load;
  std::string target; // empty: sm_80, or what a package has
  std::string bucket = "decode";
  std::string entry = "argmax";
  int64_t position = 0;
  bool json = false;
};

/// Launches of one kind of work: the same kernel, whatever the layer.
struct Line {
  std::string work, ops, kernel, skeleton, schedule;
  int64_t kernelIndex = 0;
  bool byCublas = false; // cuBLAS takes it over
  int64_t launches = 0;
  Cost cost = {};             // of all of them
  KernelTraffic traffic = {}; // the same; 0 on a CPU, and of cuBLAS
};

} // namespace

static const ModelInfo &infoOf(const Explanation &explanation) {
  return explanation.package->model;
}

static const Target &targetOf(const Explanation &explanation) {
  return explanation.package->targets[explanation.target];
}

static Result<size_t> findBucket(const Explanation &explanation,
                                 const ExplainOptions &options) {
  const plan::Plan &plan = explanation.package->plan;
  std::string known;
  for (size_t i = 0; i < plan.buckets.size(); ++i) {
    const plan::Bucket &bucket = plan.buckets[i];
    if (bucket.device != targetOf(explanation).kind())
      continue;
    if (bucket.name == options.bucket && bucket.entry == options.entry)
      return i;
    if (bucket.entry == options.entry)
      known += (known.empty() ? "" : ", ") + bucket.name;
  }
  return Error{"--bucket: unknown bucket '" + options.bucket + "'; known are " +
               known};
}

static std::vector<Line> linesOf(const Explanation &explanation, size_t bucket,
                                 const StepShape &shape, int64_t heads) {
  const plan::Plan &plan = explanation.package->plan;
  std::vector<Line> lines;
  const std::vector<plan::Launch> &launches = plan.buckets[bucket].launches;
  for (size_t i = 0; i < launches.size(); ++i) {
    const plan::Launch &launch = launches[i];
    const plan::Kernel &kernel = plan.kernels[launch.kernel];
    std::string work = launchClass(plan, launch);
    auto line = std::find_if(lines.begin(), lines.end(), [&](const Line &each) {
      return each.work == work && each.kernel == kernel.name;
    });
    if (line == lines.end()) {
      lines.push_back(
          {work, explanation.ops.empty() ? "" : explanation.ops[bucket][i],
           kernel.name, kernel.skeleton,
           explanation.schedules.empty() ? ""
                                         : explanation.schedules[launch.kernel],
           launch.kernel, launch.product.has_value()});
      line = lines.end() - 1;
    }
    line->launches += 1;
    line->cost += launchCost(plan, launch, shape, heads);
    if (explanation.traffic && !launch.product)
      line->traffic += explanation.traffic(plan.buckets[bucket], launch,
                                           shape.first, shape.tokens);
  }
  return lines;
}

/// In units of 10^6 bytes; "-" where nothing is known of them.
static std::string megabytes(bool known, const MemoryBytes &bytes) {
  char text[32] = "-";
  if (known)
    std::snprintf(text, sizeof text, "%.3f", double(bytes.total()) / 1e6);
  return text;
}

static void printTable(const Explanation &explanation, size_t bucket,
                       const std::vector<Line> &lines) {
  const plan::Bucket &step = explanation.package->plan.buckets[bucket];
  std::printf("%s for %s, bucket %s (up to %lld tokens), entry %s\n\n",
              infoOf(explanation).name.c_str(),
              targetOf(explanation).name.c_str(), step.name.c_str(),
              static_cast<long long>(step.maxTokens), step.entry.c_str());
  std::printf("%-22s %8s %10s %10s %10s %10s %5s %6s  %-24s %s\n", "work",
              "launches", "MB read", "MB unique", "MB issued", "MFLOP", "regs",
              "spills", "kernel", "ops");
  bool known = bool(explanation.traffic);
  Cost total;
  KernelTraffic traffic;
  int64_t launches = 0;
  for (const Line &line : lines) {
    // Of what cuBLAS does instead nothing is known.
    const plan::Resources *use =
        line.byCublas ? nullptr : explanation.resources(line.kernelIndex);
    bool isKnown = known && !line.byCublas;
    std::printf("%-22s %8lld %10.3f %10s %10s %10.3f %5s %6s  %-24s %s\n",
                line.work.c_str(), static_cast<long long>(line.launches),
                double(line.cost.bytes()) / 1e6,
                megabytes(isKnown, line.traffic.unique).c_str(),
                megabytes(isKnown, line.traffic.issued).c_str(),
                double(line.cost.flops) / 1e6,
                use ? std::to_string(use->registers).c_str() : "-",
                use ? std::to_string(use->spillBytes).c_str() : "-",
                (line.kernel + (line.byCublas ? " (cublas)" : "")).c_str(),
                line.ops.c_str());
    total += line.cost;
    traffic += line.traffic;
    launches += line.launches;
  }
  std::printf("%-22s %8lld %10.3f %10s %10s %10.3f\n\n", "total",
              static_cast<long long>(launches), double(total.bytes()) / 1e6,
              megabytes(known, traffic.unique).c_str(),
              megabytes(known, traffic.issued).c_str(),
              double(total.flops) / 1e6);
  if (!explanation.schedules.empty())
    std::printf("schedules\n");
  for (const Line &line : lines)
    if (!line.schedule.empty())
      std::printf("  %-24s %s\n", line.kernel.c_str(), line.schedule.c_str());
  if (!explanation.withoutRegisters.empty())
    std::fprintf(stderr, "no registers and spills: %s\n",
                 explanation.withoutRegisters.c_str());
}

static ordered_json costJson(const Cost &cost) {
  return {{"parameter_bytes", cost.parameterBytes},
          {"kv_bytes", cost.kvBytes},
          {"flops", cost.flops}};
}

static ordered_json bytesJson(const MemoryBytes &bytes) {
  return {{"weight_loads", bytes.weights},
          {"other_loads", bytes.loads},
          {"stores", bytes.stores},
          {"total", bytes.total()}};
}

/// `cost`, and on a GPU the traffic.
static ordered_json costJson(const Explanation &explanation, const Cost &cost,
                             const KernelTraffic &traffic) {
  ordered_json json = costJson(cost);
  if (explanation.traffic) {
    json["unique_bytes"] = bytesJson(traffic.unique);
    json["issued_bytes"] = bytesJson(traffic.issued);
  }
  return json;
}

static void printJson(const Explanation &explanation, size_t bucket,
                      const std::vector<Line> &lines) {
  const plan::Plan &plan = explanation.package->plan;
  const plan::Bucket &step = plan.buckets[bucket];
  ordered_json launches = ordered_json::array();
  Cost total;
  KernelTraffic traffic;
  for (const Line &line : lines) {
    const plan::Kernel &kernel = plan.kernels[line.kernelIndex];
    ordered_json entry = {{"work", line.work}};
    if (!explanation.ops.empty())
      entry["ops"] = line.ops;
    entry["launches"] = line.launches;
    entry["kernel"] = line.kernel;
    entry["skeleton"] = line.skeleton;
    if (!explanation.schedules.empty())
      entry["schedule"] = line.schedule;
    entry["threads"] = kernel.threads;
    entry["shared_bytes"] = kernel.scratchBytes[explanation.target];
    const plan::Resources *use = explanation.resources(line.kernelIndex);
    if (line.byCublas) {
      entry["gemm"] = "cublas";
      entry.update(costJson(line.cost));
    } else {
      entry.update(costJson(explanation, line.cost, line.traffic));
    }
    if (use && !line.byCublas) {
      entry["registers"] = use->registers;
      entry["stack_bytes"] = use->stackBytes;
      entry["spill_bytes"] = use->spillBytes;
      entry["static_shared_bytes"] = use->staticSharedBytes;
    }
    launches.push_back(std::move(entry));
    total += line.cost;
    traffic += line.traffic;
  }
  print({{"model", infoOf(explanation).name},
         {"target", targetOf(explanation).name},
         {"bucket", step.name},
         {"entry", step.entry},
         {"max_tokens", step.maxTokens},
         {"work", std::move(launches)},
         {"total", costJson(explanation, total, traffic)}},
        2);
}

/// Says which options of `load` a compiled package leaves without effect.
static void noteUnusedOptions(const LoadRequest &load) {
  std::string given;
  for (auto [option, isGiven] : {std::pair("-O", load.optLevel.has_value()),
                                 std::pair("--fuse", !load.fuse.empty()),
                                 std::pair("--kv-type", !load.kvType.empty()),
                                 std::pair("--gemm", load.gemm != "generated")})
    if (isGiven)
      given += (given.empty() ? "" : ", ") + std::string(option);
  if (!given.empty())
    std::fprintf(stderr, "%s: without effect: %s has been compiled\n",
                 given.c_str(), load.model.c_str());
}

/// `model` is filled with what the explanation refers to.
static Result<Explanation> makeExplanation(const ExplainOptions &options,
                                           std::optional<Model> &model) {
  Result<bool> package = isPackage(options.load.model);
  if (!package)
    return package.error();
  if (*package) {
    Result<std::shared_ptr<const Package>> read =
        readPackage(options.load.model);
    if (!read)
      return read.error();
    noteUnusedOptions(options.load);
    return explainPackage(*read, options.target);
  }
  Result<Model> opened = openModel(options.load.model);
  if (!opened)
    return opened.error();
  model = std::move(*opened);
  CompileOptions compile = compileOptions(options.load, model->compile);
  compile.targets = {options.target.empty() ? "sm_80" : options.target};
  return explainModel(*model, compile);
}

static Result<void> explain(const ExplainOptions &options) {
  std::optional<Model> model;
  Result<Explanation> explanation = makeExplanation(options, model);
  if (!explanation)
    return explanation.error();
  const plan::Plan &plan = explanation->package->plan;
  Result<size_t> bucket = findBucket(*explanation, options);
  if (!bucket)
    return bucket.error();
  StepShape shape;
  shape.first = options.position;
  shape.tokens = plan.buckets[*bucket].maxTokens;
  shape.rows = 1;
  int64_t most = std::max<int64_t>(0, plan.maxContext - shape.tokens);
  if (shape.first > most)
    return Error{"--position: expected at most " + std::to_string(most) +
                 ", which leaves room for the step's " +
                 std::to_string(shape.tokens) + " tokens in a context of " +
                 std::to_string(plan.maxContext) + ", found " +
                 std::to_string(shape.first)};
  Result<int64_t> heads = queryHeads(*explanation->package);
  if (!heads)
    return heads.error();
  std::vector<Line> lines = linesOf(*explanation, *bucket, shape, *heads);
  if (options.json)
    printJson(*explanation, *bucket, lines);
  else
    printTable(*explanation, *bucket, lines);
  return {};
}

void quipu::addExplainCommand(CLI::App &app, CommandHost &host) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App *command = app.add_subcommand(
      "explain", "list the kernels of a step: ops, schedule, bytes, registers");
  addCompileOptions(*command, options->load);
  command
      ->add_option("--target", options->target,
                   "what to compile for: sm_80, sm_90a, cpu-x86-64-v4, ...; "
                   "default: sm_80, of a package what it has")
      ->type_name("NAME");
  command
      ->add_option("--bucket", options->bucket,
                   "which step: decode (default), small, batch, prefill")
      ->type_name("NAME");
  command
      ->add_option("--entry", options->entry,
                   "what the step leaves: argmax (default) or logits")
      ->check(CLI::IsMember({"argmax", "logits"}));
  command
      ->add_option("--position", options->position,
                   "tokens of context before the step's; default: 0")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--json", options->json, "print JSON; see docs/explain.md");
  command->callback([options, &host] {
    Result<void> done = explain(*options);
    host.status = done ? 0 : fail(done.error());
  });
}
