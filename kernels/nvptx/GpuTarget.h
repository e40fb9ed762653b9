//===- GpuTarget.h - The GPUs that code is emitted for ----------*- C++ -*-===//
//
// A package holds PTX for each target that was asked for; the driver compiles
// it for the GPU at hand. PTX for sm_80 runs on every later GPU, PTX for sm_90a
// on that one alone.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_GPUTARGET_H
#define QUIPU_KERNELS_NVPTX_GPUTARGET_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace quipu {

struct GpuTarget {
  llvm::StringLiteral name;     // of the package's target; LLVM's and ptxas's
  llvm::StringLiteral features; // the PTX version: as old as the target allows
  int64_t capability;           // compute capability times 10
};

inline constexpr GpuTarget gpuTargets[] = {
    {"sm_80", "+ptx70", 80},
    {"sm_86", "+ptx71", 86},
    {"sm_89", "+ptx78", 89},
    {"sm_90a", "+ptx80", 90},
};

/// The target called `name`, or null.
inline const GpuTarget *findGpuTarget(llvm::StringRef name) {
  for (const GpuTarget &target : gpuTargets)
    if (target.name == name)
      return &target;
  return nullptr;
}

} // namespace quipu

#endif // QUIPU_KERNELS_NVPTX_GPUTARGET_H
