//===- FusionGrowth.h - Moving ops into a fusion ----------------*- C++ -*-===//
//
// The one way in which fusion passes change the graph: ops join the group of a
// linear, if a skeleton can build the larger group and the order of uses allows
// it. A pass only has to find the candidates.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_LLAMA_FUSIONGROWTH_H
#define QUIPU_PASSES_LLAMA_FUSIONGROWTH_H

#include "dialects/llama/FusionBoundary.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>
#include <string>

namespace quipu::llama {

/// The bucket that `function` is a clone for, or null.
BucketAttr bucketOf(mlir::func::FuncOp function);

/// Whether `op` is already in the group of `linear`.
bool inGroup(mlir::Operation *op, LinearOp linear);

/// Moves `ops` into the fusion of `linear`, which is made if there is none.
/// Returns nothing, or why not, with the graph unchanged: for a pass that has
/// another linear to try.
std::optional<std::string>
tryToGrowFusion(LinearOp linear, llvm::ArrayRef<mlir::Operation *> ops,
                BucketAttr bucket);

/// The same; on refusal a remark at the linear says why.
llvm::LogicalResult growFusion(LinearOp linear,
                               llvm::ArrayRef<mlir::Operation *> ops,
                               BucketAttr bucket);

} // namespace quipu::llama

#endif // QUIPU_PASSES_LLAMA_FUSIONGROWTH_H
