//===- Epochs.h - Comparing cells of shadow memory --------------*- C++ -*-===//
//
// What accesses and atomics ask of a cell: whether its event is before what a
// warp does now, and how a race with it is said.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_EPOCHS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_EPOCHS_H

#include "runtime/devices/emulator/Order.h"

namespace quipu::emulator {

enum class AccessKind { read, write, atomic, strongStore };

/// The kind of the access in a cell for atomics.
inline AccessKind kindOf(Cell atomic) {
  return atomic & strongStoreBit ? AccessKind::strongStore : AccessKind::atomic;
}

/// Cells at or above are of this launch (shared: not before everyone).
inline Cell newCells(const Warp &warp, bool isShared) {
  return isShared ? warp.block->floorCell
                  : warp.block->launch->number << launchShift;
}

inline Cell load(Cell &cell) {
  return __atomic_load_n(&cell, __ATOMIC_RELAXED);
}

/// Whether the event of `cell` (of this launch) is before what `lane` does now.
bool isOrdered(const Warp &warp, Cell cell, bool isShared, uint32_t lane);

/// As isOrdered(), of the cell of a write; `isByte` for an access of one byte.
/// Two such may be of the two bytes of a cell.
inline bool isWriteOrdered(const Warp &warp, Cell cell, bool isShared,
                           uint32_t lane, bool isByte) {
  return ((cell & oneByteBit) && isByte) ||
         isOrdered(warp, cell & ~oneByteBit, isShared, lane);
}

/// The read cell after a read `mine` where `old` was.
Cell mergedRead(const Warp &warp, Cell old, Cell mine, bool isShared,
                uint32_t lane);

/// Reports that an access of `kind` by `lane` is not ordered after that of the
/// cell `other`. Of a read, the lane is set in Warp::racing.
void reportRace(Warp &warp, const Op &op, const Place &place, uint64_t offset,
                AccessKind kind, uint32_t lane, Cell other,
                AccessKind otherKind);

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_EPOCHS_H
