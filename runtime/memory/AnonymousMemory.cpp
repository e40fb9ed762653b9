//===- AnonymousMemory.cpp - Large zeroed buffers -------------------------===//
//
// mmap without swap reservation, so that a KV cache sized for the longest
// context takes memory only as it fills.
//
//===----------------------------------------------------------------------===//

#include "runtime/memory/AnonymousMemory.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <sys/mman.h>

namespace quipu {

Result<AnonymousMemory> AnonymousMemory::allocate(int64_t bytes,
                                                  std::string_view purpose,
                                                  Pages pages) {
  if (bytes == 0)
    return AnonymousMemory();
  auto size = static_cast<size_t>(bytes);
  void *address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    return Error{"cannot allocate " + std::to_string(bytes) + " bytes for " +
                 std::string(purpose) + ": " + std::strerror(errno)};
  // Advice only: a kernel without huge pages refuses and nothing is lost.
  (void)::madvise(address, size,
                  pages == Pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return AnonymousMemory({static_cast<std::byte *>(address), size});
}

AnonymousMemory::~AnonymousMemory() {
  if (!mapping.empty())
    ::munmap(mapping.data(), mapping.size());
}

} // namespace quipu
