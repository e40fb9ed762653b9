//===- Device.h - Where steps of a plan run ---------------------*- C++ -*-===//
//
// The seam between the generation loop and hardware. A device owns its copy or
// view of the parameters, the KV cache and one arena, and runs one bucket of
// the plan at a time.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_DEVICE_H
#define QUIPU_RUNTIME_DEVICES_DEVICE_H

#include "base/Result.h"
#include "runtime/package/KernelAbi.h"
#include "runtime/package/Package.h"
#include "runtime/sampler/Sampler.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace quipu {

/// Sizes that a device is set up for once.
struct DeviceLimits {
  int64_t context = 0;          // positions a sequence may reach
  int64_t sequences = 0;        // rows of the page table
  int64_t pagesPerSequence = 0; // row length of the page table
  int64_t pages = 0;            // pages of the KV cache, for all sequences
};

/// The arrays of plan::Input for one step, on the host. `T`, `R`, `W` are the
/// step's KernelDims.
struct StepInputs {
  std::span<const int32_t> tokens;    // (T)
  std::span<const int32_t> positions; // (T), below DeviceLimits::context
  std::span<const int32_t> slots;     // (T)
  std::span<const int32_t> sequences; // (T)
  std::span<const int32_t> pages;     // (sequences in use, pagesPerSequence)
  std::span<const int32_t> rows;      // (R)
  std::span<const WorkItem> work;     // (W)
};

/// The page `to` becomes a copy of page `from`, in every layer.
struct PageCopy {
  int32_t from;
  int32_t to;
};

/// Time spent in one launch of a bucket, over all steps since the last reset.
struct LaunchTime {
  int64_t bucket;
  int64_t launch;
  int64_t calls;
  double seconds;
};

/// Host memory of each parameter of a plan, by its index. What it points at
/// outlives the device.
using ParameterBytes = std::vector<std::span<const std::byte>>;

class Device {
public:
  virtual ~Device() = default;

  /// Whose buckets of a plan it runs.
  virtual plan::DeviceKind kind() const { return plan::DeviceKind::cpu; }

  /// For messages: "cpu-x86-64-v4, 2 threads".
  virtual std::string description() const = 0;

  /// Runs all launches of a bucket. The caller keeps inputs within the bucket's
  /// bounds and the limits.
  virtual Result<void> run(int64_t bucket, const KernelDims &dims,
                           const StepInputs &inputs) = 0;

  /// The first `rows` rows of an output of the last run, which was of `bucket`;
  /// readable by the host until the next run.
  virtual Result<std::span<const std::byte>>
  output(int64_t bucket, int64_t output, int64_t rows) = 0;

  /// Whether decodeAhead() can run in `bucket`, choosing tokens as `sampling`
  /// says; null: the most likely ones.
  virtual bool decodesAhead(int64_t bucket, const Sampling *sampling) const {
    return false;
  }

  /// Runs up to `steps` steps of `bucket`, each on the tokens that the one
  /// before chose, without waiting for the host in between. What is given is
  /// the first step: one token of each sequence (of the only one, where
  /// `sampling` is given), the row of each, and pages for all steps. `onTokens`
  /// sees what each step chose, (T), in order; with false no further step is
  /// shown, though some may have run.
  virtual Result<void> decodeAhead(
      int64_t bucket, const KernelDims &dims, const StepInputs &inputs,
      int64_t steps, const Sampling *sampling,
      const std::function<bool(std::span<const int32_t> tokens)> &onTokens) {
    return Error{"this device does not decode by itself"};
  }

  virtual Result<void> copyPages(std::span<const PageCopy> copies) = 0;

  /// Bytes a second, read and written, of a copy inside the device's memory; 0
  /// of a device that works in the host's.
  virtual Result<double> copyBytesPerSecond() { return 0.0; }

  /// Turns timing of launches on or off and forgets what was measured.
  virtual void profile(bool enabled) = 0;
  virtual std::vector<LaunchTime> launchTimes() const = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_DEVICES_DEVICE_H
