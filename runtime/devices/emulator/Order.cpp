//===- Order.cpp - Which accesses are ordered -----------------------------===//
//
// A write exchanges its cell and then looks at the reads; a read marks its cell
// and then looks at the writes: of two accesses from different host threads at
// least one sees the other.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Epochs.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace quipu::emulator {

bool isOrdered(const Warp &warp, Cell cell, bool isShared, uint32_t lane) {
  const Program &program = *warp.block->launch->program;
  uint32_t who = whoOf(cell);
  uint64_t clock = isShared ? sharedClockOf(cell) : clockOf(cell);
  if (!isShared) {
    uint32_t block = blockOf(cell);
    if (block == anyBlock)
      return program.hasBlockSync;
    if (block != warp.block->index)
      return who == whoCrowd
                 ? program.hasBlockSync
                 : warp.known.contains(block, warpOfWho(who), clock);
    if (clock == stoppedClock)
      return true;
  }
  if (clock < warp.floor)
    return true;
  if (who == whoCrowd)
    return program.hasPartialBarriers || (!isShared && program.hasBlockSync);
  uint32_t other = warpOfWho(who);
  if (other != warp.index)
    return clock < warp.seen[other];
  if (who < whoWarp && who == warp.index * 32 + lane)
    return true;
  return clock < warp.laneFloor;
}

Cell mergedRead(const Warp &warp, Cell old, Cell mine, bool isShared,
                uint32_t lane) {
  if (old < newCells(warp, isShared) || whoOf(old) == whoOf(mine))
    if (isShared || old < newCells(warp, false) ||
        blockOf(old) == blockOf(mine))
      return mine;
  if (!isShared && blockOf(old) != blockOf(mine))
    return (mine >> launchShift << launchShift) |
           uint64_t(anyBlock) << blockShift | uint64_t(whoCrowd) << whoShift;
  if (isOrdered(warp, old, isShared, lane))
    return mine;
  constexpr Cell whoField = Cell(0x7ff) << whoShift;
  Cell merged = std::max(old, mine) & ~whoField;
  if (whoOf(old) != whoCrowd && whoOf(mine) != whoCrowd &&
      warpOfWho(whoOf(old)) == warpOfWho(whoOf(mine)))
    return merged | Cell(whoWarp + warp.index) << whoShift;
  // Of a crowd the least clock is kept: one value for all in a barrier phase.
  return (std::min(old, mine) & ~whoField) | whoField;
}

namespace {

/// Whether an event in shared memory is before what `lane` does now, by the
/// tests that clear most cells; `fresh` as of newCells().
inline bool isPast(const Warp &warp, Cell cell, Cell fresh, uint32_t lane) {
  uint64_t clock = sharedClockOf(cell);
  if (cell < fresh || clock < warp.floor)
    return true;
  uint32_t who = whoOf(cell);
  if (who == whoCrowd || warpOfWho(who) != warp.index)
    return false;
  return clock < warp.laneFloor || who == warp.index * 32 + lane;
}

/// As isPast(), of the cell of a write.
inline bool isWritePast(const Warp &warp, Cell cell, Cell fresh,
                        uint32_t lane) {
  uint64_t clock = sharedClockOf(cell);
  if (cell < fresh || clock < warp.floor)
    return true;
  uint32_t who = whoOf(cell);
  if (who >= whoWarp || who / 32 != warp.index)
    return false;
  return clock < warp.laneFloor || who == warp.index * 32 + lane;
}

void markReads(Warp &warp, Cell *cells, uint64_t count, Cell mine,
               bool isShared, uint32_t lane) {
  for (uint64_t i = 0; i < count; ++i) {
    Cell old = load(cells[i]);
    if (old == mine || (whoOf(old) == whoCrowd && old >= mine))
      continue;
    Cell merged = mergedRead(warp, old, mine, isShared, lane);
    if (merged != old)
      __atomic_store_n(&cells[i], merged, __ATOMIC_RELAXED);
  }
}

/// Whether there is none that is unordered.
bool checkWrites(Warp &warp, const Op &op, const Place &place, uint64_t first,
                 uint64_t count, uint32_t lane, bool isByte) {
  for (uint64_t i = first; i < first + count; ++i) {
    Cell cell = load(place.shadow.writes[i]);
    if (cell >= newCells(warp, place.isShared) &&
        !isWriteOrdered(warp, cell, place.isShared, lane, isByte)) {
      reportRace(warp, op, place, 2 * i, AccessKind::read, lane, cell,
                 AccessKind::write);
      return false;
    }
  }
  return true;
}

/// Whether no atomic is unordered with a plain access that has been marked.
bool checkAtomics(Warp &warp, const Op &op, const Place &place, uint64_t offset,
                  uint64_t bytes, AccessKind kind, uint32_t lane) {
  if (!place.shadow.span->meets(offset, offset + bytes)) [[likely]]
    return true;
  for (uint64_t i = offset / 2; i < (offset + bytes + 1) / 2; ++i) {
    Cell cell = load(place.shadow.atomics[i]);
    if (cell >= newCells(warp, place.isShared) &&
        !isOrdered(warp, cell, place.isShared, lane)) {
      reportRace(warp, op, place, 2 * i, kind, lane, cell, kindOf(cell));
      return false;
    }
  }
  return true;
}

/// Whether all of these cells are of earlier launches and wholly defined.
enum class Past { clean, defined, mixed };
Past lookBack(const Warp &warp, const Place &place, uint64_t first,
              uint64_t count) {
  Cell least, greatest, bits;
  warp.lanes->scan(place.shadow.writes + first, count, &least, &greatest,
                   &bits);
  if (least < place.shadow.definedFrom || (bits & undefinedBits))
    return Past::mixed;
  return greatest < newCells(warp, place.isShared) ? Past::clean
                                                   : Past::defined;
}

} // namespace

