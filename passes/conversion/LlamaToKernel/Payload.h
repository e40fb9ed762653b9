//===- Payload.h - The arithmetic of a group, on scalars --------*- C++ -*-===//
//
// Fills the payload regions of a skeleton: what llama ops do to tensors, said
// for the scalars that one couple holds.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_CONVERSION_LLAMATOKERNEL_PAYLOAD_H
#define QUIPU_PASSES_CONVERSION_LLAMATOKERNEL_PAYLOAD_H

#include "dialects/kernel/Dialect.h"

#include "llvm/ADT/SetVector.h"

namespace quipu {

/// A value that leaves a group, and what its expression reads.
struct GroupSegment {
  mlir::Value value;
  kernel::Destination destination = kernel::Destination::result;
  llama::KvAppendOp append;               // for keys and values
  llvm::SmallVector<mlir::OpResult> core; // of the core, in order of use
  llama::RopeOp rope;                     // at most one on the way
  llvm::SetVector<mlir::Value> elements;  // values from outside the group
};

/// Fills map, statistic and scale of `prologue` (with one column, gamma) so
/// that they compute `norm` of its source.
void buildNormPayload(mlir::OpBuilder &builder, kernel::PrologueOp prologue,
                      llama::RmsNormOp norm);

/// Fills the epilogue of `op`, which has its operands, with the expression of
/// `segment.value`; `biased` are the core's values that the columns of `op` are
/// added to, in order.
void buildEpilogue(mlir::OpBuilder &builder, kernel::SegmentOp op,
                   const GroupSegment &segment,
                   llvm::ArrayRef<mlir::OpResult> biased);

} // namespace quipu

#endif // QUIPU_PASSES_CONVERSION_LLAMATOKERNEL_PAYLOAD_H
