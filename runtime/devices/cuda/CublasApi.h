//===- CublasApi.h - The part of cuBLAS in use ------------------*- C++ -*-===//
//
// Own declarations of the functions, handles and codes that products need, so
// that building needs no toolkit. Values and signatures are those of the cuBLAS
// documentation (11.x to 13.x); symbol names carry the ABI's version.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_CUBLASAPI_H
#define QUIPU_RUNTIME_DEVICES_CUDA_CUBLASAPI_H

#include "runtime/devices/cuda/DriverApi.h"

namespace quipu::cuda {

using CublasHandle = struct CublasObject *;

/// cublasStatus_t.
enum class CublasStatus : int {
  success = 0,
  notInitialized = 1,
  allocFailed = 3,
  invalidValue = 7,
  archMismatch = 8,
  mappingError = 11,
  executionFailed = 13,
  internalError = 14,
  notSupported = 15,
  licenseError = 16,
};

/// cublasOperation_t: a matrix, which is column-major, as it is or transposed.
enum class CublasOperation : int { none = 0, transpose = 1 };

/// cudaDataType_t.
enum class CublasType : int { f32 = 0, f16 = 2, bf16 = 14 };

inline constexpr int cublasCompute32F = 68;  // f32 sums; no TF32
inline constexpr int cublasGemmDefault = -1; // cublasGemmAlgo_t

// clang-format off
/// X(member, symbol, call as documented, parameters)
#define QUIPU_CUBLAS_FUNCTIONS(X)                                              \
  X(create, cublasCreate_v2, cublasCreate, CublasHandle *)                     \
  X(destroy, cublasDestroy_v2, cublasDestroy, CublasHandle)                    \
  X(setStream, cublasSetStream_v2, cublasSetStream, CublasHandle,              \
    StreamHandle)                                                              \
  X(gemmEx, cublasGemmEx, cublasGemmEx, CublasHandle, CublasOperation,         \
    CublasOperation, int, int, int, const void *, const void *, CublasType,    \
    int, const void *, CublasType, int, const void *, void *, CublasType, int, \
    int, int)
// clang-format on

/// One function of cuBLAS, with its name for messages.
template <typename... Parameters> struct CublasFunction {
  const char *name = "";
  CublasStatus (*address)(Parameters...) = nullptr;
};

struct CublasFunctions {
#define QUIPU_CUBLAS_MEMBER(member, symbol, call, ...)                         \
  CublasFunction<__VA_ARGS__> member;
  QUIPU_CUBLAS_FUNCTIONS(QUIPU_CUBLAS_MEMBER)
#undef QUIPU_CUBLAS_MEMBER
};

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_CUBLASAPI_H
