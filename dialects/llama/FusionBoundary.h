//===- FusionBoundary.h - Looking through llama.fusion ----------*- C++ -*-===//
//
// Who computes and who reads a value, as if no fusion stood in between:
// grouping does not change the data flow that passes and verifiers ask about.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_LLAMA_FUSIONBOUNDARY_H
#define QUIPU_DIALECTS_LLAMA_FUSIONBOUNDARY_H

#include "dialects/llama/Dialect.h"

namespace quipu::llama {

/// `value`, or what a fusion yields for it where it is the result of one.
mlir::Value definition(mlir::Value value);

/// The ops that read `value`, those behind the boundary of a fusion included;
/// yields are not among them.
llvm::SmallVector<mlir::Operation *> readers(mlir::Value value);

/// The fusion that `op` is in, or null.
FusionOp fusionOf(mlir::Operation *op);

/// `op`, or the fusion it is in: what stands in the block of the function.
mlir::Operation *outermost(mlir::Operation *op);

} // namespace quipu::llama

#endif // QUIPU_DIALECTS_LLAMA_FUSIONBOUNDARY_H
