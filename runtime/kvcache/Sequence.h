//===- Sequence.h - One conversation in the KV cache ------------*- C++ -*-===//
//
// The tokens that were evaluated and the pages that hold their keys and
// values. Sequences fork by sharing pages and write only to pages of their own.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_KVCACHE_SEQUENCE_H
#define QUIPU_RUNTIME_KVCACHE_SEQUENCE_H

#include "base/Result.h"
#include "runtime/devices/Device.h"
#include "runtime/kvcache/PageAllocator.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace quipu {

/// Holds references to its pages; moves, and copies only through fork().
class Sequence {
public:
  Sequence(std::shared_ptr<PageAllocator> allocator, int64_t pageSize)
      : allocator(std::move(allocator)), pageSize(pageSize) {}
  Sequence(Sequence &&other) noexcept = default;
  Sequence &operator=(Sequence &&other) noexcept;
  ~Sequence() { truncate(0); }

  /// Tokens whose keys and values are in the cache.
  std::span<const int32_t> tokens() const { return history; }
  int64_t length() const { return static_cast<int64_t>(history.size()); }

  /// Page of positions [i * pageSize, (i + 1) * pageSize), by i.
  std::span<const int32_t> pages() const { return held; }

  /// The KV slot of a position below length() plus what was reserved.
  int32_t slot(int64_t position) const {
    return static_cast<int32_t>(held[position / pageSize] * pageSize +
                                position % pageSize);
  }

  /// Makes the slots of the next `count` tokens exist and be this sequence's
  /// own. `copies` receives what the device must copy before the step. On an
  /// error (the cache is full) nothing has changed.
  Result<void> reserve(int64_t count, std::vector<PageCopy> &copies);

  /// Records tokens that a step evaluated into reserved slots.
  void append(std::span<const int32_t> tokens);

  /// Forgets tokens from position `length` on and releases their pages.
  void truncate(int64_t length);

  /// A sequence with the same tokens that shares all pages.
  Sequence fork() const;

private:
  std::shared_ptr<PageAllocator> allocator; // null after a move
  int64_t pageSize;
  std::vector<int32_t> history;
  std::vector<int32_t> held;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_KVCACHE_SEQUENCE_H
