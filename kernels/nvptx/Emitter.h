//===- Emitter.h - Kernels as GPU code --------------------------*- C++ -*-===//
//
// Turns a kernel function (one skeleton op) into an entry of the GPU kernel ABI
// (runtime/package/KernelAbi.h), in the scf, arith, math, vector, nvvm and llvm
// dialects; compiler/nvptx takes them on to PTX.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_EMITTER_H
#define QUIPU_KERNELS_NVPTX_EMITTER_H

#include "dialects/kernel/Dialect.h"
#include "kernels/nvptx/GpuTarget.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu {

/// Name of the i64 attribute of an emitted function that says how many bytes of
/// dynamic shared memory each block needs.
inline constexpr llvm::StringLiteral sharedBytesAttrName = "quipu.shared_bytes";

/// Name of the i32 attribute of an emitted function that makes it an entry, to
/// be run by blocks of so many threads.
inline constexpr llvm::StringLiteral blockThreadsAttrName =
    "quipu.block_threads";

/// Blocks that are to fit a multiprocessor at once, i32, where an entry asks
/// for them: PTX's .minnctapersm.
inline constexpr llvm::StringLiteral leastBlocksAttrName = "quipu.least_blocks";

/// Emits `kernel` into `module`. A kernel function holds exactly one skeleton
/// op with a complete schedule, which uses the function's arguments, and
/// returns its results (see kernels/cpu/Emitter.h for their order).
///
/// The emitted func.func @matvec_0 takes one !llvm.ptr<1> for each of them and
/// one for the KernelDims. Block b of a launch with any number of blocks runs
/// the tiles b, b + blocks, ... of dialects/kernel/Tiling.h. Where
/// kernel::hasMerge, @matvec_0_merge is emitted too. Fails with an error at the
/// op when a form is not supported, or takes more threads or shared memory than
/// a block has on `target`.
mlir::LogicalResult emitGpuKernel(mlir::func::FuncOp kernel,
                                  const GpuTarget &target,
                                  mlir::ModuleOp module);

} // namespace quipu

#endif // QUIPU_KERNELS_NVPTX_EMITTER_H
