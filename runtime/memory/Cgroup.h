//===- Cgroup.h - Where a container's limits are ----------------*- C++ -*-===//
//
// Finds the control group folders whose limits bind this process: its own and
// all above it, of either version of the interface.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_MEMORY_CGROUP_H
#define QUIPU_RUNTIME_MEMORY_CGROUP_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// The folders of `controller` ("memory", "cpu") for a process whose
/// /proc/self/cgroup reads `membership`, innermost first. Within a container's
/// namespace some do not exist.
std::vector<std::string> cgroupFolders(std::string_view membership,
                                       std::string_view controller);

/// The same for this process.
std::vector<std::string> cgroupFolders(std::string_view controller);

/// The number a file begins with; nothing for "max" or no such file.
std::optional<int64_t> readNumber(const std::string &path);

} // namespace quipu

#endif // QUIPU_RUNTIME_MEMORY_CGROUP_H
