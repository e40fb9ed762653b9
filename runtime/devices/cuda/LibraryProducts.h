//===- LibraryProducts.h - Launches that cuBLAS takes over ------*- C++ -*-===//
//
// Computes the launches of a plan that are products of matrices. Activations
// are f32 and cuBLAS multiplies matrices of one type, so they are rounded to
// that of 16-bit weights first, as generated kernels do in passing.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_LIBRARYPRODUCTS_H
#define QUIPU_RUNTIME_DEVICES_CUDA_LIBRARYPRODUCTS_H

#include "runtime/devices/cuda/Cublas.h"
#include "runtime/devices/cuda/GpuCode.h"

#include <cstdint>
#include <optional>

namespace quipu::cuda {

/// The most that the launches of gpu buckets of `plan` need of the buffer of
/// rounded activations, in bytes; none where no launch is a product.
std::optional<int64_t> roundedBytes(const plan::Plan &plan);

class LibraryProducts {
public:
  /// For products on `stream` whose rounded activations take `bytes`.
  static Result<LibraryProducts> create(const OpenGpu &gpu, StreamHandle stream,
                                        int64_t bytes);

  /// Queues a product whose X is f32, whatever `gemm.type`. With `sameInput`,
  /// X and its type are those of the product before, and already rounded.
  Result<void> queue(const Driver &driver, StreamHandle stream, Gemm gemm,
                     bool sameInput) const;

private:
  LibraryProducts(Cublas cublas, GpuCode code)
      : cublas(std::move(cublas)), code(std::move(code)) {}
  Result<void> round(const Driver &driver, StreamHandle stream,
                     const Gemm &gemm) const;

  Cublas cublas;
  GpuCode code; // of RoundKernel.h
  GpuKernel roundF16, roundBf16;
  DeviceMemory rounded; // (m, k) of the largest product, f16 or bf16
};

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_LIBRARYPRODUCTS_H
