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

/// How the warps of a tile of StreamedMatmul.cpp divide its rows and K.
struct StreamedSteps {
  StreamedSteps(kernel::ScheduleAttr schedule, int64_t columns);

  int64_t rowWarps; // over rows
  int64_t splits;   // over K
  int64_t steps;    // of splits * k_tile elements, the last of which may pass K
  bool mayPass;
};

/// Whether StagedMatmul.cpp can copy the weights of `segment` as they are.
bool copiesWeights(kernel::SegmentOp segment, kernel::ScheduleAttr schedule,
                   int64_t columns);

/// Weights of 16 bits go from memory into registers: stages = 0.
mlir::LogicalResult emitStreamedMatmul(MatmulTiles &tiles);

/// Weights of any type go through shared memory: stages >= 1.
mlir::LogicalResult emitStagedMatmul(MatmulTiles &tiles);

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_MATMUL_H
