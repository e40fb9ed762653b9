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
#include "runtime/memory/AvailableMemory.h"

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
    return chooseCpu(package, options, "no other device is supported yet");
  case DeviceName::Kind::cpu:
    return chooseCpu(package, options, "asked for");
  case DeviceName::Kind::cuda:
  case DeviceName::Kind::emulator:
    break;
  }
  return Error{"device: " + options.device + " is not supported yet"};
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
  // Every GPU from Ampere on compiles this one's PTX.
  if (name->kind == Kind::cuda || name->kind == Kind::emulator)
    targets.push_back("sm_80");
  return targets;
}

} // namespace quipu
