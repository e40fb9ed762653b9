//===- Cublas.h - Products by cuBLAS, opened at run time --------*- C++ -*-===//
//
// libcublas is found with dlopen, and only for plans that leave products to it.
// A call that fails becomes an Error with the call and what to do about it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_CUBLAS_H
#define QUIPU_RUNTIME_DEVICES_CUDA_CUBLAS_H

#include "base/ElementType.h"
#include "runtime/devices/cuda/CublasApi.h"
#include "runtime/devices/cuda/Driver.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace quipu::cuda {

/// Row-major Y (m, n) = X (m, k) W (n, k)^T in device memory.
struct Gemm {
  int64_t m, n, k;  // from 1, below 2^31
  ElementType type; // of X and W: f32, f16 or bf16; Y is f32
  DevicePointer x, w, y;
};

/// The library and the one handle of a device. Lives inside a context that is
/// current in the thread.
class Cublas {
public:
  /// Opens the library named by QUIPU_CUBLAS, or libcublas.so of the newest
  /// CUDA that `driver` supports, for products on `stream`. Errors: no library,
  /// one without a function that is needed, a handle that cannot be made.
  static Result<Cublas> open(const Driver &driver, StreamHandle stream);

  Cublas() = default;
  Cublas(Cublas &&other) noexcept
      : functions(other.functions),
        handle(std::exchange(other.handle, nullptr)) {}
  Cublas &operator=(Cublas &&other) noexcept {
    std::swap(functions, other.functions);
    std::swap(handle, other.handle);
    return *this;
  }
  ~Cublas();

  /// Queues a product. Sums are f32, of f32 products for f32 X and W.
  Result<void> multiply(const Gemm &gemm) const;

private:
  Result<void> resolve(void *library, const std::string &path);

  template <typename... Parameters, typename... Arguments>
  Result<void> call(const CublasFunction<Parameters...> &function,
                    Arguments... arguments) const;

  CublasFunctions functions;
  CublasHandle handle = nullptr;
};

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_CUBLAS_H
