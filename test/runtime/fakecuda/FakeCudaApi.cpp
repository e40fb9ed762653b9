//===- FakeCudaApi.cpp - The symbols of libcuda ---------------------------===//
//
// Checks arguments, then does at once what a driver does at once and queues the
// rest.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/fakecuda/FakeCuda.h"

#include <cstring>

using quipu::test::FakeCuda;
using namespace quipu::cuda;

#define ENTER(...)                                                             \
  FakeCuda &fake = FakeCuda::get();                                            \
  if (Status status = fake.enter(__VA_ARGS__); status != Status::success)      \
  return status

/// Makes an object that its handle names.
template <typename T, typename Handle>
static T &make(FakeCuda &fake, Handle *handle, T value = {}) {
  auto object = std::make_shared<T>(std::move(value));
  T &result = *object;
  fake.objects[&result] = std::move(object);
  *handle = reinterpret_cast<Handle>(&result);
  ++fake.unreturned;
  return result;
}

/// The object of a handle; null, and a violation, for one that is not there.
template <typename T, typename Handle>
static T *find(FakeCuda &fake, Handle handle) {
  if (fake.objects.count(handle))
    return reinterpret_cast<T *>(handle);
  fake.violation("unknown or freed handle", Status::invalidHandle);
  return nullptr;
}

template <typename Handle>
static Status destroy(FakeCuda &fake, Handle handle, bool mustBeIdle) {
  if (!find<void>(fake, handle))
    return Status::invalidHandle;
  if (mustBeIdle && !fake.isIdle())
    fake.violation("freed while work is queued", Status::success);
  fake.streams.erase(handle);
  fake.objects.erase(handle);
  --fake.unreturned;
  return Status::success;
}

