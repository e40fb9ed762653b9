//===- AnonymousMemory.h - Large zeroed buffers -----------------*- C++ -*-===//
//
// Arenas, KV caches, rope tables and random weights: memory straight from the
// kernel, zero until written, that costs nothing before it is touched.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_MEMORY_ANONYMOUSMEMORY_H
#define QUIPU_RUNTIME_MEMORY_ANONYMOUSMEMORY_H

#include "base/Result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace quipu {

/// Owns a private anonymous mapping: page-aligned, readable and writable.
class AnonymousMemory {
public:
  enum class Pages { small, huge };

  AnonymousMemory() = default;

  /// Zeroed memory of `bytes` for `purpose` (named in the error). `huge` asks
  /// for transparent huge pages, which pay for buffers that are written whole.
  static Result<AnonymousMemory>
  allocate(int64_t bytes, std::string_view purpose, Pages pages = Pages::huge);

  AnonymousMemory(AnonymousMemory &&other) noexcept
      : mapping(std::exchange(other.mapping, {})) {}
  AnonymousMemory &operator=(AnonymousMemory &&other) noexcept {
    std::swap(mapping, other.mapping);
    return *this;
  }
  ~AnonymousMemory();

  std::byte *data() const { return mapping.data(); }
  int64_t size() const { return static_cast<int64_t>(mapping.size()); }
  std::span<std::byte> bytes() const { return mapping; }

private:
  explicit AnonymousMemory(std::span<std::byte> mapping) : mapping(mapping) {}

  std::span<std::byte> mapping; // empty for none
};

} // namespace quipu

#endif // QUIPU_RUNTIME_MEMORY_ANONYMOUSMEMORY_H