Cell cellOf(const Warp &warp, bool isShared, uint32_t lane) {
  uint32_t who = lane < uint32_t(laneCount) ? warp.index * 32 + lane
                                            : whoWarp + warp.index;
  Cell cell = Cell(who) << whoShift;
  if (isShared)
    return cell | warp.block->generation << launchShift |
           warp.clock << clockShift;
  uint64_t clock = std::min<uint64_t>(warp.clock, stoppedClock);
  return cell | warp.block->launch->number << launchShift |
         uint64_t(warp.block->index) << blockShift | clock << clockShift;
}

/// As noteRead(), of shared memory, which one host thread sees.
static bool noteSharedRead(Warp &warp, const Op &op, const Place &place,
                           uint64_t offset, uint64_t bytes, uint32_t lane) {
  Cell mine = cellOf(warp, true, lane), fresh = newCells(warp, true);
  bool isDefined = true, isRacing = false;
  for (uint64_t cell = offset / 2; cell < (offset + bytes + 1) / 2; ++cell) {
    Cell &read = place.shadow.reads[cell];
    if (read < fresh || whoOf(read) == whoOf(mine))
      read = mine;
    else if (whoOf(read) != whoCrowd || read < mine)
      read = mergedRead(warp, read, mine, true, lane);
    Cell write = place.shadow.writes[cell];
    isDefined &=
        write >= place.shadow.definedFrom && (write & undefinedBits) == 0;
    if (isRacing || isWritePast(warp, write, fresh, lane) ||
        isWriteOrdered(warp, write, true, lane, bytes == 1)) [[likely]]
      continue;
    isRacing = true;
    reportRace(warp, op, place, 2 * cell, AccessKind::read, lane, write,
               AccessKind::write);
  }
  isRacing = isRacing || !checkAtomics(warp, op, place, offset, bytes,
                                       AccessKind::read, lane);
  return isDefined || isRacing || undefinedBytes(place, offset, bytes) == 0;
}

bool noteRead(Warp &warp, const Op &op, const Place &place, uint64_t offset,
              uint64_t bytes, uint32_t lane) {
  if (!place.shadow.writes)
    return true;
  if (place.isShared)
    return noteSharedRead(warp, op, place, offset, bytes, lane);
  uint64_t first = offset / 2, count = (offset + bytes + 1) / 2 - first;
  markReads(warp, place.shadow.reads + first, count,
            cellOf(warp, /*isShared=*/false, lane), /*isShared=*/false, lane);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Past past = lookBack(warp, place, first, count);
  bool isRacing =
      (past != Past::clean &&
       !checkWrites(warp, op, place, first, count, lane, bytes == 1)) ||
      !checkAtomics(warp, op, place, offset, bytes, AccessKind::read, lane);
  return past != Past::mixed || isRacing ||
         undefinedBytes(place, offset, bytes) == 0;
}

bool noteReads(Warp &warp, const Op &op, const Place &place, uint64_t offset,
               uint64_t bytes) {
  if (!place.shadow.writes)
    return true;
  uint64_t first = offset / 2, count = bytes * laneCount / 2;
  Cell *reads = place.shadow.reads + first;
  // Already read by several blocks (or, of shared memory, by several warps).
  if (!warp.lanes->allEqual(reads, count, reads[0]) ||
      whoOf(reads[0]) != whoCrowd ||
      reads[0] < newCells(warp, place.isShared) ||
      !(place.isShared || blockOf(reads[0]) == anyBlock))
    for (uint32_t lane = 0; lane < uint32_t(laneCount); ++lane)
      markReads(warp, reads + lane * bytes / 2, bytes / 2,
                cellOf(warp, place.isShared, lane), place.isShared, lane);
  if (!place.isShared)
    std::atomic_thread_fence(std::memory_order_seq_cst);
  Past past = lookBack(warp, place, first, count);
  if (past != Past::clean)
    for (uint32_t lane = 0; lane < uint32_t(laneCount); ++lane)
      checkWrites(warp, op, place, first + lane * bytes / 2, bytes / 2, lane,
                  false);
  if (place.shadow.span->meets(offset, offset + bytes * laneCount))
    for (uint32_t lane = 0; lane < uint32_t(laneCount); ++lane)
      checkAtomics(warp, op, place, offset + lane * bytes, bytes,
                   AccessKind::read, lane);
  return past != Past::mixed;
}

