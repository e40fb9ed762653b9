//===- ResidentMemory.h - What the kernel counts for us ---------*- C++ -*-===//
//
// /proc/self/smaps_rollup, read so that pages of files and anonymous memory
// stand apart. A sanitizer's shadow memory would be counted too.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_RESIDENTMEMORY_H
#define QUIPU_TEST_RUNTIME_RESIDENTMEMORY_H

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace quipu::test {

struct ResidentMemory {
  int64_t anonymous = 0; // bytes; 0 where they cannot be told
  int64_t file = 0;
};

inline ResidentMemory residentMemory() {
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

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_RESIDENTMEMORY_H
