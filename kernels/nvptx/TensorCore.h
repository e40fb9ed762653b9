//===- TensorCore.h - Products of a warp, and what feeds them ---*- C++ -*-===//
//
// One or two instructions each: mma.sync.m16n8k16 with f32 sums, ldmatrix, and
// cp.async. Registers of 16-bit floats are i32, the lower element in the lower
// half.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_TENSORCORE_H
#define QUIPU_KERNELS_NVPTX_TENSORCORE_H

#include "kernels/nvptx/KernelFunction.h"

namespace quipu::gpu {

/// What a tile of products is made of: rows of A, columns of B, and the
/// elements of K that one instruction takes.
constexpr int64_t mmaRows = 16, mmaColumns = 8, mmaDepth = 16;

/// f32 values, an even number, rounded to pairs of bf16 or f16. f16 saturates
/// at its largest finite values, unless `fits` says that none is beyond them.
llvm::SmallVector<mlir::Value> packPairs(KernelFunction &f,
                                         mlir::ValueRange values,
                                         kernel::Arithmetic arithmetic,
                                         bool fits = false);

/// A * B + C. With g = lane / 4 and t = lane % 4, a lane holds
///   a: A[g][2t..], A[g + 8][2t..], A[g][2t + 8..], A[g + 8][2t + 8..]
///   b: B[2t..][g], B[2t + 8..][g]
///   c: C[g][2t], C[g][2t + 1], C[g + 8][2t], C[g + 8][2t + 1]
llvm::SmallVector<mlir::Value> multiply(KernelFunction &f,
                                        kernel::Arithmetic arithmetic,
                                        mlir::ValueRange a, mlir::ValueRange b,
                                        mlir::ValueRange c);

/// Four 8 x 8 matrices of 16-bit elements from shared memory. Lane 8 m + r
/// gives the address of row r of matrix m and receives elements 2t and 2t + 1
/// of row g of each matrix; `transposed`: of column g.
llvm::SmallVector<mlir::Value>
loadMatrices(KernelFunction &f, mlir::Value address, bool transposed = false);

/// Starts copying `width` aligned bytes (4, 8 or 16) to shared memory; 16 go
/// past the first cache. With `bytes` (i32, at most 16), only so many are read
/// and zeros follow them.
void copyAsync(KernelFunction &f, mlir::Value shared, mlir::Value global,
               mlir::Value bytes = {}, int64_t width = 16);
/// Closes a group of copies of this thread, which may be empty.
void commitCopies(KernelFunction &f);
/// Waits until at most the last `pending` groups of this thread are not done.
void awaitCopies(KernelFunction &f, int64_t pending);

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_TENSORCORE_H
