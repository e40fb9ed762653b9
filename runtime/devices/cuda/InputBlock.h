//===- InputBlock.h - A step's inputs in device memory ----------*- C++ -*-===//
//
// KernelDims and the arrays of plan::Input lie behind one another, so that one
// copy brings a step to the GPU. Places depend on the bucket alone, because a
// replayed graph holds the addresses.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_INPUTBLOCK_H
#define QUIPU_RUNTIME_DEVICES_CUDA_INPUTBLOCK_H

#include "runtime/devices/Device.h"

#include <cstddef>
#include <cstdint>

namespace quipu::cuda {

/// Byte offsets, multiples of 256. Dims are at 0 and the page table, of which
/// a step uses a part, comes last.
struct InputBlock {
  int64_t offsets[7] = {}; // by plan::Input
  int64_t bytes = 0;       // with a full page table

  static InputBlock of(const plan::Bucket &bucket, const DeviceLimits &limits);

  int64_t at(plan::Input input) const {
    return offsets[static_cast<int>(input)];
  }

  /// Writes a step to `block` and returns how many bytes of it count.
  int64_t fill(std::byte *block, const KernelDims &dims,
               const StepInputs &inputs) const;
};

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_INPUTBLOCK_H
