//===- GpuCode.h - A package's kernels on a GPU -----------------*- C++ -*-===//
//
// Hands PTX or a cubin to the driver, with the log of its compiler in the error
// of code that it refuses, and finds the kernels that a plan launches.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_GPUCODE_H
#define QUIPU_RUNTIME_DEVICES_CUDA_GPUCODE_H

#include "runtime/devices/cuda/Gpu.h"
#include "runtime/devices/cuda/PtxText.h"
#include "runtime/package/Package.h"

#include <cstdint>
#include <span>
#include <string>

namespace quipu::cuda {

/// A kernel that is ready to launch.
struct GpuKernel {
  FunctionHandle function = nullptr;
  unsigned threads = 0;     // of a block
  unsigned sharedBytes = 0; // dynamic, of a block
  int64_t blocks = 0;       // that the whole GPU holds at once
};

/// Queues `blocks` blocks of a kernel whose parameters are all of 64 bits.
Result<void> launch(const Driver &driver, StreamHandle stream,
                    const GpuKernel &kernel, int64_t blocks,
                    std::span<const uint64_t> arguments);

class GpuCode {
public:
  /// Loads the best of the package's targets that the driver takes.
  static Result<GpuCode> load(const OpenGpu &gpu, const Package &package);

  /// As above from PTX text of our own, called `name` in messages.
  static Result<GpuCode> load(const OpenGpu &gpu, const std::string &name,
                              std::string ptx);

  /// Index of the target that was loaded.
  int64_t target() const { return targetIndex; }
  const std::string &name() const { return targetName; }

  /// An entry of `threads` threads and `sharedBytes` of dynamic shared memory,
  /// which takes `parameters` 64-bit values. Errors: no such entry, another
  /// number of parameters, more threads or memory than the GPU has.
  Result<GpuKernel> kernel(const OpenGpu &gpu, const std::string &entry,
                           int64_t parameters, int64_t threads,
                           int64_t sharedBytes) const;

private:
  GpuCode() = default;
  static Result<GpuCode> load(const OpenGpu &gpu, const Target &target);

  Module module;
  PtxFacts facts; // of a cubin: none
  std::string targetName;
  int64_t targetIndex = -1;
};

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_GPUCODE_H
