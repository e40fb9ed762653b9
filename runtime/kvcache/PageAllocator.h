//===- PageAllocator.h - Who holds which KV page ----------------*- C++ -*-===//
//
// Counts references to the pages of the KV cache. Sequences with a common
// prefix share its pages; a page is free when none holds it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_KVCACHE_PAGEALLOCATOR_H
#define QUIPU_RUNTIME_KVCACHE_PAGEALLOCATOR_H

#include <cassert>
#include <cstdint>
#include <optional>
#include <vector>

namespace quipu {

class PageAllocator {
public:
  explicit PageAllocator(int64_t pages);

  /// A page that nobody holds, now held once; nothing when all are held. Low
  /// numbers first, so that a cache that is not filled stays dense in memory.
  std::optional<int32_t> allocate();

  void retain(int32_t page);
  void release(int32_t page);

  bool isShared(int32_t page) const { return holders[page] > 1; }
  int64_t freePages() const { return static_cast<int64_t>(free.size()); }
  int64_t pages() const { return static_cast<int64_t>(holders.size()); }

private:
  std::vector<int32_t> holders; // by page
  std::vector<int32_t> free;    // a min-heap of pages
};

} // namespace quipu

#endif // QUIPU_RUNTIME_KVCACHE_PAGEALLOCATOR_H
