//===- FusionGrowth.h - Moving ops into a fusion ----------------*- C++ -*-===//
//
// The one way in which fusion passes change the graph: ops join the group of a
// linear, if a skeleton can build the larger group and the order of uses allows
// it. A pass only has to find the candidates.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_LLAMA_FUSIONGROWTH_H
#define QUIPU_PASSES_LLAMA_FUSIONGROWTH_H

#include "dialects/llama/Dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quipu::llama {

/// The bucket that `function` is a clone for, or null.
BucketAttr bucketOf(mlir::func::FuncOp function);

/// `value`, or what a fusion yields for it where it is the result of one.
mlir::Value definition(mlir::Value value);

/// The ops that read `value`, those behind the boundary of a fusion included;
/// yields are not among them.
llvm::SmallVector<mlir::Operation *> readers(mlir::Value value);

/// Whether `op` is already in the group of `linear`.
bool inGroup(mlir::Operation *op, LinearOp linear);

/// Moves `ops` into the fusion of `linear`, which is made if there is none. On
/// refusal the graph is unchanged and a remark at the linear says why.
llvm::LogicalResult growFusion(LinearOp linear,
                               llvm::ArrayRef<mlir::Operation *> ops,
                               BucketAttr bucket);

} // namespace quipu::llama

#endif // QUIPU_PASSES_LLAMA_FUSIONGROWTH_H
