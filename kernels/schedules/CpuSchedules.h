//===- CpuSchedules.h - Sizes for the CPU emitters --------------*- C++ -*-===//
//
// The one place where tile sizes and unrolls of CPU kernels are chosen, by
// shape, bound on tokens and variant.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_SCHEDULES_CPUSCHEDULES_H
#define QUIPU_KERNELS_SCHEDULES_CPUSCHEDULES_H

#include "dialects/kernel/Dialect.h"
#include "kernels/cpu/CpuVariant.h"

namespace quipu {

/// Tile sizes of `skeleton` when it runs with at most `maxTokens` tokens (or
/// rows): row_tile, token_tile and kv_tile, which all CPU variants share.
kernel::ScheduleAttr chooseTiles(mlir::Operation *skeleton, int64_t maxTokens);

/// The schedule of `skeleton`, which has tile sizes, completed for `variant`.
kernel::ScheduleAttr chooseVariant(mlir::Operation *skeleton,
                                   const CpuVariant &variant);

} // namespace quipu

#endif // QUIPU_KERNELS_SCHEDULES_CPUSCHEDULES_H
