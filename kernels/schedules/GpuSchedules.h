//===- GpuSchedules.h - Sizes for the GPU emitters --------------*- C++ -*-===//
//
// The one table of schedules for GPUs. All GPU targets share it: tiles decide
// the plan's grids.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_SCHEDULES_GPUSCHEDULES_H
#define QUIPU_KERNELS_SCHEDULES_GPUSCHEDULES_H

#include "dialects/kernel/Dialect.h"

namespace quipu {

/// The schedule of `skeleton` in a bucket with at most `maxTokens` tokens (or
/// rows): complete, as no further choice is made for a target.
kernel::ScheduleAttr chooseGpuSchedule(mlir::Operation *skeleton,
                                       int64_t maxTokens);

} // namespace quipu

#endif // QUIPU_KERNELS_SCHEDULES_GPUSCHEDULES_H
