//===- ResidentMemory.cpp - What the kernel counts for us -----------------===//
//
// A field is "Name: 123 kB"; what is not anonymous is pages of files.
//
//===----------------------------------------------------------------------===//

#include "runtime/memory/ResidentMemory.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace quipu {

ResidentMemory residentMemory() {
  ResidentMemory result;
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return result;
#endif
#endif
  std::ifstream rollup("/proc/self/smaps_rollup");
  int64_t all = 0;
  for (std::string line; std::getline(rollup, line);) {
    auto value = [&](const char *key, int64_t &target) {
      if (line.starts_with(key))
        target = std::atoll(line.c_str() + std::strlen(key)) * 1024;
    };
    value("Rss:", all);
    value("Anonymous:", result.anonymous);
  }
  result.file = all - result.anonymous;
  return result;
}

} // namespace quipu
