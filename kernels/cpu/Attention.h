//===- Attention.h - Attention skeletons as CPU code ------------*- C++ -*-===//
//
// Emitters of the two attention skeletons; see KernelFunction.h for the
// function that they fill.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_ATTENTION_H
#define QUIPU_KERNELS_CPU_ATTENTION_H

#include "dialects/kernel/Dialect.h"
#include "kernels/cpu/CpuVariant.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu::cpu {

/// Emits @kernel and @kernel_merge.
mlir::LogicalResult emitAttentionDecode(kernel::AttentionDecodeOp op,
                                        mlir::func::FuncOp kernel,
                                        const CpuVariant &variant,
                                        mlir::ModuleOp module);

/// Emits @kernel.
mlir::LogicalResult emitAttentionPrefill(kernel::AttentionPrefillOp op,
                                         mlir::func::FuncOp kernel,
                                         const CpuVariant &variant,
                                         mlir::ModuleOp module);

} // namespace quipu::cpu

#endif // QUIPU_KERNELS_CPU_ATTENTION_H
