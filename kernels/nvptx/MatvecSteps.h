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

/// How a warp divides the rows of a segment and K.
struct MatvecSteps {
  /// `columns`: K, whole blocks of every weight.
  MatvecSteps(kernel::SegmentOp segment, kernel::ScheduleAttr schedule,
              int64_t columns);

  int64_t couples;      // of rows, at a time
  int64_t laneElements; // of K that a lane takes in one step
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_MATVECSTEPS_H
