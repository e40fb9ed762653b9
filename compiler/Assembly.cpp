//===- Assembly.cpp - ptxas beside the rest of a compilation --------------===//
//
// A thread for each run waits for a process: nothing of MLIR is shared. It
// relies on the code of a target staying where it is until finish() is done.
//
//===----------------------------------------------------------------------===//

#include "compiler/Assembly.h"

using namespace quipu;

Assembly::Assembly(const CompileOptions &options) : options(options) {
  if (options.assemble)
    ptxas = findPtxas();
}

void Assembly::start(const Target &target) {
  std::optional<std::future<Result<Assembled>>> &run = runs.emplace_back();
  if (!ptxas || target.kind() != plan::DeviceKind::gpu)
    return;
  anyGpu = true;
  if (!*ptxas)
    return;
  llvm::StringRef ptx(reinterpret_cast<const char *>(target.code.data()),
                      target.code.size());
  auto job = [program = **ptxas, ptx, name = target.name] {
    return assemble(program, ptx, name);
  };
  // Where no thread can start, finish() runs it: a copy, as libstdc++ has moved
  // from a temporary one by then.
  run = std::async(std::launch::async | std::launch::deferred, job);
}

/// Puts `found` into `plan`; returns what spills, "matvec_0 (36 bytes)".
static std::string record(const llvm::StringMap<plan::Resources> &found,
                          plan::Plan &plan, size_t target, size_t targets) {
  std::string spills;
  for (plan::Kernel &kernel : plan.kernels) {
    auto use = found.find(kernel.name);
    if (use == found.end())
      continue;
    kernel.resources.resize(targets);
    kernel.resources[target] = use->second;
    if (int64_t bytes = use->second.spillBytes; bytes > 0)
      spills += (spills.empty() ? "" : ", ") + kernel.name + " (" +
                std::to_string(bytes) + " bytes)";
  }
  return spills;
}

Result<void> Assembly::finish(Package &package) {
  auto warn = [&](const std::string &line) {
    if (options.warning)
      options.warning(line);
  };
  if (anyGpu && !*ptxas)
    warn("code for GPUs was not assembled: " + ptxas->error().message);
  for (size_t target = 0; target < runs.size(); ++target) {
    if (!runs[target])
      continue;
    const std::string &name = package.targets[target].name;
    Result<Assembled> found = runs[target]->get();
    if (!found)
      return found.error();
    if (!found->failure.empty())
      warn("code for " + name + " was not assembled: " + found->failure);
    std::string spills =
        record(found->resources, package.plan, target, runs.size());
    if (!spills.empty())
      warn(name + ": kernels that spill registers: " + spills);
  }
  return {};
}
