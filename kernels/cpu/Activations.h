//===- Activations.h - What a prologue leaves for its kernel ----*- C++ -*-===//
//
// Emits kernel.prologue: a row of activations in scratch memory, as f32, and
// the factor that its outputs are multiplied with.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_ACTIVATIONS_H
#define QUIPU_KERNELS_CPU_ACTIVATIONS_H

#include "kernels/cpu/KernelFunction.h"

namespace quipu::cpu {

/// K of the skeleton's products: columns of the prologue's source.
int64_t columns(kernel::PrologueOp prologue);

/// Writes map(source[row of `token`]) to `activations`: f32, zero from K up to
/// `padded`, a multiple of the lanes. Returns scale(sum of statistic) as f32,
/// or null without a statistic.
mlir::Value prepareRow(KernelFunction &f, kernel::PrologueOp prologue,
                       mlir::Value token, mlir::Value activations,
                       int64_t padded);

/// For every `elements` of a prepared row of `columns`: their sum divided by
/// the lanes of a register, as f32 at `to`.
void prepareSums(KernelFunction &f, mlir::Value activations, int64_t columns,
                 int64_t elements, mlir::Value to);

/// The decoder that symbol `name` stands for, seen from `op`.
kernel::DecoderOp lookupDecoder(mlir::Operation *op,
                                mlir::FlatSymbolRefAttr name);

} // namespace quipu::cpu

#endif // QUIPU_KERNELS_CPU_ACTIVATIONS_H
