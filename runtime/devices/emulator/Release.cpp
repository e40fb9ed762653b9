//===- Release.cpp - What warps tell each other ---------------------------===//
//
// Release and acquire, of accesses that are so or that a fence makes so: they
// carry clocks from one warp to another through a word of memory.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Order.h"

#include <algorithm>

namespace quipu::emulator {

KnownClocks everythingKnown(Warp &warp) {
  KnownClocks all = warp.known;
  uint32_t block = warp.block->index;
  all.add(block, KnownClocks::everyWarp, warp.floor);
  for (uint32_t other = 0; other < warp.seen.size(); ++other)
    if (warp.seen[other] > warp.floor)
      all.add(block, other, warp.seen[other]);
  all.add(block, warp.index, warp.clock + 1);
  ++warp.clock; // what comes after the release is not part of it
  return all;
}

void learn(Warp &warp, const KnownClocks &clocks) {
  uint32_t own = warp.block->index;
  clocks.forEach([&](uint32_t block, uint32_t other, uint64_t clock) {
    if (block != own)
      warp.known.add(block, other, clock);
    else if (other == KnownClocks::everyWarp)
      for (uint64_t &seen : warp.seen)
        seen = std::max(seen, clock);
    else if (other != warp.index)
      warp.seen[other] = std::max(warp.seen[other], clock);
  });
}

void releaseTo(Warp &warp, SyncTable &table, uint64_t address, bool isRelease) {
  if (isRelease)
    table.release(address, everythingKnown(warp));
  else if (warp.hasFenced)
    table.release(address, warp.released);
}

void acquireFrom(Warp &warp, SyncTable &table, uint64_t address,
                 bool isAcquire) {
  KnownClocks clocks;
  table.acquire(address, clocks);
  if (clocks.empty())
    return;
  if (isAcquire)
    learn(warp, clocks);
  else
    warp.observed.join(clocks);
}

} // namespace quipu::emulator
