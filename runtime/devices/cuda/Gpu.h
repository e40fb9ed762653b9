//===- Gpu.h - A GPU that the driver knows ----------------------*- C++ -*-===//
//
// What decides whether code runs on a GPU and how it is launched.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_GPU_H
#define QUIPU_RUNTIME_DEVICES_CUDA_GPU_H

#include "runtime/devices/cuda/Handles.h"

#include <cstdint>
#include <memory>
#include <string>

namespace quipu::cuda {

/// Of GPUs that Quipu has code for: 8.0.
inline constexpr int leastComputeCapability = 80;

struct Gpu {
  int index = 0; // as the driver counts
  DeviceHandle handle = 0;
  std::string name;          // "NVIDIA H100 PCIe"
  int computeCapability = 0; // 10 * major + minor: 90
  int multiprocessors = 0;
  int64_t sharedBytesPerBlock = 0; // most that a kernel may opt into
  int64_t memoryBytes = 0;

  /// For messages: "cuda:0 (NVIDIA H100 PCIe, compute capability 9.0)".
  std::string description() const;
};

/// The GPU of that index. Errors: no GPU, or not so many.
Result<Gpu> findGpu(const Driver &driver, int index);

/// A GPU that this process uses: its driver and context.
struct OpenGpu {
  std::shared_ptr<const Driver> driver;
  Gpu gpu;
  Context context; // before what lives in it, after what it needs

  static Result<std::shared_ptr<const OpenGpu>> open(int index);

  /// Bytes that a model may take now: what is free, less what the driver will
  /// need for code, graphs and stacks.
  Result<int64_t> availableMemory() const;
};

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_GPU_H
