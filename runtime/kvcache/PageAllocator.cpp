//===- PageAllocator.cpp - Who holds which KV page ------------------------===//
//
// Reference counts and a heap of free pages.
//
//===----------------------------------------------------------------------===//

#include "runtime/kvcache/PageAllocator.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace quipu {

PageAllocator::PageAllocator(int64_t pages) : holders(pages), free(pages) {
  std::iota(free.begin(), free.end(), 0); // ascending: a min-heap
}

std::optional<int32_t> PageAllocator::allocate() {
  if (free.empty())
    return std::nullopt;
  std::pop_heap(free.begin(), free.end(), std::greater<>());
  int32_t page = free.back();
  free.pop_back();
  holders[page] = 1;
  return page;
}

void PageAllocator::retain(int32_t page) {
  assert(holders[page] > 0 && "the page is free");
  ++holders[page];
}

void PageAllocator::release(int32_t page) {
  assert(holders[page] > 0 && "the page is free");
  if (--holders[page] > 0)
    return;
  free.push_back(page);
  std::push_heap(free.begin(), free.end(), std::greater<>());
}

} // namespace quipu
