//===- AvailableMemory.cpp - What this process may still use --------------===//
//
// Reads /proc/meminfo and the memory controller's files as a container sees
// them.
//
//===----------------------------------------------------------------------===//

#include "runtime/memory/AvailableMemory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace quipu {
namespace {

/// The number at the start of a file; nothing for "max" or no file.
std::optional<int64_t> readNumber(const char *path) {
  std::ifstream file(path);
  int64_t number;
  if (file >> number)
    return number;
  return std::nullopt;
}

/// The number after the word `key` in a file of "key number" lines.
std::optional<int64_t> readKey(const char *path, const std::string &key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.compare(0, key.size(), key) == 0)
      return std::atoll(line.c_str() + key.size());
  return std::nullopt;
}

} // namespace

int64_t availableMemory() {
  int64_t available = INT64_MAX;
  if (auto kilobytes = readKey("/proc/meminfo", "MemAvailable:"))
    available = *kilobytes * 1024;
  struct Controller {
    const char *limit, *use, *statistics, *cacheKey;
  };
  constexpr Controller controllers[] = {
      {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current",
       "/sys/fs/cgroup/memory.stat", "file "},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes",
       "/sys/fs/cgroup/memory/memory.usage_in_bytes",
       "/sys/fs/cgroup/memory/memory.stat", "cache "},
  };
  for (const Controller &controller : controllers) {
    auto limit = readNumber(controller.limit);
    auto use = readNumber(controller.use);
    if (!limit || !use)
      continue;
    int64_t cache =
        readKey(controller.statistics, controller.cacheKey).value_or(0);
    available =
        std::min(available, std::max<int64_t>(0, *limit - *use + cache));
  }
  return available;
}

} // namespace quipu
