//===- Pipeline.h - The stages of a compilation -----------------*- C++ -*-===//
//
// Which passes run, as text that `quipu-opt` takes as well:
// import -> buckets -> fuse -> kernels -> plan -> device code -> package.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_PIPELINE_H
#define QUIPU_COMPILER_PIPELINE_H

#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// Where a compilation can stop. Each stage's result is what its name says:
/// `llama` the imported graph, `fused` the groups of every bucket, `kernel` the
/// skeletons with schedules, `plan` launches and kernel functions, `llvm` and
/// `assembly` the code of one target, `package` all of it.
enum class Stage { llama, fused, kernel, plan, llvm, assembly, package };

/// The stage called `name` on the command line: "asm" and "ptx" are assembly,
/// "nvvm" is llvm.
std::optional<Stage> parseStage(llvm::StringRef name);

struct PipelineOptions {
  int optLevel = 2; // 0: no fusion
  /// Kinds of device to compile steps for: "cpu", "gpu".
  std::vector<std::string> devices = {"cpu"};
  /// GPU targets whose limits schedules keep, "sm_80"; none stands for all.
  std::vector<std::string> gpuTargets;
  /// Fusions to add or leave out by name: "+norm", "-rope".
  std::vector<std::string> fuse;
  /// Who computes linears of many tokens on a GPU: "generated" or "cublas".
  std::string gemm = "generated";
};

/// Names of the fusions that `fuse` can name, in the order in which they run.
llvm::ArrayRef<llvm::StringLiteral> fusionNames();

/// The passes up to and including `stage` (at most Stage::plan), as a pass
/// pipeline in text. Fails for an unknown fusion, naming the known ones.
llvm::Expected<std::string> pipelineText(Stage stage,
                                         const PipelineOptions &options);

} // namespace quipu

#endif // QUIPU_COMPILER_PIPELINE_H
