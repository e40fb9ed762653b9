//===- Explain.h - What a model was compiled into ---------------*- C++ -*-===//
//
// A compiled package beside what it does not say by itself: which ops each
// launch came from, the schedules, and what kernels take on a GPU.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_EXPLAIN_H
#define QUIPU_COMPILER_EXPLAIN_H

#include "compiler/Compile.h"
#include "compiler/nvptx/Ptxas.h"
#include "kernels/nvptx/Traffic.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

struct ExplainedKernel {
  std::string schedule; // as in IR: "<row_tile = 32, ...>"
  /// On a GPU, where there is an assembler.
  std::optional<RegisterUse> registerUse;
};

struct Explanation {
  std::shared_ptr<Package> package;
  std::vector<ExplainedKernel> kernels; // as in the plan
  /// Ops by bucket and launch, "rms_norm, 3 linear, 2 rope, kv_append"; empty
  /// for a merge.
  std::vector<std::vector<std::string>> ops;
  /// What a launch of a bucket asks memory for, in a step of one sequence with
  /// `tokens` tokens from `position` on and logits of the last. Empty for a
  /// CPU. `model`, which was explained, must still be there.
  std::function<KernelTraffic(const plan::Bucket &bucket,
                              const plan::Launch &launch, int64_t position,
                              int64_t tokens)>
      traffic;
  /// Why there are no register counts; empty where there are, or where none
  /// are expected.
  std::string withoutRegisters;
};

/// Compiles `model` for the one target of `options` and explains the result.
Result<Explanation> explainModel(const Model &model,
                                 const CompileOptions &options);

} // namespace quipu

#endif // QUIPU_COMPILER_EXPLAIN_H
