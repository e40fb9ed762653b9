//===- CudaHeadersTest.cpp - Our declarations against NVIDIA's headers ----===//
//
// The driver and cuBLAS are declared by hand, so that building needs no
// toolkit. Where a toolkit is installed, its headers are asked whether those
// are right.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/CublasApi.h"

#include <gtest/gtest.h>
#include <string_view>
#include <type_traits>

#ifdef QUIPU_HAS_CUDA_HEADERS
#include <cublas_v2.h>
#include <cuda.h>
#endif

namespace quipu::cuda {
namespace {

#ifndef QUIPU_HAS_CUDA_HEADERS
TEST(CudaHeaders, AgreeWithOurDeclarations) {
  GTEST_SKIP()
      << "no headers of a CUDA toolkit were found when this was configured";
}
#else

/// Whether a caller passes values of both types in the same way. Handles are
/// pointers to structs of different names.
template <typename Ours, typename Theirs> constexpr bool passedAlike() {
  if constexpr (std::is_pointer_v<Ours> && std::is_pointer_v<Theirs>) {
    using A = std::remove_cv_t<std::remove_pointer_t<Ours>>;
    using B = std::remove_cv_t<std::remove_pointer_t<Theirs>>;
    if constexpr (std::is_void_v<A> || std::is_class_v<A>)
      return std::is_void_v<A> == std::is_void_v<B> &&
             std::is_class_v<A> == std::is_class_v<B>;
    else
      return passedAlike<A, B>();
  } else if constexpr (std::is_pointer_v<Ours> || std::is_pointer_v<Theirs>) {
    return false;
  } else {
    return sizeof(Ours) == sizeof(Theirs) &&
           std::is_floating_point_v<Ours> == std::is_floating_point_v<Theirs>;
  }
}

template <typename Ours, typename Theirs>
inline constexpr bool calledAlike = false;
template <typename OurResult, typename... Ours, typename TheirResult,
          typename... Theirs>
  requires(sizeof...(Ours) == sizeof...(Theirs))
inline constexpr bool
    calledAlike<OurResult (*)(Ours...), TheirResult (*)(Theirs...)> =
        passedAlike<OurResult, TheirResult>() &&
        (passedAlike<Ours, Theirs>() && ...);

#define QUIPU_TEXT(...) #__VA_ARGS__
#define QUIPU_EXPANDED(...) QUIPU_TEXT(__VA_ARGS__)

#define QUIPU_EXPECT_SIGNATURE(functions, member, ...)                         \
  EXPECT_TRUE((calledAlike<decltype(functions::member.address), __VA_ARGS__>)) \
      << #member;

/// Whether the headers have a function of the documented name, whose newest
/// version, which their macros name, has our symbol. CUDA 13 has a newer
/// cuEventElapsedTime than drivers for 12.0, with the same parameters.
bool isNewest(std::string_view symbol, std::string_view newest) {
  return symbol == newest ||
         (symbol == "cuEventElapsedTime" && newest == "cuEventElapsedTime_v2");
}
#define QUIPU_EXPECT_NEWEST(member, symbol, call, ...)                         \
  EXPECT_PRED2(isNewest, #symbol, QUIPU_EXPANDED(call));

#define EXPECT_CODE(ours, theirs)                                              \
  EXPECT_EQ(static_cast<int>(ours), static_cast<int>(theirs)) << #ours

TEST(CudaHeaders, HaveTheDriversFunctions){
#define QUIPU_EXPECT_SAME(member, symbol, call, ...)                           \
  QUIPU_EXPECT_SIGNATURE(DriverFunctions, member, decltype(&::symbol))
    QUIPU_CUDA_FUNCTIONS(QUIPU_EXPECT_SAME)
#undef QUIPU_EXPECT_SAME
        QUIPU_CUDA_FUNCTIONS(QUIPU_EXPECT_NEWEST)}

TEST(CudaHeaders, HaveTheDriversCodes) {
  EXPECT_CODE(Status::success, CUDA_SUCCESS);
  EXPECT_CODE(Status::invalidValue, CUDA_ERROR_INVALID_VALUE);
  EXPECT_CODE(Status::outOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_CODE(Status::notInitialized, CUDA_ERROR_NOT_INITIALIZED);
  EXPECT_CODE(Status::stubLibrary, CUDA_ERROR_STUB_LIBRARY);
  EXPECT_CODE(Status::noDevice, CUDA_ERROR_NO_DEVICE);
  EXPECT_CODE(Status::invalidDevice, CUDA_ERROR_INVALID_DEVICE);
  EXPECT_CODE(Status::invalidImage, CUDA_ERROR_INVALID_IMAGE);
  EXPECT_CODE(Status::invalidContext, CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_CODE(Status::noBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_CODE(Status::eccUncorrectable, CUDA_ERROR_ECC_UNCORRECTABLE);
  EXPECT_CODE(Status::invalidPtx, CUDA_ERROR_INVALID_PTX);
  EXPECT_CODE(Status::jitCompilerNotFound, CUDA_ERROR_JIT_COMPILER_NOT_FOUND);
  EXPECT_CODE(Status::unsupportedPtxVersion,
              CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
  EXPECT_CODE(Status::invalidHandle, CUDA_ERROR_INVALID_HANDLE);
  EXPECT_CODE(Status::notFound, CUDA_ERROR_NOT_FOUND);
  EXPECT_CODE(Status::notReady, CUDA_ERROR_NOT_READY);
  EXPECT_CODE(Status::illegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_CODE(Status::launchOutOfResources, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  EXPECT_CODE(Status::illegalInstruction, CUDA_ERROR_ILLEGAL_INSTRUCTION);
  EXPECT_CODE(Status::misalignedAddress, CUDA_ERROR_MISALIGNED_ADDRESS);
  EXPECT_CODE(Status::invalidAddressSpace, CUDA_ERROR_INVALID_ADDRESS_SPACE);
  EXPECT_CODE(Status::invalidPc, CUDA_ERROR_INVALID_PC);
  EXPECT_CODE(Status::launchFailed, CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_CODE(Status::systemNotReady, CUDA_ERROR_SYSTEM_NOT_READY);
  EXPECT_CODE(Status::systemDriverMismatch, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
  EXPECT_CODE(Status::compatNotSupported,
              CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE);
  EXPECT_CODE(Status::captureUnsupported,
              CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT_CODE(Status::captureInvalidated,
              CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  EXPECT_CODE(Status::unknown, CUDA_ERROR_UNKNOWN);
}

TEST(CudaHeaders, HaveTheDriversAttributesAndFlags) {
  EXPECT_CODE(DeviceAttribute::multiprocessors,
              CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  EXPECT_CODE(DeviceAttribute::computeCapabilityMajor,
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  EXPECT_CODE(DeviceAttribute::computeCapabilityMinor,
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  EXPECT_CODE(DeviceAttribute::maxSharedMemoryPerBlock,
              CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  EXPECT_CODE(FunctionAttribute::maxThreadsPerBlock,
              CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  EXPECT_CODE(FunctionAttribute::sharedBytes,
              CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
  EXPECT_CODE(FunctionAttribute::maxDynamicSharedBytes,
              CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  EXPECT_CODE(JitOption::errorLogBuffer, CU_JIT_ERROR_LOG_BUFFER);
  EXPECT_CODE(JitOption::errorLogBufferBytes,
              CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
  EXPECT_CODE(streamNonBlocking, CU_STREAM_NON_BLOCKING);
  EXPECT_CODE(eventDefault, CU_EVENT_DEFAULT);
  EXPECT_CODE(eventDisableTiming, CU_EVENT_DISABLE_TIMING);
  EXPECT_CODE(captureThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
}

TEST(CudaHeaders, HaveTheFunctionsOfCublas) {
  QUIPU_EXPECT_SIGNATURE(CublasFunctions, create, decltype(&::cublasCreate))
  QUIPU_EXPECT_SIGNATURE(CublasFunctions, destroy, decltype(&::cublasDestroy))
  QUIPU_EXPECT_SIGNATURE(CublasFunctions, setStream,
                         decltype(&::cublasSetStream))
  // In C++ the header has a second function of this name.
  using Multiply = cublasStatus_t (*)(
      cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int, int,
      const void *, const void *, cudaDataType, int, const void *, cudaDataType,
      int, const void *, void *, cudaDataType, int, cublasComputeType_t,
      cublasGemmAlgo_t);
  QUIPU_EXPECT_SIGNATURE(CublasFunctions, gemmEx,
                         decltype(static_cast<Multiply>(&::cublasGemmEx)))
  QUIPU_CUBLAS_FUNCTIONS(QUIPU_EXPECT_NEWEST)
}

TEST(CudaHeaders, HaveTheCodesOfCublas) {
  EXPECT_CODE(CublasStatus::success, CUBLAS_STATUS_SUCCESS);
  EXPECT_CODE(CublasStatus::notInitialized, CUBLAS_STATUS_NOT_INITIALIZED);
  EXPECT_CODE(CublasStatus::allocFailed, CUBLAS_STATUS_ALLOC_FAILED);
  EXPECT_CODE(CublasStatus::invalidValue, CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_CODE(CublasStatus::archMismatch, CUBLAS_STATUS_ARCH_MISMATCH);
  EXPECT_CODE(CublasStatus::mappingError, CUBLAS_STATUS_MAPPING_ERROR);
  EXPECT_CODE(CublasStatus::executionFailed, CUBLAS_STATUS_EXECUTION_FAILED);
  EXPECT_CODE(CublasStatus::internalError, CUBLAS_STATUS_INTERNAL_ERROR);
  EXPECT_CODE(CublasStatus::notSupported, CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_CODE(CublasStatus::licenseError, CUBLAS_STATUS_LICENSE_ERROR);
  EXPECT_CODE(CublasOperation::none, CUBLAS_OP_N);
  EXPECT_CODE(CublasOperation::transpose, CUBLAS_OP_T);
  EXPECT_CODE(CublasType::f32, CUDA_R_32F);
  EXPECT_CODE(CublasType::f16, CUDA_R_16F);
  EXPECT_CODE(CublasType::bf16, CUDA_R_16BF);
  EXPECT_CODE(cublasCompute32F, CUBLAS_COMPUTE_32F);
  EXPECT_CODE(cublasGemmDefault, CUBLAS_GEMM_DEFAULT);
}

#endif // QUIPU_HAS_CUDA_HEADERS

} // namespace
} // namespace quipu::cuda
