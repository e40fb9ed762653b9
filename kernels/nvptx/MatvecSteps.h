//===- MatvecSteps.h - How a team goes through a matvec ---------*- C++ -*-===//
//
// What Matvec.cpp emits and MatvecTraffic.cpp counts by, so that the two agree.
// Relies on the schedule and the stored types alone. A team is as many lanes of
// a warp as share rows: all of them, or fewer where a row has few blocks.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_MATVECSTEPS_H
#define QUIPU_KERNELS_NVPTX_MATVECSTEPS_H

#include "dialects/kernel/Dialect.h"

namespace quipu::gpu {

/// Quantized rows that a block copies as runs of bytes. Every team has a list
/// of rows, of which those that are as far apart as there are runs follow each
/// other in memory, and those of the next team follow them.
struct RunShape {
  static constexpr int64_t copyBytes = 16; // of a thread, at multiples of it

  int64_t rows = 0;                    // of a run, for all teams of a block
  llvm::SmallVector<int64_t> rowBytes; // one a run; 0: it is not copied so
  bool mayEndEarly = false;            // the tensor may have fewer rows left

  bool holds(int64_t row) const {
    return !rowBytes.empty() && rowBytes[size_t(row) % rowBytes.size()] > 0;
  }
  bool empty() const { return bytes() == 0; }
  /// Shared memory of the block.
  int64_t bytes() const;
};

/// How a team divides the rows of a segment and K.
struct MatvecSteps {
  /// `columns`: K, whole blocks of every weight.
  MatvecSteps(kernel::SegmentOp segment, kernel::ScheduleAttr schedule,
              int64_t columns);

  int64_t couples;      // of rows, at a time
  int64_t laneElements; // of K that a lane takes in one step
  int64_t lanes;        // of a team: a power of two
  int64_t teams;        // of a block
  RunShape runs;

  /// Of K, that a team takes in one step.
  int64_t stepElements() const { return laneElements * lanes; }
  /// The teams of a warp, or of a block, must take every turn together, because
  /// they copy for each other or wait for each other.
  bool takeTurnsTogether() const;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_MATVECSTEPS_H
