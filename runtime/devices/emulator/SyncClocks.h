//===- SyncClocks.h - What blocks know of each other ------------*- C++ -*-===//
//
// Happens-before between blocks comes from release and acquire on some word of
// memory. A released word carries the clocks of all that was known before it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_SYNCCLOCKS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_SYNCCLOCKS_H

#include <cstdint>
#include <map>
#include <mutex>

namespace quipu::emulator {

/// By block * 64 + warp (63: every warp): the events of that warp with a lesser
/// clock are known.
class KnownClocks {
public:
  static constexpr uint32_t everyWarp = 63;

  void add(uint32_t block, uint32_t warp, uint64_t clock) {
    uint64_t &known = clocks[uint64_t(block) * 64 + warp];
    known = known < clock ? clock : known;
  }
  void join(const KnownClocks &other) {
    for (const auto &[key, clock] : other.clocks) {
      uint64_t &known = clocks[key];
      known = known < clock ? clock : known;
    }
  }
  bool contains(uint32_t block, uint32_t warp, uint64_t clock) const {
    return below(block, warp, clock) || below(block, everyWarp, clock);
  }
  bool empty() const { return clocks.empty(); }
  void clear() { clocks.clear(); }

  template <typename F> void forEach(F f) const {
    for (const auto &[key, clock] : clocks)
      f(uint32_t(key / 64), uint32_t(key % 64), clock);
  }

private:
  bool below(uint32_t block, uint32_t warp, uint64_t clock) const {
    auto found = clocks.find(uint64_t(block) * 64 + warp);
    return found != clocks.end() && clock < found->second;
  }

  std::map<uint64_t, uint64_t> clocks;
};

/// Clocks by the scope of what releases or acquires them.
struct ScopedClocks {
  KnownClocks grid;  // of scope gpu or sys: for every block
  KnownClocks block; // of any scope: for the releaser's own block

  bool empty() const { return grid.empty() && block.empty(); }
  void join(const ScopedClocks &other) {
    grid.join(other.grid);
    block.join(other.block);
  }
  void clear() {
    grid.clear();
    block.clear();
  }
};

/// The clocks that words of memory carry. Used by several host threads.
class SyncTable {
public:
  void release(uint64_t address, const KnownClocks &clocks) {
    std::lock_guard lock(mutex);
    words[address].grid.join(clocks);
  }
  void releaseToBlock(uint64_t address, uint32_t block,
                      const KnownClocks &clocks) {
    std::lock_guard lock(mutex);
    words[address].blocks[block].join(clocks);
  }
  /// What `block` may acquire from a word.
  ScopedClocks acquire(uint64_t address, uint32_t block) {
    std::lock_guard lock(mutex);
    auto word = words.find(address);
    if (word == words.end())
      return {};
    auto own = word->second.blocks.find(block);
    return {word->second.grid,
            own == word->second.blocks.end() ? KnownClocks() : own->second};
  }
  void clear() { words.clear(); }

private:
  struct Word {
    KnownClocks grid;
    std::map<uint32_t, KnownClocks> blocks; // what each released to itself
  };

  std::mutex mutex;
  std::map<uint64_t, Word> words;
};

/// Locks that make noting an atomic of global memory and doing it one step: the
/// last that is noted is the last that was done, on any host thread.
class WordLocks {
public:
  std::mutex &of(uint64_t address) {
    return locks[address / 16 % (sizeof locks / sizeof *locks)];
  }

private:
  std::mutex locks[64];
};

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_SYNCCLOCKS_H
