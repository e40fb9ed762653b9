//===- RaceReport.cpp - How a race is said --------------------------------===//
//
// Names both accesses, where they were, and who made the other one, as far as
// its cell tells.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Epochs.h"

#include <bit>

namespace quipu::emulator {

/// Who made the access of a cell: "thread 5", "warp 2 of block 3", ...
static std::string whoText(const Warp &warp, Cell cell, bool isShared) {
  uint32_t who = whoOf(cell);
  std::string text = who < whoWarp ? "thread " + std::to_string(who)
                     : who == whoCrowd
                         ? "several warps"
                         : "warp " + std::to_string(who - whoWarp);
  if (isShared || blockOf(cell) == warp.block->index)
    return text;
  if (blockOf(cell) == anyBlock)
    return "several blocks";
  return text + " of block " + std::to_string(blockOf(cell));
}

void reportRace(Warp &warp, const Op &op, const Place &place, uint64_t offset,
                AccessKind kind, uint32_t lane, Cell other,
                AccessKind otherKind) {
  constexpr const char *names[] = {"read", "write", "atomic", "strong store"};
  std::string where =
      place.isShared
          ? "shared memory + " + std::to_string(offset)
          : warp.block->launch->memory->describe(place.address + offset);
  bool isAtomic = kind >= AccessKind::atomic || otherKind >= AccessKind::atomic;
  bool isRead = kind == AccessKind::read || otherKind == AccessKind::read;
  if (kind == AccessKind::read)
    warp.racing |= lane < uint32_t(laneCount) ? uint32_t(1) << lane : allLanes;
  bool isOne = lane < uint32_t(laneCount);
  report(
      warp, op, place.isShared ? Check::sharedRace : Check::globalRace,
      isOne ? lane : std::countr_zero(warp.active),
      std::string(names[int(kind)]) + " at " + where +
          " is not ordered after " +
          (otherKind == AccessKind::atomic ? "an " : "a ") +
          names[int(otherKind)] + " by " +
          whoText(warp,
                  otherKind == AccessKind::write ? other & ~oneByteBit : other,
                  place.isShared) +
          (isAtomic && isRead ? "; where any of its values will do, "
                                "ld.volatile or ld.relaxed is no race"
                              : ""),
      {place.isShared ? ptx::Space::shared : ptx::Space::global,
       place.address + offset, isOne ? 0 : warp.active});
}

} // namespace quipu::emulator
