//===- DriverApi.h - The part of the CUDA driver API in use -----*- C++ -*-===//
//
// Own declarations of the functions, handles and codes that this device needs,
// so that building needs no toolkit. Values and signatures are those of the
// CUDA Driver API reference (12.x); symbol names carry the ABI's version.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_DRIVERAPI_H
#define QUIPU_RUNTIME_DEVICES_CUDA_DRIVERAPI_H

#include <cstddef>
#include <cstdint>

namespace quipu::cuda {

using DeviceHandle = int;
using DevicePointer = uint64_t;
using ContextHandle = struct ContextObject *;
using ModuleHandle = struct ModuleObject *;
using FunctionHandle = struct FunctionObject *;
using StreamHandle = struct StreamObject *;
using EventHandle = struct EventObject *;
using GraphHandle = struct GraphObject *;
using GraphExecHandle = struct GraphExecObject *;

/// CUresult, as far as a code is treated apart from others.
enum class Status : int {
  success = 0,
  invalidValue = 1,
  outOfMemory = 2,
  notInitialized = 3,
  stubLibrary = 34,
  noDevice = 100,
  invalidDevice = 101,
  invalidImage = 200,
  invalidContext = 201,
  noBinaryForGpu = 209,
  eccUncorrectable = 214,
  invalidPtx = 218,
  jitCompilerNotFound = 221,
  unsupportedPtxVersion = 222,
  invalidHandle = 400,
  notFound = 500,
  notReady = 600,
  illegalAddress = 700,
  launchOutOfResources = 701,
  illegalInstruction = 715,
  misalignedAddress = 716,
  invalidAddressSpace = 717,
  invalidPc = 718,
  launchFailed = 719,
  systemNotReady = 802,
  systemDriverMismatch = 803,
  compatNotSupported = 804,
  captureUnsupported = 900,
  captureInvalidated = 901,
  unknown = 999,
};

/// CUdevice_attribute.
enum class DeviceAttribute : int {
  multiprocessors = 16,
  computeCapabilityMajor = 75,
  computeCapabilityMinor = 76,
  maxSharedMemoryPerBlock = 97, // what a kernel may opt into
};

/// CUfunction_attribute.
enum class FunctionAttribute : int {
  maxThreadsPerBlock = 0,
  sharedBytes = 1, // static
  maxDynamicSharedBytes = 8,
};

/// CUjit_option.
enum class JitOption : int { errorLogBuffer = 5, errorLogBufferBytes = 6 };

inline constexpr unsigned streamNonBlocking = 1;
inline constexpr unsigned eventDefault = 0;
inline constexpr unsigned eventDisableTiming = 2;
inline constexpr int captureThreadLocal = 1; // CU_STREAM_CAPTURE_MODE_...

// clang-format off
/// X(member, symbol, call as documented, parameters)
#define QUIPU_CUDA_FUNCTIONS(X)                                                \
  X(init, cuInit, cuInit, unsigned)                                            \
  X(driverGetVersion, cuDriverGetVersion, cuDriverGetVersion, int *)           \
  X(deviceGetCount, cuDeviceGetCount, cuDeviceGetCount, int *)                 \
  X(deviceGet, cuDeviceGet, cuDeviceGet, DeviceHandle *, int)                  \
  X(deviceGetName, cuDeviceGetName, cuDeviceGetName, char *, int,              \
    DeviceHandle)                                                              \
  X(deviceGetAttribute, cuDeviceGetAttribute, cuDeviceGetAttribute,            \
    int *, DeviceAttribute, DeviceHandle)                                      \
  X(deviceTotalMem, cuDeviceTotalMem_v2, cuDeviceTotalMem, size_t *,           \
    DeviceHandle)                                                              \
  X(primaryCtxRetain, cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain,      \
    ContextHandle *, DeviceHandle)                                             \
  X(primaryCtxRelease, cuDevicePrimaryCtxRelease_v2,                           \
    cuDevicePrimaryCtxRelease, DeviceHandle)                                   \
  X(ctxSetCurrent, cuCtxSetCurrent, cuCtxSetCurrent, ContextHandle)            \
  X(memGetInfo, cuMemGetInfo_v2, cuMemGetInfo, size_t *, size_t *)             \
  X(memAlloc, cuMemAlloc_v2, cuMemAlloc, DevicePointer *, size_t)              \
  X(memFree, cuMemFree_v2, cuMemFree, DevicePointer)                           \
  X(memHostAlloc, cuMemHostAlloc, cuMemHostAlloc, void **, size_t,             \
    unsigned)                                                                  \
  X(memFreeHost, cuMemFreeHost, cuMemFreeHost, void *)                         \
  X(memsetAsync, cuMemsetD8Async, cuMemsetD8Async, DevicePointer,              \
    unsigned char, size_t, StreamHandle)                                       \
  X(copyToDeviceAsync, cuMemcpyHtoDAsync_v2, cuMemcpyHtoDAsync,                \
    DevicePointer, const void *, size_t, StreamHandle)                         \
  X(copyToHostAsync, cuMemcpyDtoHAsync_v2, cuMemcpyDtoHAsync, void *,          \
    DevicePointer, size_t, StreamHandle)                                       \
  X(copyOnDeviceAsync, cuMemcpyDtoDAsync_v2, cuMemcpyDtoDAsync,                \
    DevicePointer, DevicePointer, size_t, StreamHandle)                        \
  X(streamCreate, cuStreamCreate, cuStreamCreate, StreamHandle *,              \
    unsigned)                                                                  \
  X(streamDestroy, cuStreamDestroy_v2, cuStreamDestroy, StreamHandle)          \
  X(streamSynchronize, cuStreamSynchronize, cuStreamSynchronize,               \
    StreamHandle)                                                              \
  X(streamBeginCapture, cuStreamBeginCapture_v2, cuStreamBeginCapture,         \
    StreamHandle, int)                                                         \
  X(streamEndCapture, cuStreamEndCapture, cuStreamEndCapture,                  \
    StreamHandle, GraphHandle *)                                               \
  X(eventCreate, cuEventCreate, cuEventCreate, EventHandle *, unsigned)        \
  X(eventDestroy, cuEventDestroy_v2, cuEventDestroy, EventHandle)              \
  X(eventRecord, cuEventRecord, cuEventRecord, EventHandle, StreamHandle)      \
  X(eventSynchronize, cuEventSynchronize, cuEventSynchronize,                  \
    EventHandle)                                                               \
  X(eventElapsedTime, cuEventElapsedTime, cuEventElapsedTime, float *,         \
    EventHandle, EventHandle)                                                  \
  X(graphInstantiate, cuGraphInstantiateWithFlags, cuGraphInstantiate,         \
    GraphExecHandle *, GraphHandle, unsigned long long)                        \
  X(graphLaunch, cuGraphLaunch, cuGraphLaunch, GraphExecHandle,                \
    StreamHandle)                                                              \
  X(graphDestroy, cuGraphDestroy, cuGraphDestroy, GraphHandle)                 \
  X(graphExecDestroy, cuGraphExecDestroy, cuGraphExecDestroy,                  \
    GraphExecHandle)                                                           \
  X(moduleLoadData, cuModuleLoadDataEx, cuModuleLoadDataEx,                    \
    ModuleHandle *, const void *, unsigned, JitOption *, void **)              \
  X(moduleUnload, cuModuleUnload, cuModuleUnload, ModuleHandle)                \
  X(moduleGetFunction, cuModuleGetFunction, cuModuleGetFunction,               \
    FunctionHandle *, ModuleHandle, const char *)                              \
  X(funcGetAttribute, cuFuncGetAttribute, cuFuncGetAttribute, int *,           \
    FunctionAttribute, FunctionHandle)                                         \
  X(funcSetAttribute, cuFuncSetAttribute, cuFuncSetAttribute,                  \
    FunctionHandle, FunctionAttribute, int)                                    \
  X(occupancy, cuOccupancyMaxActiveBlocksPerMultiprocessor,                    \
    cuOccupancyMaxActiveBlocksPerMultiprocessor, int *, FunctionHandle, int,   \
    size_t)                                                                    \
  X(launchKernel, cuLaunchKernel, cuLaunchKernel, FunctionHandle,              \
    unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,      \
    StreamHandle, void **, void **)                                            \
  X(getErrorName, cuGetErrorName, cuGetErrorName, Status, const char **)       \
  X(getErrorString, cuGetErrorString, cuGetErrorString, Status,                \
    const char **)
// clang-format on

/// One function of the driver, with its name for messages.
template <typename... Parameters> struct Function {
  const char *name = "";
  Status (*address)(Parameters...) = nullptr;
};

struct DriverFunctions {
#define QUIPU_CUDA_MEMBER(member, symbol, call, ...)                           \
  Function<__VA_ARGS__> member;
  QUIPU_CUDA_FUNCTIONS(QUIPU_CUDA_MEMBER)
#undef QUIPU_CUDA_MEMBER
};

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_DRIVERAPI_H
