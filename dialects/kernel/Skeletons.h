//===- Skeletons.h - What one kernel can hold -------------------*- C++ -*-===//
//
// The question that fusion passes ask before they form a group, without seeing
// any emitter: can a skeleton of this target build these ops as one kernel?
// Targets register their answer; conversion to the kernel dialect relies on it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_KERNEL_SKELETONS_H
#define QUIPU_DIALECTS_KERNEL_SKELETONS_H

#include "dialects/llama/Dialect.h"

#include <optional>
#include <string>

namespace quipu::kernel {

/// Why no skeleton can build `group` (llama ops in program order, closed under
/// the uses that the group hides) as one kernel of a step with `bucket`'s
/// bounds; nothing where one can. The reason is a remark's text: lower case,
/// no period. A null bucket stands for no bound on T.
std::optional<std::string> refuseGroup(llvm::ArrayRef<mlir::Operation *> group,
                                       llama::BucketAttr bucket);

/// Why a library for linear algebra cannot compute `linear`, as a remark's
/// text; nothing where it can: one weight of f32, f16 or bf16 and no bias.
std::optional<std::string> refuseLibraryProduct(llama::LinearOp linear);

/// Whether `linear` is left to a library in a step of `bucket`, which has to
/// ask for it: then it is a kernel by itself, and nothing is grouped with it.
bool isLibraryProduct(llama::LinearOp linear, llama::BucketAttr bucket);

} // namespace quipu::kernel

#endif // QUIPU_DIALECTS_KERNEL_SKELETONS_H
