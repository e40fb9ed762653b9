//===- ArenaAllocation.h - Offsets by liveness ------------------*- C++ -*-===//
//
// Places buffers with known lifetimes in one arena so that two that are alive
// together do not overlap. Nothing here knows of kernels.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_CONVERSION_KERNELTOPLAN_ARENAALLOCATION_H
#define QUIPU_PASSES_CONVERSION_KERNELTOPLAN_ARENAALLOCATION_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace quipu {

/// A buffer of `bytes` that is written first by launch `first` and read last by
/// launch `last` (inclusive, first <= last).
struct ArenaBuffer {
  int64_t bytes;
  int64_t first;
  int64_t last;
  int64_t offset = -1; // set by allocateArena; a multiple of 64
};

/// Sets every offset and returns the arena's size, a multiple of 64. Buffers of
/// one launch never share bytes, even if one is only read and another only
/// written: a launch's tiles run in any order.
int64_t allocateArena(llvm::MutableArrayRef<ArenaBuffer> buffers);

} // namespace quipu

#endif // QUIPU_PASSES_CONVERSION_KERNELTOPLAN_ARENAALLOCATION_H
