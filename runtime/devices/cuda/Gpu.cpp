//===- Gpu.cpp - A GPU that the driver knows ------------------------------===//
//
// Asking what there is needs no context and takes no memory on the GPU.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/Gpu.h"

#include <algorithm>

namespace quipu::cuda {

std::string Gpu::description() const {
  return "cuda:" + std::to_string(index) + " (" + name +
         ", compute capability " + std::to_string(computeCapability / 10) +
         "." + std::to_string(computeCapability % 10) + ")";
}

Result<Gpu> findGpu(const Driver &driver, int index) {
  int count = 0;
  if (Result<void> done = driver.call(driver.deviceGetCount, &count); !done)
    return done.error();
  if (count == 0)
    return driver.failure("cuDeviceGetCount", Status::noDevice);
  if (index >= count)
    return Error{
        "device: expected cuda:0 to cuda:" + std::to_string(count - 1) +
        ", found cuda:" + std::to_string(index)};
  Gpu gpu;
  gpu.index = index;
  Result<void> done = driver.call(driver.deviceGet, &gpu.handle, index);
  char name[256] = "";
  if (done)
    done = driver.call(driver.deviceGetName, name, int(sizeof name - 1),
                       gpu.handle);
  gpu.name = name;
  size_t memory = 0;
  if (done)
    done = driver.call(driver.deviceTotalMem, &memory, gpu.handle);
  gpu.memoryBytes = static_cast<int64_t>(memory);
  auto attribute = [&](DeviceAttribute which) {
    int value = 0;
    if (done)
      done = driver.call(driver.deviceGetAttribute, &value, which, gpu.handle);
    return value;
  };
  gpu.computeCapability =
      10 * attribute(DeviceAttribute::computeCapabilityMajor) +
      attribute(DeviceAttribute::computeCapabilityMinor);
  gpu.multiprocessors = attribute(DeviceAttribute::multiprocessors);
  gpu.sharedBytesPerBlock = attribute(DeviceAttribute::maxSharedMemoryPerBlock);
  if (!done)
    return done.error();
  return gpu;
}

Result<std::shared_ptr<const OpenGpu>> OpenGpu::open(int index) {
  auto driver = Driver::open();
  if (!driver)
    return driver.error();
  auto gpu = findGpu(**driver, index);
  if (!gpu)
    return gpu.error();
  auto context = Context::retain(**driver, gpu->handle);
  if (!context)
    return context.error();
  return std::make_shared<const OpenGpu>(
      OpenGpu{std::move(*driver), std::move(*gpu), std::move(*context)});
}

Result<int64_t> OpenGpu::availableMemory() const {
  size_t available = 0, total = 0;
  if (Result<void> done = context.makeCurrent(); !done)
    return done.error();
  if (Result<void> done = driver->call(driver->memGetInfo, &available, &total);
      !done)
    return done.error();
  int64_t reserve = int64_t(256) << 20;
  return std::max<int64_t>(0, static_cast<int64_t>(available) - reserve);
}

} // namespace quipu::cuda
