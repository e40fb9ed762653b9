//===- AvailableMemory.cpp - What this process may still use --------------===//
//
// Reads /proc/meminfo and the memory controller's files as a container sees
// them.
//
//===----------------------------------------------------------------------===//

#include "runtime/memory/AvailableMemory.h"

#include "runtime/memory/Cgroup.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace quipu {
namespace {

/// The number after the word `key` in a file of "key number" lines.
std::optional<int64_t> readKey(const std::string &path,
                               const std::string &key) {
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
  struct Files { // of one version of the interface
    const char *limit, *use, *cacheKey;
  };
  constexpr Files versions[] = {
      {"/memory.max", "/memory.current", "file "},
      {"/memory.limit_in_bytes", "/memory.usage_in_bytes", "cache "},
  };
  for (const std::string &folder : cgroupFolders("memory"))
    for (const Files &files : versions) {
      auto limit = readNumber(folder + files.limit);
      auto use = readNumber(folder + files.use);
      if (!limit || !use)
        continue;
      int64_t cache =
          readKey(folder + "/memory.stat", files.cacheKey).value_or(0);
      available =
          std::min(available, std::max<int64_t>(0, *limit - *use + cache));
    }
  return available;
}

} // namespace quipu
