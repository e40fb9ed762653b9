//===- DeviceChoice.h - Which device runs a model ---------------*- C++ -*-===//
//
// What `--device` means: names a device, finds out whether it is there and fits
// a package, and says why it was taken. Looking costs a failed dlopen where
// there is no driver.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_DEVICECHOICE_H
#define QUIPU_RUNTIME_DEVICES_DEVICECHOICE_H

#include "base/Result.h"
#include "runtime/devices/Device.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// A device as `--device` names it.
struct DeviceName {
  enum class Kind { automatic, cpu, cuda, emulator };
  Kind kind = Kind::automatic;
  int index = 0; // of the GPU, as the driver counts them

  /// "auto", "cpu", "cuda", "cuda:1" or "emulator".
  static Result<DeviceName> parse(std::string_view text);
};

/// For the help of `--device`.
inline constexpr const char *deviceHelp =
    "where to run: cpu, cuda or cuda:N (a GPU), emulator; by default a GPU "
    "where one is found, else cpu";

struct DeviceOptions {
  std::string device = "auto";
  std::string cpuTarget; // "": the best that the processor runs
  int threads = 0;       // of the CPU; 0: as many as the process may use
  std::function<void(int64_t done, int64_t total)> loadProgress; // bytes
};

/// Makes a device for a package; what is passed to it outlives it.
using DeviceFactory = std::function<Result<std::unique_ptr<Device>>(
    const Package &, const ParameterBytes &, const DeviceLimits &)>;

/// A device that can run a package, before memory is taken on it.
struct ChosenDevice {
  std::string reason;            // why this one: "asked for"
  int64_t target = 0;            // into Package::targets
  int threads = 0;               // that take scratch memory
  int64_t availableMemory = 0;   // bytes, for all that a model takes
  bool readsWeightsOnce = false; // copies them, so paging in is wasted
  bool mayFallBack = false;      // nobody asked for it: a CPU would do, too
  DeviceFactory make;
};

/// The device to run `package` on. Errors: a name that is none, a device that
/// is not there or too old, a package without code for it.
Result<ChosenDevice> chooseDevice(const Package &package,
                                  const DeviceOptions &options);

/// Names of the targets to compile a model for that is to run here on `device`;
/// the CPU's is `cpuTarget`, or the best that the processor runs, and comes
/// first. Errors: as for chooseDevice.
Result<std::vector<std::string>> targetsToRun(std::string_view device,
                                              std::string_view cpuTarget = {});

} // namespace quipu

#endif // QUIPU_RUNTIME_DEVICES_DEVICECHOICE_H
