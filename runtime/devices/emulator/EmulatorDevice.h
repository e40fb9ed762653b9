//===- EmulatorDevice.h - Runs plans in the PTX emulator --------*- C++ -*-===//
//
// A GPU for machines without one: the PTX of a package, every access checked
// and counted. The first thing that a kernel does wrong fails the step.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_EMULATORDEVICE_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_EMULATORDEVICE_H

#include "runtime/devices/Device.h"
#include "runtime/devices/emulator/Emulator.h"

namespace quipu {

struct EmulatorDeviceOptions {
  int threads = 0;      // on the host; 0: availableThreads()
  uint64_t seed = 0;    // emulator::Options::seed
  int64_t blocks = 128; // most in a launch: kernels walk tiles
};

class EmulatorDevice final : public Device {
public:
  /// What one launch did, summed over steps since the last profile().
  struct LaunchCounters {
    int64_t bucket;
    int64_t launch;
    int64_t calls;
    emulator::Counters counters;
  };

  /// The target to emulate: `wanted` ("sm_80"), or without a wish the first
  /// one with PTX.
  static Result<int64_t> chooseTarget(const Package &package,
                                      std::string_view wanted);

  /// `parameters` and the package outlive the device.
  static Result<std::unique_ptr<EmulatorDevice>>
  create(const Package &package, int64_t target,
         const ParameterBytes &parameters, const DeviceLimits &limits,
         const EmulatorDeviceOptions &options);

  plan::DeviceKind kind() const override { return plan::DeviceKind::gpu; }
  std::string description() const override;
  Result<void> run(int64_t bucket, const KernelDims &dims,
                   const StepInputs &inputs) override;
  Result<std::span<const std::byte>> output(int64_t bucket, int64_t output,
                                            int64_t rows) override;
  Result<void> copyPages(std::span<const PageCopy> copies) override;
  void profile(bool enabled) override;
  std::vector<LaunchTime> launchTimes() const override;

  /// Counted with every step, whether or not profile() is on.
  std::vector<LaunchCounters> launchCounters() const;

private:
  struct BoundLaunch {
    emulator::LaunchShape shape;
    std::vector<uint64_t> arguments; // addresses; KernelDims last
    std::vector<int64_t> buffers;    // of the bucket, that it is given
    int64_t calls = 0;
    double seconds = 0;
    emulator::Counters counters;
  };

  EmulatorDevice(const Package &package, int64_t target,
                 const DeviceLimits &limits,
                 const EmulatorDeviceOptions &options)
      : plan(package.plan), target(target),
        targetName(package.targets[target].name), limits(limits),
        options(options) {}

  Result<void> allocate(const ParameterBytes &parameters);
  Result<void> bind();
  Result<BoundLaunch> bind(const plan::Bucket &bucket,
                           const plan::Launch &launch) const;
  uint64_t address(const plan::Argument &argument) const;
  void divideArena(const plan::Bucket &bucket, int64_t launch,
                   const BoundLaunch &bound, const KernelDims &dims);
  template <typename T> void put(plan::Input input, std::span<const T> values);
  void copyInputs(const KernelDims &dims, const StepInputs &inputs);

  const plan::Plan &plan;
  int64_t target;
  std::string targetName;
  DeviceLimits limits;
  EmulatorDeviceOptions options;
  std::unique_ptr<emulator::Emulator> gpu;
  int64_t pageBytes = 0;            // keys or values of one page of one layer
  std::vector<uint64_t> parameters; // addresses, as Plan::parameters
  std::vector<uint64_t> kv;         // (layers, 2): keys, values
  uint64_t arena = 0, dims = 0;     // addresses
  uint64_t arenaBytes = 0;
  uint64_t inputs[7] = {}; // by plan::Input
  uint64_t inputBytes[7] = {};
  std::vector<std::vector<BoundLaunch>> buckets;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_EMULATORDEVICE_H
