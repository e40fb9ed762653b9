//===- Cublas.cpp - Products by cuBLAS, opened at run time ----------------===//
//
// A library newer than the driver opens and then fails, so only those that the
// driver supports are tried.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/Cublas.h"

#include <cassert>
#include <cstdlib>
#include <dlfcn.h>
#include <vector>

namespace quipu::cuda {
namespace {

constexpr const char *withoutIt =
    "a model compiled with --gemm=generated needs no cuBLAS";

std::string nameOf(CublasStatus status) {
  switch (status) {
  case CublasStatus::success:
    return "CUBLAS_STATUS_SUCCESS";
  case CublasStatus::notInitialized:
    return "CUBLAS_STATUS_NOT_INITIALIZED";
  case CublasStatus::allocFailed:
    return "CUBLAS_STATUS_ALLOC_FAILED";
  case CublasStatus::invalidValue:
    return "CUBLAS_STATUS_INVALID_VALUE";
  case CublasStatus::archMismatch:
    return "CUBLAS_STATUS_ARCH_MISMATCH";
  case CublasStatus::mappingError:
    return "CUBLAS_STATUS_MAPPING_ERROR";
  case CublasStatus::executionFailed:
    return "CUBLAS_STATUS_EXECUTION_FAILED";
  case CublasStatus::internalError:
    return "CUBLAS_STATUS_INTERNAL_ERROR";
  case CublasStatus::notSupported:
    return "CUBLAS_STATUS_NOT_SUPPORTED";
  case CublasStatus::licenseError:
    return "CUBLAS_STATUS_LICENSE_ERROR";
  }
  return "an error that has no name here";
}

/// What a user can do about a failure.
std::string_view advice(CublasStatus status) {
  switch (status) {
  case CublasStatus::notInitialized:
    return "the library may be newer than the NVIDIA driver: install another, "
           "or name one with QUIPU_CUBLAS";
  case CublasStatus::allocFailed:
    return "GPU memory is short: ask for a shorter context (-c)";
  case CublasStatus::archMismatch:
  case CublasStatus::notSupported:
    return "this cuBLAS is too old for the GPU: install a newer one, or name "
           "it with QUIPU_CUBLAS";
  default:
    return "";
  }
}

Error failure(std::string_view call, CublasStatus status) {
  std::string message = std::string(call) + " failed with " + nameOf(status) +
                        " (" + std::to_string(static_cast<int>(status)) + ")";
  if (std::string_view what = advice(status); !what.empty())
    message += ": " + std::string(what);
  return Error{message + "; " + withoutIt};
}

/// Opens the first of the libraries that there is; `path` becomes its name.
Result<void *> openLibrary(const Driver &driver, std::string &path) {
  std::vector<std::string> names;
  const char *named = std::getenv("QUIPU_CUBLAS");
  if (named && *named)
    names.push_back(named);
  else
    for (int major : {13, 12, 11})
      if (major <= driver.version() / 1000)
        names.push_back("libcublas.so." + std::to_string(major));
  std::string why = names.empty() ? "the driver is older than CUDA 11" : "";
  for (const std::string &name : names) {
    path = name;
    // Never unloaded: it has threads and a context of its own.
    if (void *library =
            ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE))
      return library;
    const char *reason = ::dlerror();
    why += (why.empty() ? "" : "; ") + (reason ? std::string(reason) : name);
  }
  return Error{"no cuBLAS was found (" + why +
               "), and this model was compiled with --gemm=cublas: install "
               "libcublas of the CUDA toolkit, or name the file with "
               "QUIPU_CUBLAS; " +
               withoutIt};
}

CublasType typeOf(ElementType type) {
  if (type == ElementType::f16)
    return CublasType::f16;
  return type == ElementType::bf16 ? CublasType::bf16 : CublasType::f32;
}

} // namespace

template <typename... Parameters, typename... Arguments>
Result<void> Cublas::call(const CublasFunction<Parameters...> &function,
                          Arguments... arguments) const {
  CublasStatus status = function.address(arguments...);
  if (status == CublasStatus::success)
    return {};
  return failure(function.name, status);
}

Result<void> Cublas::resolve(void *library, const std::string &path) {
  const char *missing = nullptr;
  auto find =
      [&]<typename... Parameters>(CublasFunction<Parameters...> &function,
                                  const char *symbol, const char *call) {
        function.name = call;
        function.address = reinterpret_cast<CublasStatus (*)(Parameters...)>(
            ::dlsym(library, symbol));
        if (!function.address && !missing)
          missing = symbol;
      };
#define QUIPU_CUBLAS_FIND(member, symbol, call, ...)                           \
  find(functions.member, #symbol, #call);
  QUIPU_CUBLAS_FUNCTIONS(QUIPU_CUBLAS_FIND)
#undef QUIPU_CUBLAS_FIND
  if (missing)
    return Error{path + " lacks " + missing +
                 ": it is no cuBLAS of CUDA 11 or newer; install one, or name "
                 "it with QUIPU_CUBLAS; " +
                 withoutIt};
  return {};
}

Result<Cublas> Cublas::open(const Driver &driver, StreamHandle stream) {
  std::string path;
  Result<void *> library = openLibrary(driver, path);
  if (!library)
    return library.error();
  Cublas cublas;
  Result<void> done = cublas.resolve(*library, path);
  if (done)
    done = cublas.call(cublas.functions.create, &cublas.handle);
  if (done)
    done = cublas.call(cublas.functions.setStream, cublas.handle, stream);
  if (!done)
    return done.error();
  return cublas;
}

Cublas::~Cublas() {
  if (handle)
    (void)functions.destroy.address(handle);
}

// cuBLAS is column-major: X is its (k, m), W its (k, n) and Y its (n, m), so
// that it computes Y^T = W X^T, with W transposed and rows as columns.
Result<void> Cublas::multiply(const Gemm &gemm) const {
  assert(gemm.m > 0 && gemm.n > 0 && gemm.k > 0);
  const float one = 1, zero = 0;
  auto m = static_cast<int>(gemm.m), n = static_cast<int>(gemm.n),
       k = static_cast<int>(gemm.k);
  CublasType type = typeOf(gemm.type);
  return call(functions.gemmEx, handle, CublasOperation::transpose,
              CublasOperation::none, n, m, k, static_cast<const void *>(&one),
              reinterpret_cast<const void *>(gemm.w), type, k,
              reinterpret_cast<const void *>(gemm.x), type, k,
              static_cast<const void *>(&zero),
              reinterpret_cast<void *>(gemm.y), CublasType::f32, n,
              cublasCompute32F, cublasGemmDefault);
}

} // namespace quipu::cuda
