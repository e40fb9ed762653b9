//===- Sequence.cpp - One conversation in the KV cache --------------------===//
//
// Growing, sharing and cutting back a list of pages.
//
//===----------------------------------------------------------------------===//

#include "runtime/kvcache/Sequence.h"

#include <cassert>

namespace quipu {

Sequence &Sequence::operator=(Sequence &&other) noexcept {
  if (this != &other) {
    truncate(0);
    allocator = std::move(other.allocator);
    pageSize = other.pageSize;
    history = std::move(other.history);
    held = std::move(other.held);
  }
  return *this;
}

Result<void> Sequence::reserve(int64_t count, std::vector<PageCopy> &copies) {
  int64_t needed = (length() + count + pageSize - 1) / pageSize;
  // Only the page that position length() falls into is both old and written.
  int64_t written = length() / pageSize;
  bool copiesPage = count > 0 && written < int64_t(held.size()) &&
                    allocator->isShared(held[written]);
  int64_t more = std::max<int64_t>(0, needed - int64_t(held.size()));
  if (more + copiesPage > allocator->freePages())
    return Error{"the KV cache is full: expected " +
                 std::to_string(more + copiesPage) + " free pages, found " +
                 std::to_string(allocator->freePages()) + " of " +
                 std::to_string(allocator->pages())};
  if (copiesPage) {
    int32_t own = *allocator->allocate();
    copies.push_back({held[written], own});
    allocator->release(held[written]);
    held[written] = own;
  }
  for (int64_t i = 0; i < more; ++i)
    held.push_back(*allocator->allocate());
  return {};
}

void Sequence::append(std::span<const int32_t> tokens) {
  history.insert(history.end(), tokens.begin(), tokens.end());
  assert(length() <= int64_t(held.size()) * pageSize && "not reserved");
}

void Sequence::truncate(int64_t newLength) {
  assert(newLength <= length());
  if (!allocator)
    return; // moved from
  history.resize(newLength);
  int64_t kept = (newLength + pageSize - 1) / pageSize;
  for (; int64_t(held.size()) > kept; held.pop_back())
    allocator->release(held.back());
}

Sequence Sequence::fork() const {
  Sequence copy(allocator, pageSize);
  copy.history = history;
  // Pages past the end may be reserved; they hold nothing to share.
  int64_t used = (length() + pageSize - 1) / pageSize;
  copy.held.assign(held.begin(), held.begin() + used);
  for (int32_t page : copy.held)
    allocator->retain(page);
  return copy;
}

} // namespace quipu
