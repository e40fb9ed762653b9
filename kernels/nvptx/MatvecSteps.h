//===- MatvecSteps.h - How a warp goes through a matvec ---------*- C++ -*-===//
//
// What Matvec.cpp emits and MatvecTraffic.cpp counts by, so that the two agree.
// Relies on the schedule and the stored types alone.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_MATVECSTEPS_H
#define QUIPU_KERNELS_NVPTX_MATVECSTEPS_H

#include "dialects/kernel/Dialect.h"

namespace quipu::gpu {

/// Quantized rows that a block copies as runs of bytes. Every warp has a list
/// of rows, of which those that are as far apart as there are runs follow each
/// other in memory, and those of the next warp follow them.
struct RunShape {
  static constexpr int64_t copyBytes = 16; // of a thread, at multiples of it

  int64_t rows = 0;                    // of a run, for all warps of a block
  llvm::SmallVector<int64_t> rowBytes; // one a run; 0: it is not copied so
  bool mayEndEarly = false;            // the tensor may have fewer rows left

  bool holds(int64_t row) const {
    return !rowBytes.empty() && rowBytes[size_t(row) % rowBytes.size()] > 0;
  }
  bool empty() const { return bytes() == 0; }
  /// Shared memory of the block.
  int64_t bytes() const;
};

/// How a warp divides the rows of a segment and K.
struct MatvecSteps {
  /// `columns`: K, whole blocks of every weight.
  MatvecSteps(kernel::SegmentOp segment, kernel::ScheduleAttr schedule,
              int64_t columns);

  int64_t couples;      // of rows, at a time
  int64_t laneElements; // of K that a lane takes in one step
  RunShape runs;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_MATVECSTEPS_H
