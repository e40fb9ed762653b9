//===- MemoryFile.h - Bytes as a file without a disk ------------*- C++ -*-===//
//
// For fuzzers of readers that open a path: a memfd, written anew for each input
// and opened through /proc.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_FUZZ_MEMORYFILE_H
#define QUIPU_TEST_FUZZ_MEMORYFILE_H

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace quipu::test {

class MemoryFile {
public:
  MemoryFile() : descriptor(::memfd_create("fuzz", MFD_CLOEXEC)) {}
  ~MemoryFile() { ::close(descriptor); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  /// Makes `data` the whole contents and returns the file's path.
  std::string write(const uint8_t *data, size_t size) const {
    if (::ftruncate(descriptor, 0) != 0 ||
        ::pwrite(descriptor, data, size, 0) != ssize_t(size))
      std::abort();
    return "/proc/self/fd/" + std::to_string(descriptor);
  }

private:
  int descriptor;
};

} // namespace quipu::test

#endif // QUIPU_TEST_FUZZ_MEMORYFILE_H
