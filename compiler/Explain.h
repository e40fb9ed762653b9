//===- Explain.h - What a model was compiled into ---------------*- C++ -*-===//
//
// A compiled package beside what it does not say by itself: which ops each
// launch came from, the schedules, and what kernels take on a GPU. It is made
// from a model, which is compiled for it, or from a package that was.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_EXPLAIN_H
#define QUIPU_COMPILER_EXPLAIN_H

#include "compiler/Compile.h"
#include "kernels/nvptx/Traffic.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// What explainModel() and explainPackage() found.
struct Explanation {
  std::shared_ptr<const Package> package;
  size_t target = 0; // of the package, which is explained
  /// Schedules by kernel of the plan, as in IR: "<row_tile = 32, ...>". None of
  /// a package, which does not keep them.
  std::vector<std::string> schedules;
  /// Ops by bucket and launch, "rms_norm, 3 linear, 2 rope, kv_append"; empty
  /// for a merge. None of a package.
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

  /// What ptxas found of a kernel of the plan; null where nothing is known.
  const plan::Resources *resources(int64_t kernel) const;
};

/// Compiles `model` for the one target of `options` and explains the result.
/// `options.warning` is not called: see withoutRegisters. The errors are those
/// of compileModel(), and another number of targets.
Result<Explanation> explainModel(const Model &model,
                                 const CompileOptions &options);

/// Explains `package` for its target called `target`; empty stands for its
/// first one for a GPU, or for a CPU where it has none. What a package does not
/// keep is left out: ops, schedules, traffic. The error: a target that it
/// lacks, or none at all.
Result<Explanation> explainPackage(std::shared_ptr<const Package> package,
                                   const std::string &target);

} // namespace quipu

#endif // QUIPU_COMPILER_EXPLAIN_H
