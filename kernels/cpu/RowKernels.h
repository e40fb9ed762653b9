//===- RowKernels.h - Row skeletons as CPU code -----------------*- C++ -*-===//
//
// Emitters of matvec, matmul and rowwise. Each makes @kernel, and @kernel_merge
// where kernel::hasMerge.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_ROWKERNELS_H
#define QUIPU_KERNELS_CPU_ROWKERNELS_H

#include "dialects/kernel/Dialect.h"
#include "kernels/cpu/CpuVariant.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu::cpu {

mlir::LogicalResult emitMatvec(kernel::MatvecOp op, mlir::func::FuncOp kernel,
                               const CpuVariant &variant,
                               mlir::ModuleOp module);
mlir::LogicalResult emitMatmul(kernel::MatmulOp op, mlir::func::FuncOp kernel,
                               const CpuVariant &variant,
                               mlir::ModuleOp module);
mlir::LogicalResult emitRowwise(kernel::RowwiseOp op, mlir::func::FuncOp kernel,
                                const CpuVariant &variant,
                                mlir::ModuleOp module);

} // namespace quipu::cpu

#endif // QUIPU_KERNELS_CPU_ROWKERNELS_H
