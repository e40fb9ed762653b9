//===- Handles.cpp - Owners of what the CUDA driver hands out -------------===//
//
// Making each kind of object, with the numbers that an error needs.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/Handles.h"

#include <cstdio>

namespace quipu::cuda {
namespace {

std::string mebibytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", double(bytes) / (1 << 20));
  return text;
}

} // namespace

Result<Context> Context::retain(const Driver &driver, DeviceHandle device) {
  Context context;
  if (Result<void> done =
          driver.call(driver.primaryCtxRetain, &context.handle, device);
      !done)
    return done.error();
  context.driver = &driver;
  context.device = device;
  if (Result<void> done = context.makeCurrent(); !done)
    return done.error();
  return context;
}

Context::~Context() {
  if (!driver)
    return;
  (void)driver->call(driver->ctxSetCurrent, ContextHandle(nullptr));
  (void)driver->call(driver->primaryCtxRelease, device);
}

Result<void> Context::makeCurrent() const {
  return driver->call(driver->ctxSetCurrent, handle);
}

Result<Stream> Stream::create(const Driver &driver) {
  StreamHandle handle = nullptr;
  if (Result<void> done =
          driver.call(driver.streamCreate, &handle, streamNonBlocking);
      !done)
    return done.error();
  return Stream(driver, handle);
}

Result<Event> Event::create(const Driver &driver, bool timed) {
  EventHandle handle = nullptr;
  if (Result<void> done =
          driver.call(driver.eventCreate, &handle,
                      timed ? eventDefault : eventDisableTiming);
      !done)
    return done.error();
  return Event(driver, handle);
}

Result<DeviceMemory> DeviceMemory::allocate(const Driver &driver, int64_t bytes,
                                            std::string_view purpose) {
  if (bytes == 0)
    return DeviceMemory();
  DevicePointer pointer = 0;
  Status status = driver.memAlloc.address(&pointer, static_cast<size_t>(bytes));
  if (status == Status::success)
    return DeviceMemory(driver, pointer);
  Error error = driver.failure(driver.memAlloc.name, status);
  if (status != Status::outOfMemory)
    return error;
  size_t available = 0, total = 0;
  (void)driver.call(driver.memGetInfo, &available, &total);
  return Error{"GPU memory: expected " + mebibytes(bytes) + " for " +
               std::string(purpose) + ", found " + mebibytes(available) +
               " free of " + mebibytes(total) +
               "; ask for a shorter context (-c), see what else uses the GPU "
               "(nvidia-smi), or run with --device cpu [" +
               error.message + "]"};
}

Result<PinnedMemory> PinnedMemory::allocate(const Driver &driver, int64_t bytes,
                                            std::string_view purpose) {
  if (bytes == 0)
    return PinnedMemory();
  void *memory = nullptr;
  Result<void> done =
      driver.call(driver.memHostAlloc, &memory, static_cast<size_t>(bytes), 0u);
  if (!done)
    return Error{"host memory that the GPU can reach: cannot get " +
                 mebibytes(bytes) + " for " + std::string(purpose) + ": " +
                 done.error().message};
  return PinnedMemory(driver, memory, bytes);
}

} // namespace quipu::cuda
