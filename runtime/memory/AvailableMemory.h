//===- AvailableMemory.h - What this process may still use ------*- C++ -*-===//
//
// The smaller of what the machine has left and what the cgroup allows.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_MEMORY_AVAILABLEMEMORY_H
#define QUIPU_RUNTIME_MEMORY_AVAILABLEMEMORY_H

#include <cstdint>

namespace quipu {

/// Bytes that can be had without swapping: MemAvailable of /proc/meminfo,
/// capped by limit minus use of the cgroup (v2 or v1), whose page cache counts
/// as available. INT64_MAX where nothing is known.
int64_t availableMemory();

} // namespace quipu

#endif // QUIPU_RUNTIME_MEMORY_AVAILABLEMEMORY_H
