//===- GuardedBuffer.h - Memory whose end is guarded ------------*- C++ -*-===//
//
// Generated code has no sanitizer, so tests lay buffers against an unreadable
// page: the first byte behind one ends the test program.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_KERNELS_GUARDEDBUFFER_H
#define QUIPU_TEST_KERNELS_GUARDEDBUFFER_H

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace quipu::test {

/// `bytes` of memory, filled with 0xff (a NaN in every float type). Its end is
/// exact; its start is as aligned as its size is.
class GuardedBuffer {
public:
  explicit GuardedBuffer(size_t bytes) : bytes(bytes) {
    constexpr size_t page = 4096;
    size_t usable = (bytes + page - 1) / page * page;
    mapped = usable + page;
    void *memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      abort();
    base = static_cast<char *>(memory);
    if (mprotect(base + usable, page, PROT_NONE) != 0)
      abort();
    begin = base + usable - bytes;
    std::memset(begin, 0xff, bytes);
  }
  ~GuardedBuffer() { munmap(base, mapped); }
  GuardedBuffer(const GuardedBuffer &) = delete;
  GuardedBuffer &operator=(const GuardedBuffer &) = delete;

  void *data() const { return begin; }
  template <typename T> T *as() const { return reinterpret_cast<T *>(begin); }
  size_t size() const { return bytes; }

private:
  char *base;
  char *begin;
  size_t bytes;
  size_t mapped;
};

} // namespace quipu::test

#endif // QUIPU_TEST_KERNELS_GUARDEDBUFFER_H
