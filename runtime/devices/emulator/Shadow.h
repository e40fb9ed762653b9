//===- Shadow.h - Who touched a piece of memory last ------------*- C++ -*-===//
//
// Every two bytes that kernels may write have three cells: their last plain
// write, plain read and atomic. A cell is an epoch in the manner of FastTrack
// (Flanagan and Freund, 2009), packed so that greater means later launch, and
// within shared memory later clock: most accesses are cleared by one
// comparison.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_SHADOW_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_SHADOW_H

#include <atomic>
#include <cstdint>

namespace quipu::emulator {

/// From the top: 18 bits of launch (of shared memory: of the block that uses
/// it), 20 of block and 13 of clock (of shared memory: 33 of clock), 11 of who,
/// 2 that say which of the two bytes are undefined. 0: never touched.
using Cell = uint64_t;

inline constexpr unsigned launchShift = 46, blockShift = 26, clockShift = 13,
                          whoShift = 2;
inline constexpr uint64_t maxLaunch = (uint64_t(1) << 18) - 1;
inline constexpr uint32_t anyBlock = (1u << 20) - 1; // reads of several blocks
/// From here on a clock of global memory stands still, and accesses within a
/// block count as ordered.
inline constexpr uint32_t stoppedClock = (1u << 13) - 1;
inline constexpr uint64_t undefinedBits = 3;
/// In their place in the cell of an atomic: that it was a strong store.
inline constexpr uint64_t strongStoreBit = 1;

/// Below 1024 a thread; then several lanes of a warp; then several warps. Of a
/// write, which is one thread's, 1024 is added where it is of one byte only.
inline constexpr uint32_t whoWarp = 1024, whoCrowd = 2047;
inline constexpr uint64_t oneByteBit = uint64_t(whoWarp) << whoShift;

inline uint64_t launchOf(Cell cell) { return cell >> launchShift; }
inline uint32_t whoOf(Cell cell) { return cell >> whoShift & 0x7ff; }
inline uint32_t blockOf(Cell cell) { return cell >> blockShift & 0xfffff; }
inline uint32_t clockOf(Cell cell) { return cell >> clockShift & stoppedClock; }
inline uint64_t sharedClockOf(Cell cell) {
  return cell >> clockShift & ((uint64_t(1) << 33) - 1);
}
/// The warp of a block that `who` is or belongs to; not of whoCrowd.
inline uint32_t warpOfWho(uint32_t who) {
  return who < whoWarp ? who / 32 : who - whoWarp;
}

/// Between which bytes of a piece the atomics of this launch lie, so that plain
/// accesses elsewhere need not look at their cells. Used by several threads.
class AtomicSpan {
public:
  /// Before the cells of [from, to) are marked.
  void add(uint64_t from, uint64_t to) {
    uint64_t old = low.load(std::memory_order_relaxed);
    while (from < old && !low.compare_exchange_weak(old, from))
      ;
    old = high.load(std::memory_order_relaxed);
    while (to > old && !high.compare_exchange_weak(old, to))
      ;
  }
  bool meets(uint64_t from, uint64_t to) const {
    return from < high.load(std::memory_order_relaxed) &&
           to > low.load(std::memory_order_relaxed);
  }
  void clear() {
    low = ~uint64_t(0);
    high = 0;
  }

private:
  std::atomic<uint64_t> low{~uint64_t(0)}, high{0};
};

/// The cells of one piece of memory.
struct Shadow {
  Cell *writes = nullptr; // null: not shadowed
  Cell *reads = nullptr;
  Cell *atomics = nullptr;
  AtomicSpan *span = nullptr; // of what atomics touched
  Cell definedFrom = 1;       // a lesser write cell means undefined
};

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_SHADOW_H
