//===- Release.cpp - What warps tell each other ---------------------------===//
//
// Release and acquire, of accesses that are so or that a fence makes so: they
// carry clocks from one warp to another through a word of memory.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/InstructionTraits.h"
#include "runtime/devices/emulator/Order.h"

#include <algorithm>
#include <utility>

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

void releaseTo(Warp &warp, const Op &op, SyncTable &table, uint64_t address,
               bool isRelease) {
  if (!isRelease && !warp.hasFenced)
    return;
  KnownClocks all;
  if (isRelease)
    all = everythingKnown(warp);
  if (reachesGrid(op.instruction->scope))
    table.release(address, isRelease ? all : warp.released.grid);
  if (warp.block->launch->program->hasBlockScope)
    table.releaseToBlock(address, warp.block->index,
                         isRelease ? all : warp.released.block);
}

void acquireFrom(Warp &warp, const Op &op, SyncTable &table, uint64_t address,
                 bool isAcquire) {
  ScopedClocks clocks = table.acquire(address, warp.block->index);
  if (!reachesGrid(op.instruction->scope))
    clocks.grid.clear();
  if (clocks.empty())
    return;
  if (!isAcquire)
    return warp.observed.join(clocks);
  learn(warp, clocks.grid);
  learn(warp, clocks.block);
}

void fence(Warp &warp, ptx::Scope scope) {
  learn(warp, warp.observed.block);
  warp.observed.block.clear();
  if (reachesGrid(scope)) {
    learn(warp, warp.observed.grid);
    warp.observed.grid.clear();
  }
  KnownClocks all = everythingKnown(warp);
  if (warp.block->launch->program->hasBlockScope)
    warp.released.block = all;
  if (reachesGrid(scope))
    warp.released.grid = std::move(all);
  warp.hasFenced = true;
  warp.fenceClock = warp.clock;
}

} // namespace quipu::emulator
