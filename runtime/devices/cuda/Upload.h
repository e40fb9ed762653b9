//===- Upload.h - Parameters from files to a GPU ----------------*- C++ -*-===//
//
// Parameters lie in one block of device memory and get there through two
// pinned buffers: while the GPU copies one, the host fills the other.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_UPLOAD_H
#define QUIPU_RUNTIME_DEVICES_CUDA_UPLOAD_H

#include "runtime/devices/Device.h"
#include "runtime/devices/cuda/Handles.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace quipu::cuda {

/// Where each parameter lies in the block. Those with the same bytes (tied
/// weights) share a place.
struct ParameterLayout {
  std::vector<int64_t> offsets; // by parameter, 256-byte aligned
  int64_t bytes = 0;

  static ParameterLayout of(const ParameterBytes &parameters);
};

using UploadProgress = std::function<void(int64_t done, int64_t total)>;

/// Fills the block at `target` and waits for it. `staging` is the size of each
/// pinned buffer in bytes.
Result<void> upload(const Driver &driver, StreamHandle stream,
                    const ParameterBytes &parameters,
                    const ParameterLayout &layout, DevicePointer target,
                    const UploadProgress &progress,
                    int64_t staging = int64_t(16) << 20);

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_UPLOAD_H
