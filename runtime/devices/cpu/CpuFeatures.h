//===- CpuFeatures.h - What this processor can run --------------*- C++ -*-===//
//
// Chooses the code image of a package for the processor at hand.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CPU_CPUFEATURES_H
#define QUIPU_RUNTIME_DEVICES_CPU_CPUFEATURES_H

#include "base/Result.h"
#include "runtime/package/Package.h"

#include <set>
#include <string>
#include <string_view>

namespace quipu {

/// Names (as in /proc/cpuinfo) of the features that processor and operating
/// system support, of those that targets name.
std::set<std::string, std::less<>> cpuFeatures();

/// Index of the CPU target to run, of those whose features are among
/// `available`: the one called `wanted` ("cpu-x86-64-v3" or "x86-64-v3"), or
/// without a wish the most demanding.
Result<int64_t>
chooseCpuTarget(const std::vector<Target> &targets,
                const std::set<std::string, std::less<>> &available,
                std::string_view wanted);

/// Name of the target to compile for when the code is to run here: `wanted`, or
/// without a wish the best that this processor runs.
Result<std::string> hostCpuTarget(std::string_view wanted = {});

} // namespace quipu

#endif // QUIPU_RUNTIME_DEVICES_CPU_CPUFEATURES_H
