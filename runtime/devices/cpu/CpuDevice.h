//===- CpuDevice.h - Runs plans on the processor ----------------*- C++ -*-===//
//
// The default device: a code image of the package, called by a thread pool.
// Parameters are used where they lie; the arena and the KV cache are its own.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CPU_CPUDEVICE_H
#define QUIPU_RUNTIME_DEVICES_CPU_CPUDEVICE_H

#include "runtime/devices/Device.h"
#include "runtime/devices/cpu/CodeImage.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "runtime/memory/AnonymousMemory.h"

#include <memory>
#include <string>
#include <vector>

namespace quipu {

struct CpuDeviceOptions {
  int threads = 0;    // 0: availableThreads()
  std::string target; // "": QUIPU_CPU_TARGET, or the best that runs here
};

class CpuDevice final : public Device {
public:
  /// Chooses and loads the package's image for this processor. `parameters`
  /// and the package outlive the device.
  static Result<std::unique_ptr<CpuDevice>>
  create(const Package &package, const ParameterBytes &parameters,
         const DeviceLimits &limits, const CpuDeviceOptions &options);

  /// As above with a given image, whose scratch sizes are those of `target`.
  static Result<std::unique_ptr<CpuDevice>>
  create(const Package &package, int64_t target, CodeImage image,
         const ParameterBytes &parameters, const DeviceLimits &limits,
         const CpuDeviceOptions &options);

  std::string description() const override;
  Result<void> run(int64_t bucket, const KernelDims &dims,
                   const StepInputs &inputs) override;
  Result<std::span<const std::byte>> output(int64_t bucket, int64_t output,
                                            int64_t rows) override;
  Result<void> copyPages(std::span<const PageCopy> copies) override;
  void profile(bool enabled) override;
  std::vector<LaunchTime> launchTimes() const override;

private:
  /// A launch with its pointers; tiles are those of the current step.
  struct BoundLaunch {
    KernelFunction function;
    std::vector<void *> arguments;
    const plan::Grid *grid;
    int64_t tiles = 0;
    int64_t calls = 0;
    double seconds = 0;
  };

  CpuDevice(const plan::Plan &plan, CodeImage image, int threads)
      : plan(plan), image(std::move(image)), threads(threads) {}

  Result<void> allocate(int64_t target);
  Result<void> bind(const ParameterBytes &parameters);
  void *address(const plan::Argument &argument,
                const ParameterBytes &parameters) const;
  void copyInputs(const StepInputs &inputs);
  void runThread(std::vector<BoundLaunch> &launches, const KernelDims &dims,
                 int thread);

  const plan::Plan &plan;
  CodeImage image;
  ThreadPool threads;
  std::string targetName;
  DeviceLimits limits;
  bool profiling = false;

  int64_t layerBytes = 0;    // keys or values of one layer
  int64_t pageBytes = 0;     // keys or values of one page of one layer
  int64_t scratchStride = 0; // bytes of scratch a thread has
  AnonymousMemory kv;        // (layers, 2, pages, kvHeads, pageSize, headDim)
  AnonymousMemory arena;     // the largest of the buckets
  AnonymousMemory scratch;   // (threads, scratchStride)
  AnonymousMemory inputs;    // the arrays of plan::Input, one after another
  std::byte *inputArrays[7] = {}; // by plan::Input
  std::vector<std::vector<BoundLaunch>> buckets;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_DEVICES_CPU_CPUDEVICE_H
