//===- GpuSchedules.h - Sizes for the GPU emitters --------------*- C++ -*-===//
//
// The one table of schedules for GPUs, by shape, bound on tokens and what the
// targets of a package have. All of them share a schedule: tiles decide the
// plan's grids.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_SCHEDULES_GPUSCHEDULES_H
#define QUIPU_KERNELS_SCHEDULES_GPUSCHEDULES_H

#include "dialects/kernel/Dialect.h"
#include "kernels/nvptx/GpuTarget.h"

namespace quipu {

/// The schedule of `skeleton` in a bucket with at most `maxTokens` tokens (or
/// rows): complete, as no further choice is made for a target. A staged matmul
/// and prefill on tensor cores keep within the shared memory of `limits`, with
/// fewer stages or smaller tiles than they would have; other skeletons take
/// what they take. What does not fit, even so, is an error when it is emitted.
kernel::ScheduleAttr chooseGpuSchedule(mlir::Operation *skeleton,
                                       int64_t maxTokens,
                                       const GpuLimits &limits);

} // namespace quipu

#endif // QUIPU_KERNELS_SCHEDULES_GPUSCHEDULES_H
