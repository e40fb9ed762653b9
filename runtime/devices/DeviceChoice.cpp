//===- DeviceChoice.cpp - Which device runs a model -----------------------===//
//
// One function for each kind of device, and the order in which they are tried
// when none was named.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/DeviceChoice.h"

#include "runtime/devices/cpu/CpuDevice.h"
#include "runtime/devices/cpu/CpuFeatures.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "runtime/devices/cuda/CudaDevice.h"
#include "runtime/devices/cuda/TargetChoice.h"
#include "runtime/devices/emulator/EmulatorDevice.h"
#include "runtime/memory/AvailableMemory.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace quipu {
namespace {

/// The CPU target that was wished for, by option or environment.
std::string cpuWish(std::string_view option) {
  const char *name = std::getenv("QUIPU_CPU_TARGET");
  return !option.empty() || !name ? std::string(option) : name;
}

Result<ChosenDevice> chooseCpu(const Package &package,
                               const DeviceOptions &options,
                               std::string reason) {
  CpuDeviceOptions cpu = {options.threads, cpuWish(options.cpuTarget)};
  auto target = chooseCpuTarget(package.targets, cpuFeatures(), cpu.target);
  if (!target)
    return target.error();
  ChosenDevice chosen;
  chosen.reason = std::move(reason);
  chosen.target = *target;
  chosen.threads = options.threads > 0 ? options.threads : availableThreads();
  chosen.availableMemory = availableMemory();
  chosen.make =
      [cpu](const Package &package, const ParameterBytes &parameters,
            const DeviceLimits &limits) -> Result<std::unique_ptr<Device>> {
    auto device = CpuDevice::create(package, parameters, limits, cpu);
    if (!device)
      return device.error();
    return std::unique_ptr<Device>(std::move(*device));
  };
  return chosen;
}

Result<ChosenDevice> chooseGpu(const Package &package,
                               const DeviceOptions &options, int index,
                               std::string reason) {
  auto gpu = cuda::OpenGpu::open(index);
  if (!gpu)
    return gpu.error();
  const cuda::Gpu &found = (*gpu)->gpu;
  auto targets = cuda::usableTargets(package.targets, found.computeCapability,
                                     found.description());
  if (!targets)
    return targets.error();
  auto memory = (*gpu)->availableMemory();
  if (!memory)
    return memory.error();
  ChosenDevice chosen;
  chosen.reason = std::move(reason);
  chosen.target = targets->front();
  chosen.availableMemory = *memory;
  chosen.readsWeightsOnce = true;
  const char *wait = std::getenv("QUIPU_CUDA_SYNC");
  CudaDeviceOptions cuda = {options.loadProgress, wait && *wait == '1'};
  chosen.make =
      [cuda, gpu = *gpu](
          const Package &package, const ParameterBytes &parameters,
          const DeviceLimits &limits) -> Result<std::unique_ptr<Device>> {
    auto device = CudaDevice::create(gpu, package, parameters, limits, cuda);
    if (!device)
      return device.error();
    return std::unique_ptr<Device>(std::move(*device));
  };
  return chosen;
}

Result<ChosenDevice> chooseEmulator(const Package &package,
                                    const DeviceOptions &options) {
  const char *wanted = std::getenv("QUIPU_EMULATOR_TARGET");
  auto target = EmulatorDevice::chooseTarget(package, wanted ? wanted : "");
  if (!target)
    return target.error();
  ChosenDevice chosen;
  chosen.reason = "asked for";
  chosen.target = *target;
  chosen.availableMemory = availableMemory();
  chosen.make =
      [target = *target, threads = options.threads](
          const Package &package, const ParameterBytes &parameters,
          const DeviceLimits &limits) -> Result<std::unique_ptr<Device>> {
    auto device =
        EmulatorDevice::create(package, target, parameters, limits, {threads});
    if (!device)
      return device.error();
    return std::unique_ptr<Device>(std::move(*device));
  };
  return chosen;
}

/// The GPU of that index, without a context.
Result<cuda::Gpu> findGpu(int index) {
  auto driver = cuda::Driver::open();
  if (!driver)
    return driver.error();
  return cuda::findGpu(**driver, index);
}

constexpr const char *noDriver = "no NVIDIA driver was found";

/// Why a package without code for a GPU runs on the CPU: one that was compiled
/// for this run lacks it where there is no GPU that it could be for.
std::string whyNoGpuCode() {
  if (!cuda::Driver::isInstalled())
    return noDriver;
  auto gpu = findGpu(0);
  if (!gpu)
    return gpu.error().message;
  if (gpu->computeCapability < cuda::leastComputeCapability)
    return "the GPU is older than compute capability 8.0";
  return "the package has no code for a GPU";
}

/// A GPU where the package has code for one that is there, else the CPU.
Result<ChosenDevice> chooseAny(const Package &package,
                               const DeviceOptions &options) {
  bool hasGpuCode = std::any_of(package.targets.begin(), package.targets.end(),
                                [](const Target &target) {
                                  return target.kind() == plan::DeviceKind::gpu;
                                });
  if (!hasGpuCode)
    return chooseCpu(package, options, whyNoGpuCode());
  auto chosen = cuda::Driver::isInstalled()
                    ? chooseGpu(package, options, 0, "a GPU was found")
                    : Result<ChosenDevice>(Error{noDriver});
  if (!chosen) {
    auto cpu = chooseCpu(package, options, chosen.error().message);
    return cpu ? cpu
               : Error{cpu.error().message +
                       ", and no GPU can be used: " + chosen.error().message};
  }
  chosen->mayFallBack = true;
  return chosen;
}

} // namespace

