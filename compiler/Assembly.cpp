//===- Assembly.cpp - ptxas beside the rest of a compilation --------------===//
//
// A thread for each run waits for a process: nothing of MLIR is shared.
//
//===----------------------------------------------------------------------===//

#include "compiler/Assembly.h"

#include "compiler/nvptx/Ptxas.h"

using namespace quipu;

Assembly::Assembly(const CompileOptions &options) : options(options) {
  if (options.assemble)
    ptxas = findPtxas();
}

void Assembly::start(const Target &target) {
  std::optional<std::future<Found>> &run = runs.emplace_back();
  if (!options.assemble || target.kind() != plan::DeviceKind::gpu)
    return;
  skipped |= !ptxas;
  if (!ptxas)
    return;
  llvm::StringRef ptx(reinterpret_cast<const char *>(target.code.data()),
                      target.code.size());
  run = std::async(std::launch::async,
                   [program = *ptxas, ptx, name = target.name]() -> Found {
                     auto use = assemble(program, ptx, name);
                     if (!use)
                       return Error{llvm::toString(use.takeError())};
                     return std::move(*use);
                   });
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
  if (skipped)
    warn("code for GPUs was not assembled: " + withoutPtxas.str());
  for (size_t target = 0; target < runs.size(); ++target) {
    if (!runs[target])
      continue;
    Found found = runs[target]->get();
    if (!found)
      return found.error();
    std::string spills = record(*found, package.plan, target, runs.size());
    if (!spills.empty())
      warn(package.targets[target].name +
           ": kernels that spill registers: " + spills);
  }
  return {};
}
