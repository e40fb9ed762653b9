//===- ResidentMemory.h - What the kernel counts for us ---------*- C++ -*-===//
//
// /proc/self/smaps_rollup, read so that pages of files and anonymous memory
// stand apart.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_MEMORY_RESIDENTMEMORY_H
#define QUIPU_RUNTIME_MEMORY_RESIDENTMEMORY_H

#include <cstdint>

namespace quipu {

struct ResidentMemory {
  int64_t anonymous = 0; // bytes; 0 where they cannot be told
  int64_t file = 0;
};

/// Of this process; nothing under a sanitizer, whose shadow memory would be
/// counted too.
ResidentMemory residentMemory();

} // namespace quipu

#endif // QUIPU_RUNTIME_MEMORY_RESIDENTMEMORY_H