extern "C" {

Status cuInit(unsigned) {
  ENTER("cuInit", false);
  fake.initialized = true;
  return fake.gpus > 0 ? Status::success : Status::noDevice;
}

Status cuDriverGetVersion(int *version) {
  ENTER("cuDriverGetVersion", false);
  *version = fake.driverVersion;
  return Status::success;
}

Status cuGetErrorName(Status status, const char **name) {
  static const std::map<Status, const char *> names = {
      {Status::outOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {Status::noDevice, "CUDA_ERROR_NO_DEVICE"},
      {Status::noBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
      {Status::invalidPtx, "CUDA_ERROR_INVALID_PTX"},
      {Status::unsupportedPtxVersion, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"},
      {Status::illegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {Status::unknown, "CUDA_ERROR_UNKNOWN"},
  };
  auto found = names.find(status);
  *name = found == names.end() ? nullptr : found->second;
  return *name ? Status::success : Status::invalidValue;
}

Status cuGetErrorString(Status, const char **text) {
  *text = "words of the driver";
  return Status::success;
}

Status cuDeviceGetCount(int *count) {
  ENTER("cuDeviceGetCount", false);
  *count = fake.gpus;
  return Status::success;
}

Status cuDeviceGet(DeviceHandle *device, int index) {
  ENTER("cuDeviceGet", false);
  *device = index;
  return Status::success;
}

Status cuDeviceGetName(char *name, int bytes, DeviceHandle) {
  ENTER("cuDeviceGetName", false);
  std::strncpy(name, "Fake GPU", bytes);
  return Status::success;
}

Status cuDeviceTotalMem_v2(size_t *bytes, DeviceHandle) {
  ENTER("cuDeviceTotalMem", false);
  *bytes = fake.memoryBytes;
  return Status::success;
}

Status cuDeviceGetAttribute(int *value, DeviceAttribute attribute,
                            DeviceHandle) {
  ENTER("cuDeviceGetAttribute", false);
  switch (attribute) {
  case DeviceAttribute::multiprocessors:
    *value = fake.multiprocessors;
    break;
  case DeviceAttribute::computeCapabilityMajor:
    *value = fake.computeCapability / 10;
    break;
  case DeviceAttribute::computeCapabilityMinor:
    *value = fake.computeCapability % 10;
    break;
  case DeviceAttribute::maxSharedMemoryPerBlock:
    *value = fake.sharedBytesPerBlock;
    break;
  }
  return Status::success;
}

Status cuMemGetInfo_v2(size_t *available, size_t *total) {
  ENTER("cuMemGetInfo", true);
  *total = fake.memoryBytes;
  *available = fake.memoryBytes - fake.usedBytes();
  return Status::success;
}

Status cuMemAlloc_v2(DevicePointer *pointer, size_t bytes) {
  ENTER("cuMemAlloc", true, true);
  if (bytes == 0)
    return fake.violation("allocation of 0 bytes", Status::invalidValue);
  if (int64_t(bytes) > fake.memoryBytes - fake.usedBytes())
    return Status::outOfMemory;
  // Nothing is zero until it is set.
  std::vector<std::byte> storage(bytes + 255, std::byte(0xcd));
  *pointer = (reinterpret_cast<uint64_t>(storage.data()) + 255) / 256 * 256;
  fake.deviceMemory[*pointer] = {std::move(storage), bytes};
  ++fake.unreturned;
  return Status::success;
}

Status cuMemFree_v2(DevicePointer pointer) {
  ENTER("cuMemFree", true, true);
  if (!fake.isIdle())
    fake.violation("memory freed while work is queued", Status::success);
  if (fake.deviceMemory.erase(pointer) == 0)
    return fake.violation("unknown or freed memory", Status::invalidValue);
  --fake.unreturned;
  return Status::success;
}

Status cuMemHostAlloc(void **pointer, size_t bytes, unsigned) {
  ENTER("cuMemHostAlloc", true, true);
  std::vector<std::byte> memory(bytes, std::byte(0xcd));
  *pointer = memory.data();
  fake.pinnedMemory[*pointer] = std::move(memory);
  ++fake.unreturned;
  return Status::success;
}

Status cuMemFreeHost(void *pointer) {
  ENTER("cuMemFreeHost", true, true);
  if (!fake.isIdle())
    fake.violation("pinned memory freed while work is queued", Status::success);
  if (fake.pinnedMemory.erase(pointer) == 0)
    return fake.violation("unknown pinned memory", Status::invalidValue);
  --fake.unreturned;
  return Status::success;
}

/// Queues a copy or fill after its ranges were checked.
static Status queue(FakeCuda &fake, StreamHandle handle, bool inRange,
                    FakeCuda::Work work) {
  auto *stream = find<FakeCuda::Stream>(fake, handle);
  if (!stream)
    return Status::invalidHandle;
  if (!inRange)
    return fake.violation("copy outside of memory that was allocated",
                          Status::invalidValue);
  fake.add(*stream, std::move(work));
  return Status::success;
}

static void *host(DevicePointer pointer) {
  return reinterpret_cast<void *>(pointer);
}

Status cuMemsetD8Async(DevicePointer target, unsigned char value, size_t bytes,
                       StreamHandle stream) {
  ENTER("cuMemsetD8Async", true);
  return queue(fake, stream, fake.isDevice(target, bytes), [=] {
    std::memset(host(target), value, bytes);
    return Status::success;
  });
}

Status cuMemcpyHtoDAsync_v2(DevicePointer target, const void *source,
                            size_t bytes, StreamHandle stream) {
  ENTER("cuMemcpyHtoDAsync", true);
  bool inRange = fake.isDevice(target, bytes) && fake.isPinned(source, bytes);
  return queue(fake, stream, inRange, [=] {
    std::memcpy(host(target), source, bytes);
    return Status::success;
  });
}

Status cuMemcpyDtoHAsync_v2(void *target, DevicePointer source, size_t bytes,
                            StreamHandle stream) {
  ENTER("cuMemcpyDtoHAsync", true);
  bool inRange = fake.isPinned(target, bytes) && fake.isDevice(source, bytes);
  return queue(fake, stream, inRange, [=] {
    std::memcpy(target, host(source), bytes);
    return Status::success;
  });
}

Status cuMemcpyDtoDAsync_v2(DevicePointer target, DevicePointer source,
                            size_t bytes, StreamHandle stream) {
  ENTER("cuMemcpyDtoDAsync", true);
  bool inRange = fake.isDevice(target, bytes) && fake.isDevice(source, bytes);
  return queue(fake, stream, inRange, [=] {
    std::memmove(host(target), host(source), bytes);
    return Status::success;
  });
}

Status cuStreamCreate(StreamHandle *handle, unsigned flags) {
  ENTER("cuStreamCreate", true);
  fake.streams.insert(&make<FakeCuda::Stream>(fake, handle));
  return Status::success;
}

Status cuStreamDestroy_v2(StreamHandle stream) {
  ENTER("cuStreamDestroy", true);
  return destroy(fake, stream, true);
}

Status cuStreamSynchronize(StreamHandle handle) {
  ENTER("cuStreamSynchronize", true, true);
  auto *stream = find<FakeCuda::Stream>(fake, handle);
  if (!stream)
    return Status::invalidHandle;
  fake.drain(*stream);
  return fake.lost;
}

Status cuStreamBeginCapture_v2(StreamHandle handle, int) {
  ENTER("cuStreamBeginCapture", true);
  auto *stream = find<FakeCuda::Stream>(fake, handle);
  if (!stream || stream->captured)
    return fake.violation("capture of a captured stream", Status::invalidValue);
  stream->captured = std::make_unique<FakeCuda::Graph>();
  stream->captureIsBroken = false;
  return Status::success;
}

Status cuStreamEndCapture(StreamHandle handle, GraphHandle *graph) {
  ENTER("cuStreamEndCapture", true);
  auto *stream = find<FakeCuda::Stream>(fake, handle);
  if (!stream || !stream->captured)
    return fake.violation("no capture to end", Status::invalidValue);
  std::unique_ptr<FakeCuda::Graph> captured = std::move(stream->captured);
  if (stream->captureIsBroken)
    return Status::captureInvalidated;
  make<FakeCuda::Graph>(fake, graph, std::move(*captured));
  return Status::success;
}

Status cuGraphInstantiateWithFlags(GraphExecHandle *exec, GraphHandle handle,
                                   unsigned long long) {
  ENTER("cuGraphInstantiate", true);
  auto *graph = find<FakeCuda::Graph>(fake, handle);
  if (!graph)
    return Status::invalidHandle;
  make<FakeCuda::Graph>(fake, exec, *graph);
  return Status::success;
}

Status cuGraphLaunch(GraphExecHandle exec, StreamHandle handle) {
  ENTER("cuGraphLaunch", true);
  auto *graph = find<FakeCuda::Graph>(fake, exec);
  auto *stream = find<FakeCuda::Stream>(fake, handle);
  if (!graph || !stream)
    return Status::invalidHandle;
  for (const FakeCuda::Work &work : graph->work)
    fake.add(*stream, work);
  return Status::success;
}

Status cuGraphDestroy(GraphHandle graph) {
  ENTER("cuGraphDestroy", true);
  return destroy(fake, graph, false);
}

Status cuGraphExecDestroy(GraphExecHandle exec) {
  ENTER("cuGraphExecDestroy", true);
  return destroy(fake, exec, true);
}

Status cuEventCreate(EventHandle *event, unsigned flags) {
  ENTER("cuEventCreate", true);
  make<FakeCuda::Event>(fake, event).timed = flags != eventDisableTiming;
  return Status::success;
}

Status cuEventDestroy_v2(EventHandle event) {
  ENTER("cuEventDestroy", true);
  return destroy(fake, event, true);
}

Status cuEventRecord(EventHandle handle, StreamHandle streamHandle) {
  ENTER("cuEventRecord", true);
  auto *event = find<FakeCuda::Event>(fake, handle);
  auto *stream = find<FakeCuda::Stream>(fake, streamHandle);
  if (!event || !stream)
    return Status::invalidHandle;
  event->stream = stream;
  int64_t record = ++event->asked;
  fake.add(*stream, [event, record] {
    event->reached = record;
    return Status::success;
  });
  return Status::success;
}

Status cuEventSynchronize(EventHandle handle) {
  ENTER("cuEventSynchronize", true, true);
  auto *event = find<FakeCuda::Event>(fake, handle);
  if (!event)
    return Status::invalidHandle;
  while (event->reached < event->asked && !event->stream->work.empty())
    fake.step(*event->stream);
  return fake.lost;
}

Status cuEventElapsedTime(float *milliseconds, EventHandle first,
                          EventHandle second) {
  ENTER("cuEventElapsedTime", true);
  auto *begin = find<FakeCuda::Event>(fake, first);
  auto *end = find<FakeCuda::Event>(fake, second);
  if (!begin || !end || !begin->timed || !end->timed || begin->asked == 0 ||
      end->asked == 0)
    return fake.violation("elapsed time of events without times",
                          Status::invalidHandle);
  if (begin->reached < begin->asked || end->reached < end->asked)
    return fake.violation("elapsed time before the end", Status::notReady);
  *milliseconds = 1;
  return Status::success;
}

} // extern "C"
