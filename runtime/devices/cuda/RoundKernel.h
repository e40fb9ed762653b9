//===- RoundKernel.h - PTX that rounds activations to 16 bits ---*- C++ -*-===//
//
// Written by hand, because it belongs to the device and not to a package: what
// cuBLAS multiplies has one type, and activations are f32. For i < count:
//
//   out[i] = in[i], rounded to the nearest f16 or bf16, ties to even
//
// Threads take four numbers at a time, as far as the whole grid reaches; the
// last count mod 4 are the work of the thread whose turn they are.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_ROUNDKERNEL_H
#define QUIPU_RUNTIME_DEVICES_CUDA_ROUNDKERNEL_H

#include "base/ElementType.h"

#include <cstdint>
#include <string>

namespace quipu::cuda {

inline constexpr int64_t roundKernelThreads = 256;

/// Numbers that a thread takes at a time.
inline constexpr int64_t roundKernelStep = 4;

/// Its parameters, all of 64 bits: addresses of `in` (f32, 16-byte aligned) and
/// `out` (8-byte aligned), and count.
inline constexpr int64_t roundKernelParameters = 3;

/// The entry for f16 or bf16.
std::string roundKernelName(ElementType type);

/// A module with both.
std::string roundKernelPtx();

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_ROUNDKERNEL_H
