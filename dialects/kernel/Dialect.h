//===- Dialect.h - The kernel dialect ---------------------------*- C++ -*-===//
//
// Skeletons, payload regions and schedules. See Ops.td for what they mean.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_KERNEL_DIALECT_H
#define QUIPU_DIALECTS_KERNEL_DIALECT_H

#include "dialects/llama/Dialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "dialects/kernel/Enums.h.inc"

#include "dialects/kernel/Dialect.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/kernel/Types.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/kernel/Attrs.h.inc"

#define GET_OP_CLASSES
#include "dialects/kernel/Ops.h.inc"

namespace quipu::kernel {

/// True for the skeletons that have a prologue and segments.
inline bool isRowSkeleton(mlir::Operation *op) {
  return mlir::isa<MatvecOp, MatmulOp, RowwiseOp>(op);
}

/// True for any op that is one kernel.
inline bool isSkeleton(mlir::Operation *op) {
  return isRowSkeleton(op) ||
         mlir::isa<AttentionDecodeOp, AttentionPrefillOp>(op);
}

/// The prologue of a row skeleton, or null; its segments, in order.
PrologueOp getPrologue(mlir::Operation *skeleton);
llvm::SmallVector<SegmentOp> getSegments(mlir::Operation *skeleton);

/// The schedule of skeleton `op`, or null before one is chosen.
ScheduleAttr getSchedule(mlir::Operation *op);
void setSchedule(mlir::Operation *op, ScheduleAttr schedule);

/// Name of the attribute that says for which kind of device a kernel function
/// is; without one it is for CPUs.
inline constexpr llvm::StringLiteral deviceAttrName = "kernel.device";

/// The kind of device that kernel function `function` is for.
llama::DeviceKind deviceOf(mlir::Operation *function);

} // namespace quipu::kernel

#endif // QUIPU_DIALECTS_KERNEL_DIALECT_H
