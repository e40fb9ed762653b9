//===- FakeCudaKernels.cpp - Modules and launches of the fake driver ------===//
//
// Takes PTX for what its first lines and entries say, and hands launches to
// whoever runs them.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/PtxText.h"
#include "test/runtime/fakecuda/FakeCuda.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using quipu::test::FakeCuda;
using quipu::test::FakeLaunch;
using namespace quipu::cuda;

#define ENTER(...)                                                             \
  FakeCuda &fake = FakeCuda::get();                                            \
  if (Status status = fake.enter(__VA_ARGS__); status != Status::success)      \
  return status

static FakeCuda::Kernel *findKernel(FakeCuda &fake, FunctionHandle function) {
  for (auto &[handle, kernel] : fake.kernels)
    if (handle == function && fake.objects.count(kernel->module))
      return kernel.get();
  fake.violation("unknown function, or one of an unloaded module",
                 Status::invalidHandle);
  return nullptr;
}

/// As a driver judges a module; `log` gets its compiler's words.
static Status judge(const FakeCuda &fake, const std::string &ptx,
                    std::string &log) {
  PtxFacts facts = scanPtx(ptx);
  if (facts.version.empty())
    return Status::invalidImage;
  if (std::atof(facts.version.c_str()) > fake.newestPtx)
    return Status::unsupportedPtxVersion;
  size_t target = ptx.find(".target sm_");
  if (target == std::string::npos)
    return Status::invalidPtx;
  const char *name = ptx.c_str() + target + std::strlen(".target sm_");
  char *end = nullptr;
  long capability = std::strtol(name, &end, 10);
  bool isSpecific = *end == 'a';
  if (capability > fake.computeCapability ||
      (isSpecific && capability != fake.computeCapability))
    return Status::noBinaryForGpu;
  if (!fake.refusedPtx.empty() && ptx.find(fake.refusedPtx) != ptx.npos) {
    log =
        "ptxas application ptx input, line 3; fatal\n  : Parsing error near '" +
        fake.refusedPtx + "'\n";
    return Status::invalidPtx;
  }
  return Status::success;
}

extern "C" {

Status cuModuleLoadDataEx(ModuleHandle *handle, const void *image,
                          unsigned count, JitOption *options, void **values) {
  ENTER("cuModuleLoadDataEx", true, true);
  auto module = std::make_shared<FakeCuda::Module>();
  module->ptx = static_cast<const char *>(image);
  module->entries = scanPtx(module->ptx).entries;
  std::string log;
  Status status = judge(fake, module->ptx, log);
  char *buffer = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0; i < count; ++i)
    if (options[i] == JitOption::errorLogBuffer)
      buffer = static_cast<char *>(values[i]);
    else
      bytes = reinterpret_cast<size_t>(values[i]);
  if (buffer && bytes > 0)
    std::strncpy(buffer, log.c_str(), bytes);
  if (status != Status::success)
    return status;
  *handle = reinterpret_cast<ModuleHandle>(module.get());
  fake.objects[module.get()] = module;
  ++fake.unreturned;
  return Status::success;
}

Status cuModuleUnload(ModuleHandle module) {
  ENTER("cuModuleUnload", true, true);
  if (!fake.isIdle())
    fake.violation("module unloaded while work is queued", Status::success);
  if (fake.objects.erase(module) == 0)
    return fake.violation("unknown module", Status::invalidHandle);
  --fake.unreturned;
  return Status::success;
}

Status cuModuleGetFunction(FunctionHandle *function, ModuleHandle handle,
                           const char *name) {
  ENTER("cuModuleGetFunction", true);
  auto *module = reinterpret_cast<FakeCuda::Module *>(handle);
  if (!fake.objects.count(module))
    return fake.violation("unknown module", Status::invalidHandle);
  auto entry = module->entries.find(name);
  if (entry == module->entries.end())
    return Status::notFound;
  auto kernel = std::make_unique<FakeCuda::Kernel>(
      FakeCuda::Kernel{module, name, entry->second});
  *function = reinterpret_cast<FunctionHandle>(kernel.get());
  fake.kernels.emplace_back(kernel.get(), std::move(kernel));
  return Status::success;
}

Status cuFuncGetAttribute(int *value, FunctionAttribute attribute,
                          FunctionHandle function) {
  ENTER("cuFuncGetAttribute", true);
  auto *kernel = findKernel(fake, function);
  if (!kernel)
    return Status::invalidHandle;
  *value = attribute == FunctionAttribute::maxThreadsPerBlock ? 1024
           : attribute == FunctionAttribute::maxDynamicSharedBytes
               ? kernel->dynamicLimit
               : 0;
  return Status::success;
}

Status cuFuncSetAttribute(FunctionHandle function, FunctionAttribute attribute,
                          int value) {
  ENTER("cuFuncSetAttribute", true);
  auto *kernel = findKernel(fake, function);
  if (!kernel)
    return Status::invalidHandle;
  if (attribute != FunctionAttribute::maxDynamicSharedBytes || value < 0 ||
      value > fake.sharedBytesPerBlock)
    return fake.violation("bad attribute of a function", Status::invalidValue);
  kernel->dynamicLimit = std::max(48 * 1024, value);
  return Status::success;
}

Status cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                   FunctionHandle function,
                                                   int threads, size_t shared) {
  ENTER("cuOccupancyMaxActiveBlocksPerMultiprocessor", true);
  if (!findKernel(fake, function))
    return Status::invalidHandle;
  size_t fits = shared == 0 ? 32 : fake.sharedBytesPerBlock / shared;
  *blocks = static_cast<int>(std::min<size_t>(fits, 2048 / threads));
  return Status::success;
}

Status cuLaunchKernel(FunctionHandle function, unsigned gridX, unsigned gridY,
                      unsigned gridZ, unsigned blockX, unsigned blockY,
                      unsigned blockZ, unsigned shared, StreamHandle handle,
                      void **parameters, void **extra) {
  ENTER("cuLaunchKernel", true);
  auto *kernel = findKernel(fake, function);
  if (!kernel || !fake.streams.count(handle))
    return Status::invalidHandle;
  if (gridX == 0 || gridY != 1 || gridZ != 1 || blockX == 0 || blockX > 1024 ||
      blockY != 1 || blockZ != 1 || int64_t(shared) > kernel->dynamicLimit ||
      extra)
    return fake.violation("launch of '" + kernel->name + "' out of limits",
                          Status::invalidValue);
  FakeLaunch launch = {
      kernel->name, kernel->module->ptx, gridX, blockX, shared, {}};
  for (int64_t i = 0; i < kernel->parameters; ++i)
    launch.parameters.push_back(*static_cast<uint64_t *>(parameters[i]));
  fake.add(*reinterpret_cast<FakeCuda::Stream *>(handle), [launch] {
    FakeCuda &fake = FakeCuda::get();
    ++fake.launches;
    return fake.run ? fake.run(launch) : Status::success;
  });
  return Status::success;
}

} // extern "C"
