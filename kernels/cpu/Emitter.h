//===- Emitter.h - Kernels as CPU code --------------------------*- C++ -*-===//
//
// Turns a kernel function (one skeleton op) into functions of the CPU kernel
// ABI (runtime/package/KernelAbi.h), in the scf, arith, math, vector and llvm
// dialects; compiler/cpu takes them on to a code image.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_EMITTER_H
#define QUIPU_KERNELS_CPU_EMITTER_H

#include "dialects/kernel/Dialect.h"
#include "kernels/cpu/CpuVariant.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu {

/// Name of the i64 attribute of an emitted function that says how many bytes of
/// scratch memory each thread needs.
inline constexpr llvm::StringLiteral scratchBytesAttrName =
    "quipu.scratch_bytes";

/// Emits `kernel` into `module`. A kernel function holds exactly one skeleton
/// op, which uses the function's arguments, and returns its results:
///
///   func.func @matvec_0(%x: tensor<?x576xf32>, %w: tensor<..>) -> tensor<..>
///
/// The emitted func.func @matvec_0(%arguments: !llvm.ptr, %dims: !llvm.ptr,
/// %scratch: !llvm.ptr, %begin: i64, %end: i64) finds in `arguments` the base
/// addresses of the function's arguments in order (a KV cache is two: keys,
/// values), for attention_prefill the work list, then of its results (but KV
/// caches), then of the partials where kernel::hasMerge. In that case
/// @matvec_0_merge, with the same arguments, is emitted too; its tiles are
/// tokens or rows. Decoders are looked up in `kernel`'s module. The skeleton
/// has a complete schedule. Fails with an error at the op when a form is not
/// supported.
mlir::LogicalResult emitCpuKernel(mlir::func::FuncOp kernel,
                                  const CpuVariant &variant,
                                  mlir::ModuleOp module);

} // namespace quipu

#endif // QUIPU_KERNELS_CPU_EMITTER_H