Result<DeviceName> DeviceName::parse(std::string_view text) {
  using Kind = DeviceName::Kind;
  Error unknown = {"device: expected cpu, cuda, cuda:N, emulator or auto, "
                   "found '" +
                   std::string(text) + "'"};
  if (text == "auto")
    return DeviceName{Kind::automatic};
  if (text == "cpu")
    return DeviceName{Kind::cpu};
  if (text == "emulator")
    return DeviceName{Kind::emulator};
  if (text == "cuda")
    return DeviceName{Kind::cuda};
  if (!text.starts_with("cuda:"))
    return unknown;
  DeviceName name = {Kind::cuda};
  const char *digits = text.data() + 5, *end = text.data() + text.size();
  auto [last, status] = std::from_chars(digits, end, name.index);
  if (status != std::errc() || last != end || name.index < 0)
    return unknown;
  return name;
}

Result<ChosenDevice> chooseDevice(const Package &package,
                                  const DeviceOptions &options) {
  auto name = DeviceName::parse(options.device);
  if (!name)
    return name.error();
  switch (name->kind) {
  case DeviceName::Kind::automatic:
    return chooseAny(package, options);
  case DeviceName::Kind::cpu:
    return chooseCpu(package, options, "asked for");
  case DeviceName::Kind::cuda:
    return chooseGpu(package, options, name->index, "asked for");
  case DeviceName::Kind::emulator:
    return chooseEmulator(package, options);
  }
  return Error{"device: unknown"}; // every kind is above
}

Result<std::vector<std::string>> targetsToRun(std::string_view device,
                                              std::string_view cpuTarget) {
  auto name = DeviceName::parse(device);
  if (!name)
    return name.error();
  using Kind = DeviceName::Kind;
  std::vector<std::string> targets;
  if (name->kind == Kind::automatic || name->kind == Kind::cpu) {
    auto cpu = hostCpuTarget(cpuTarget);
    if (!cpu)
      return cpu.error();
    targets.push_back(std::move(*cpu));
  }
  bool gpu = name->kind == Kind::emulator;
  if (name->kind == Kind::automatic || name->kind == Kind::cuda) {
    auto found = findGpu(name->index);
    if (!found && name->kind == Kind::cuda)
      return found.error(); // before the wait for the compiler
    gpu = name->kind == Kind::cuda ||
          (found && found->computeCapability >= cuda::leastComputeCapability);
  }
  // Every GPU from Ampere on compiles this one's PTX.
  if (gpu)
    targets.push_back("sm_80");
  return targets;
}

} // namespace quipu
