//===- GpuTarget.h - The GPUs that code is emitted for ----------*- C++ -*-===//
//
// A package holds PTX for each target that was asked for; the driver compiles
// it for the GPU at hand. PTX for sm_80 runs on every later GPU, PTX for sm_90a
// on that one alone.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_GPUTARGET_H
#define QUIPU_KERNELS_NVPTX_GPUTARGET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <cstdint>

namespace quipu {

/// What a GPU has for kernels, as the CUDA C++ Programming Guide lists it under
/// "Technical Specifications per Compute Capability".
struct GpuLimits {
  int64_t sharedPerBlock;          // bytes, dynamic and static
  int64_t sharedPerMultiprocessor; // bytes; each block costs 1 KiB more
  int64_t registers;               // of 32 bits, of a multiprocessor
  int64_t threadsPerBlock;
};

struct GpuTarget {
  llvm::StringLiteral name;     // of the package's target; LLVM's and ptxas's
  llvm::StringLiteral features; // the PTX version: as old as the target allows
  int64_t capability;           // compute capability times 10
  GpuLimits limits;             // of the GPUs of this capability

  /// Whether its code runs on this capability and on no later one.
  bool isSpecific() const { return name.ends_with("a"); }
};

inline constexpr GpuTarget gpuTargets[] = {
    {"sm_80", "+ptx70", 80, {163 << 10, 164 << 10, 64 << 10, 1024}},
    {"sm_86", "+ptx71", 86, {99 << 10, 100 << 10, 64 << 10, 1024}},
    {"sm_89", "+ptx78", 89, {99 << 10, 100 << 10, 64 << 10, 1024}},
    {"sm_90a", "+ptx80", 90, {227 << 10, 228 << 10, 64 << 10, 1024}},
};

/// The target called `name`, or null.
inline const GpuTarget *findGpuTarget(llvm::StringRef name) {
  for (const GpuTarget &target : gpuTargets)
    if (target.name == name)
      return &target;
  return nullptr;
}

/// The least of each limit over all GPUs known here that code for any of
/// `targets` runs on: code for sm_80 meets the 99 KiB of sm_86. Of no targets,
/// over all GPUs.
inline GpuLimits leastLimits(llvm::ArrayRef<const GpuTarget *> targets) {
  auto runs = [&](const GpuTarget &gpu) {
    return targets.empty() ||
           std::any_of(targets.begin(), targets.end(),
                       [&](const GpuTarget *target) {
                         return target->isSpecific()
                                    ? target->capability == gpu.capability
                                    : target->capability <= gpu.capability;
                       });
  };
  constexpr int64_t none = INT64_MAX;
  GpuLimits least = {none, none, none, none};
  for (const GpuTarget &gpu : gpuTargets) {
    if (!runs(gpu))
      continue;
    const GpuLimits &own = gpu.limits;
    for (auto field :
         {&GpuLimits::sharedPerBlock, &GpuLimits::sharedPerMultiprocessor,
          &GpuLimits::registers, &GpuLimits::threadsPerBlock})
      least.*field = std::min(least.*field, own.*field);
  }
  return least;
}

} // namespace quipu

#endif // QUIPU_KERNELS_NVPTX_GPUTARGET_H
