//===- Pipeline.cpp - The stages of a compilation -------------------------===//
//
// The order of fusions matters: projections are merged before anything grows
// around them, epilogues come before the norm that feeds the whole group.
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipeline.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;
using namespace quipu;

static constexpr StringLiteral fusions[] = {
    "merge-projections", "rope", "swiglu", "residual", "norm", "argmax"};

ArrayRef<StringLiteral> quipu::fusionNames() { return fusions; }

std::optional<Stage> quipu::parseStage(StringRef name) {
  return StringSwitch<std::optional<Stage>>(name)
      .Case("llama", Stage::llama)
      .Case("fused", Stage::fused)
      .Case("kernel", Stage::kernel)
      .Case("plan", Stage::plan)
      .Cases({"llvm", "nvvm"}, Stage::llvm)
      .Cases({"asm", "ptx"}, Stage::assembly)
      .Case("package", Stage::package)
      .Default(std::nullopt);
}

/// The fusions that `options` ask for, in order.
static Expected<SmallVector<StringRef>>
chooseFusions(const PipelineOptions &options) {
  SmallVector<StringRef> chosen;
  if (options.optLevel > 0)
    chosen.append(std::begin(fusions), std::end(fusions));
  for (const std::string &change : options.fuse) {
    StringRef name(change);
    bool add = name.consume_front("+");
    if (!add && !name.consume_front("-"))
      return createStringError("--fuse: expected +NAME or -NAME, found '" +
                               change + "'");
    if (!is_contained(fusions, name))
      return createStringError("--fuse: unknown fusion '" + name +
                               "'; known are " + join(fusionNames(), ", "));
    erase(chosen, name);
    if (add)
      chosen.push_back(name);
  }
  sort(chosen, [](StringRef a, StringRef b) {
    return find(fusions, a) < find(fusions, b);
  });
  return chosen;
}

Expected<std::string> quipu::pipelineText(Stage stage,
                                          const PipelineOptions &options) {
  SmallVector<std::string> passes;
  if (stage >= Stage::fused) {
    auto chosen = chooseFusions(options);
    if (!chosen)
      return chosen.takeError();
    SmallVector<std::string> fusing;
    for (StringRef name : *chosen)
      fusing.push_back(name == "merge-projections"
                           ? "llama-merge-projections"
                           : ("llama-fuse-" + name).str());
    fusing.push_back("llama-verify-fused");
    passes.push_back(
        "llama-specialize-buckets{devices=" + join(options.devices, ",") +
        " gemm=" + options.gemm + "}");
    passes.push_back("func.func(" + join(fusing, ",") + ")");
  }
  if (stage >= Stage::kernel) {
    passes.push_back("llama-to-kernel");
    passes.push_back(
        "kernel-choose-tiles" +
        (options.gpuTargets.empty()
             ? std::string()
             : "{gpu-targets=" + join(options.gpuTargets, ",") + "}"));
  }
  if (stage >= Stage::plan) {
    passes.push_back("kernel-outline");
    passes.push_back("kernel-to-plan");
  }
  return "builtin.module(" + join(passes, ",") + ")";
}