/// As noteWrite(), of whole cells of shared memory, which one host thread sees:
/// the copies of a warp's stage write each of them twice.
static void noteSharedWrite(Warp &warp, const Op &op, const Place &place,
                            uint64_t offset, uint64_t bytes, uint32_t lane,
                            uint64_t undefined) {
  Cell mine = cellOf(warp, true, lane), fresh = newCells(warp, true);
  bool isRacing = false;
  for (uint64_t cell = offset / 2; cell < (offset + bytes) / 2; ++cell) {
    Cell old = std::exchange(place.shadow.writes[cell], mine | (undefined & 3));
    Cell read = place.shadow.reads[cell];
    undefined >>= 2;
    bool isOld = isWritePast(warp, old, fresh, lane);
    if ((isOld && isPast(warp, read, fresh, lane)) || isRacing) [[likely]]
      continue;
    isOld = isOld || isWriteOrdered(warp, old, true, lane, false);
    isRacing = !isOld || !(read < fresh || isOrdered(warp, read, true, lane));
    if (isRacing)
      reportRace(warp, op, place, 2 * cell, AccessKind::write, lane,
                 isOld ? read : old,
                 isOld ? AccessKind::read : AccessKind::write);
  }
  if (!isRacing)
    checkAtomics(warp, op, place, offset, bytes, AccessKind::write, lane);
}

void noteWrite(Warp &warp, const Op &op, const Place &place, uint64_t offset,
               uint64_t bytes, uint32_t lane, uint64_t undefined) {
  if (!place.shadow.writes)
    return;
  if (place.isShared && (offset | bytes) % 2 == 0)
    return noteSharedWrite(warp, op, place, offset, bytes, lane, undefined);
  Cell mine = cellOf(warp, place.isShared, lane);
  Cell fresh = newCells(warp, place.isShared);
  bool isRacing = false;
  for (uint64_t byte = offset; byte < offset + bytes;) {
    uint64_t cell = byte / 2;
    bool isHalf = (byte & 1) || byte + 1 == offset + bytes;
    uint64_t bits = undefined >> (byte - offset) & 3;
    Cell &place2 = place.shadow.writes[cell];
    if (isHalf) { // the other byte stays as defined as it was
      Cell old = load(place2);
      uint64_t other = old < place.shadow.definedFrom ? 3 : old & 3;
      bits =
          byte & 1 ? (other & 1) | (bits & 1) << 1 : (other & 2) | (bits & 1);
    }
    Cell now = mine | bits | (isHalf ? oneByteBit : 0);
    Cell old = place.isShared
                   ? std::exchange(place2, now)
                   : __atomic_exchange_n(&place2, now, __ATOMIC_SEQ_CST);
    Cell read = load(place.shadow.reads[cell]);
    if (!isRacing) {
      bool isOld = old < fresh ||
                   isWriteOrdered(warp, old, place.isShared, lane, isHalf);
      // The read may have been of the other byte.
      bool isRead = !isHalf && read >= fresh &&
                    !isOrdered(warp, read, place.isShared, lane);
      isRacing = !isOld || isRead;
      if (isRacing)
        reportRace(warp, op, place, byte, AccessKind::write, lane,
                   isOld ? read : old,
                   isOld ? AccessKind::read : AccessKind::write);
    }
    byte += isHalf ? 1 : 2;
  }
  if (!isRacing)
    checkAtomics(warp, op, place, offset, bytes, AccessKind::write, lane);
}

uint64_t undefinedBytes(const Place &place, uint64_t offset, uint64_t bytes) {
  uint64_t undefined = 0;
  if (!place.shadow.writes)
    return 0;
  for (uint64_t byte = 0; byte < bytes; ++byte) {
    Cell cell = place.shadow.writes[(offset + byte) / 2];
    bool isBad =
        cell < place.shadow.definedFrom || (cell >> ((offset + byte) & 1) & 1);
    undefined |= uint64_t(isBad) << byte;
  }
  return undefined;
}

} // namespace quipu::emulator
