//===- Skeletons.h - The emitters of the skeletons --------------*- C++ -*-===//
//
// One function per skeleton; emitGpuKernel() chooses among them.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_SKELETONS_H
#define QUIPU_KERNELS_NVPTX_SKELETONS_H

#include "dialects/kernel/Dialect.h"
#include "kernels/nvptx/GpuTarget.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu::gpu {

mlir::LogicalResult emitMatmul(kernel::MatmulOp op, mlir::func::FuncOp kernel,
                               const GpuTarget &target, mlir::ModuleOp module);

mlir::LogicalResult emitMatvec(kernel::MatvecOp op, mlir::func::FuncOp kernel,
                               const GpuTarget &target, mlir::ModuleOp module);

/// The merge of a matvec or matmul with an argmax segment.
void emitArgmaxMerge(mlir::Operation *op, mlir::func::FuncOp kernel,
                     const GpuTarget &target, mlir::ModuleOp module);

mlir::LogicalResult emitRowwise(kernel::RowwiseOp op, mlir::func::FuncOp kernel,
                                const GpuTarget &target, mlir::ModuleOp module);

mlir::LogicalResult emitAttentionDecode(kernel::AttentionDecodeOp op,
                                        mlir::func::FuncOp kernel,
                                        const GpuTarget &target,
                                        mlir::ModuleOp module);
mlir::LogicalResult emitAttentionPrefill(kernel::AttentionPrefillOp op,
                                         mlir::func::FuncOp kernel,
                                         const GpuTarget &target,
                                         mlir::ModuleOp module);

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_SKELETONS_H
