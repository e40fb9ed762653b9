//===- AtomicOrder.cpp - Atomics beside plain accesses --------------------===//
//
// Notes an atomic or strong store in cells of its own, and looks at the plain
// accesses of the same bytes.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Epochs.h"

#include <atomic>

namespace quipu::emulator {

/// The cell of an atomic that `lane` makes now.
static Cell atomicCellOf(const Warp &warp, const Op &op, bool isShared,
                         uint32_t lane) {
  Cell cell = cellOf(warp, isShared, lane);
  if (op.instruction->opcode == ptx::Opcode::st)
    cell |= strongStoreBit;
  // One right behind a fence is part of what the fence releases.
  bool isReleased = warp.hasFenced && warp.clock == warp.fenceClock &&
                    (isShared || warp.clock < stoppedClock);
  return isReleased ? cell - (Cell(1) << clockShift) : cell;
}

/// Bytes [offset, offset + bytes) become defined; who wrote them plainly stays.
static void defineBytes(const Warp &warp, const Place &place, uint64_t offset,
                        uint64_t bytes) {
  // Before everything of this launch (of shared memory: of this block).
  uint64_t launch =
      place.isShared ? warp.block->generation : warp.block->launch->number - 1;
  Cell nobody = launch << launchShift | Cell(whoCrowd) << whoShift;
  for (uint64_t byte = offset; byte < offset + bytes; ++byte) {
    Cell &cell = place.shadow.writes[byte / 2];
    Cell own = Cell(1) << (byte & 1), old = load(cell), now;
    do {
      bool isUndefined = old < place.shadow.definedFrom;
      if (!isUndefined && !(old & own))
        break;
      now = (isUndefined ? nobody | undefinedBits : old) & ~own;
    } while (!__atomic_compare_exchange_n(&cell, &old, now, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  }
}

std::unique_lock<std::mutex> lockWord(Warp &warp, const Place &place,
                                      uint64_t offset) {
  if (place.isShared) // one host thread sees it
    return {};
  return std::unique_lock(
      warp.block->launch->wordLocks.of(place.address + offset));
}

void noteAtomic(Warp &warp, const Op &op, const Place &place, uint64_t offset,
                uint64_t bytes, uint32_t lane) {
  if (!place.shadow.writes)
    return;
  defineBytes(warp, place, offset, bytes);
  if (bytes == 1)
    return; // the cell's other byte may be another thread's
  const Program &program = *warp.block->launch->program;
  // With barriers alone all atomics since the last are remembered. Else the
  // last one is: it may have seen those before it, as a counter's last user has
  // who sets it back.
  bool isMerged = !program.hasPartialBarriers && !program.hasBlockSync;
  Cell mine = atomicCellOf(warp, op, place.isShared, lane);
  Cell fresh = newCells(warp, place.isShared);
  uint64_t first = offset / 2, end = (offset + bytes) / 2;
  place.shadow.span->add(offset, offset + bytes);
  for (uint64_t i = first; i < end; ++i) {
    Cell &cell = place.shadow.atomics[i];
    Cell old = load(cell), now;
    do
      now = isMerged ? mergedRead(warp, old, mine, place.isShared, lane) : mine;
    while (!__atomic_compare_exchange_n(&cell, &old, now, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  }
  if (!place.isShared)
    std::atomic_thread_fence(std::memory_order_seq_cst);
  AccessKind kind = kindOf(mine);
  for (uint64_t i = first; i < end; ++i)
    for (AccessKind other : {AccessKind::write, AccessKind::read}) {
      Cell cell = load(other == AccessKind::write ? place.shadow.writes[i]
                                                  : place.shadow.reads[i]);
      if (cell < fresh ||
          (other == AccessKind::write
               ? isWriteOrdered(warp, cell, place.isShared, lane, false)
               : isOrdered(warp, cell, place.isShared, lane)))
        continue;
      return reportRace(warp, op, place, 2 * i, kind, lane, cell, other);
    }
}

} // namespace quipu::emulator
