//===- PlanCommand.cpp - quipu plan: memory before loading ----------------===//
//
// What a model will take in memory at a context length, and the longest
// context that fits, from the plan alone.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/Command.h"

#include "runtime/devices/cpu/CpuFeatures.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "runtime/generation/MemoryPlan.h"
#include "runtime/memory/AvailableMemory.h"
#include "runtime/memory/ResidentMemory.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <malloc.h>

using namespace quipu;

namespace {

struct PlanOptions {
  LoadRequest load;
  int64_t context = 0;
  int64_t sequences = 1;
  int threads = 0;
  bool json = false;
};

} // namespace

static void printBytes(const char *what, int64_t bytes, const char *note) {
  std::printf("  %-10s %10.1f MiB  %s\n", what, double(bytes) / (1 << 20),
              note);
}

/// Anonymous memory of this process with the model's tokenizer, as the kernel
/// counts it now; 0 where it does not say.
static Result<int64_t> programBytes(const Package &package) {
  std::optional<Tokenizer> tokenizer;
  if (!package.tokenizer.empty()) {
    Result<TokenizerSpec> spec = deserializeTokenizer(package.tokenizer);
    if (!spec)
      return spec.error();
    Result<Tokenizer> made = Tokenizer::create(std::move(*spec));
    if (!made)
      return made.error();
    tokenizer = std::move(*made);
  }
  malloc_trim(0); // what compiling left, which a run from the cache has not
  return residentMemory().anonymous;
}

static void print(const MemoryPlan &plan, int64_t program, int64_t available,
                  int64_t longest) {
  std::printf("context %ld tokens, %ld sequence%s\n\n", long(plan.context),
              long(plan.sequences), plan.sequences == 1 ? "" : "s");
  std::printf("read from files (shared, reclaimable)\n");
  printBytes("weights", plan.weights, "as stored");
  std::printf("anonymous\n");
  char perToken[64];
  std::snprintf(perToken, sizeof perToken, "%ld bytes a token",
                long(plan.kvPerToken));
  printBytes("kv cache", plan.kv, perToken);
  printBytes("arena", plan.arena, "what steps leave for one another");
  printBytes("tables", plan.tables, "rope angles");
  printBytes("scratch", plan.scratch, "of all threads");
  printBytes("inputs", plan.inputs, "");
  printBytes("code", plan.code, "");
  if (program > 0)
    printBytes("program", program, "itself, with the tokenizer");
  printBytes("sum", plan.anonymous() + program, "");
  std::printf("\n%.1f MiB are available; ", double(available) / (1 << 20));
  if (longest > 0)
    std::printf("a context of %ld tokens fits\n", long(longest));
  else
    std::printf("weights and the shortest context do not fit together\n");
}

static void printJson(const MemoryPlan &plan, int64_t program,
                      int64_t available, int64_t longest) {
  nlohmann::ordered_json json = {
      {"context", plan.context},
      {"sequences", plan.sequences},
      {"weights_bytes", plan.weights},
      {"kv_bytes_per_token", plan.kvPerToken},
      {"kv_bytes", plan.kv},
      {"arena_bytes", plan.arena},
      {"tables_bytes", plan.tables},
      {"scratch_bytes", plan.scratch},
      {"inputs_bytes", plan.inputs},
      {"code_bytes", plan.code},
      {"program_bytes",
       program > 0 ? nlohmann::ordered_json(program) : nullptr},
      {"anonymous_bytes", plan.anonymous() + program},
      {"available_bytes", available},
      {"largest_context", longest},
  };
  print(json, 2);
}

static int showPlan(CommandHost &host, const PlanOptions &options) {
  Result<std::shared_ptr<const Package>> package = host.load(options.load);
  if (!package)
    return fail(package.error());
  Result<int64_t> target = chooseCpuTarget((*package)->targets, cpuFeatures(),
                                           options.load.cpuTarget);
  if (!target)
    return fail(target.error());
  int threads = options.threads > 0 ? options.threads : availableThreads();
  int64_t context =
      options.context > 0 ? options.context : (*package)->plan.maxContext;
  if (context > (*package)->plan.maxContext)
    return fail(Error{"--ctx: expected at most " +
                      std::to_string((*package)->plan.maxContext) +
                      " tokens, which the model was made for, found " +
                      std::to_string(context)});
  MemoryPlan memory =
      planMemory(**package, *target, threads, context, options.sequences);
  Result<int64_t> program = programBytes(**package);
  if (!program)
    return fail(program.error());
  int64_t available = availableMemory();
  int64_t longest =
      largestContext(**package, *target, threads, options.sequences, available);
  if (options.json)
    printJson(memory, *program, available, longest);
  else
    print(memory, *program, available, longest);
  return 0;
}

void quipu::addPlanCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command = app.add_subcommand(
      "plan", "say how much memory a model takes, without loading it");
  auto options = std::make_shared<PlanOptions>();
  addModelOptions(*command, host, options->load);
  command
      ->add_option("-c,--ctx,--ctx-size", options->context,
                   "context in tokens; 0: the model's")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--sequences", options->sequences, "sequences alive at once")
      ->type_name("N")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 20));
  command->add_option("-t,--threads", options->threads, "threads")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback(
      [options, &host] { host.status = showPlan(host, *options); });
}
