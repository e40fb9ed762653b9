//===- CopyBandwidth.h - How fast a GPU's memory is -------------*- C++ -*-===//
//
// The ceiling that decoding is held against: a copy inside device memory.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_COPYBANDWIDTH_H
#define QUIPU_RUNTIME_DEVICES_CUDA_COPYBANDWIDTH_H

#include "runtime/devices/cuda/Handles.h"

namespace quipu::cuda {

/// Bytes a second, those read and those written counted, of the fastest of a
/// few copies that no cache holds.
Result<double> copyBytesPerSecond(const Driver &driver, StreamHandle stream);

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_COPYBANDWIDTH_H
