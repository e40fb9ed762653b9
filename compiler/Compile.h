//===- Compile.h - A model into a package -----------------------*- C++ -*-===//
//
// The compiler as a function: the graph of a model goes through the pipeline
// and every target's back end, and comes out as what the runtime runs.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_COMPILE_H
#define QUIPU_COMPILER_COMPILE_H

#include "base/Result.h"
#include "compiler/Pipeline.h"
#include "frontends/Model.h"
#include "runtime/package/Package.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace quipu {

struct CompileOptions {
  PipelineOptions pipeline;
  /// Names of targets; empty stands for every CPU variant.
  std::vector<std::string> targets;
  /// Element type of the KV cache; without one it is f32 for models whose
  /// matrices are all f32, bf16 where they are all bf16, f16 otherwise.
  std::optional<ElementType> kvType;
  int64_t pageSize = 64; // tokens of a KV page
  int64_t context = 0;   // positions; 0: what the model was made for
  /// Receives why something was not fused, one line a remark.
  std::function<void(const std::string &)> remark;
  /// Have ptxas, where it is found, assemble the code for GPUs: a second or
  /// more for each target. What kernels take goes into the plan; a fault that
  /// ptxas names in the code is an error of the compilation.
  bool assemble = false;
  /// Receives what `assemble` has to say of a good package, one line each:
  /// kernels that spill, or why code was not assembled.
  std::function<void(const std::string &)> warning;
};

/// Compiles `model` for every target of `options`. Weights stay in their files,
/// which the package names by absolute path.
Result<std::shared_ptr<Package>> compileModel(const Model &model,
                                              const CompileOptions &options);

/// Puts into `package` what belongs to `model` and not to its kernels: name,
/// tokenizer, generation defaults, and where its weights lie.
Result<void> attachModel(Package &package, const Model &model);

/// The text of `stage` (not Stage::package): IR, LLVM IR or assembly; for the
/// last two of the first target.
Result<std::string> emitStage(const Model &model, Stage stage,
                              const CompileOptions &options);

} // namespace quipu

#endif // QUIPU_COMPILER_COMPILE_H
