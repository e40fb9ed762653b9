//===- Driver.h - The CUDA driver, opened at run time -----------*- C++ -*-===//
//
// libcuda is found with dlopen, so that one binary runs with and without a GPU.
// A call that fails becomes an Error with the call, the driver's own name and
// words for the failure, and what to do about it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_DRIVER_H
#define QUIPU_RUNTIME_DEVICES_CUDA_DRIVER_H

#include "base/Result.h"
#include "runtime/devices/cuda/DriverApi.h"

#include <memory>
#include <string>
#include <string_view>

namespace quipu::cuda {

class Driver : public DriverFunctions {
public:
  /// Opens the library named by QUIPU_CUDA_DRIVER, or libcuda.so.1, and
  /// initializes it. Errors: no driver, one too old to have a function that is
  /// needed, no GPU.
  static Result<std::shared_ptr<const Driver>> open();

  /// As above with the library at `path`.
  static Result<std::shared_ptr<const Driver>> open(const std::string &path);

  /// Whether there is such a library, which open() may yet refuse.
  static bool isInstalled();

  /// Newest CUDA version the driver supports, 1000 * major + 10 * minor.
  int version() const { return cudaVersion; }

  /// Calls `function`; an Error where it fails.
  template <typename... Parameters, typename... Arguments>
  Result<void> call(const Function<Parameters...> &function,
                    Arguments... arguments) const {
    Status status = function.address(arguments...);
    if (status == Status::success)
      return {};
    return failure(function.name, status);
  }

  /// What to say of a call that failed.
  Error failure(std::string_view call, Status status) const;

private:
  Driver() = default;
  Result<void> resolve(void *library, const std::string &path);

  std::shared_ptr<void> library; // closed with the last copy
  int cudaVersion = 0;
};

/// "12.4" for 12040.
std::string versionText(int version);

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_DRIVER_H
