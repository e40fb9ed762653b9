//===- Matmul.h - The two ways to multiply by many tokens -------*- C++ -*-===//
//
// Both emit the loop over the tiles of one matmul; the schedule says which one
// is meant.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_MATMUL_H
#define QUIPU_KERNELS_NVPTX_MATMUL_H

#include "kernels/nvptx/MatmulTiles.h"

namespace quipu::gpu {

/// Weights of 16 bits go from memory into registers: stages = 0.
mlir::LogicalResult emitStreamedMatmul(MatmulTiles &tiles);

/// Weights of any type go through shared memory: stages >= 1.
mlir::LogicalResult emitStagedMatmul(MatmulTiles &tiles);

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_MATMUL_H
