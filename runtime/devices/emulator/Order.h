//===- Order.h - Which accesses are ordered ---------------------*- C++ -*-===//
//
// Happens-before, from bar.sync, bar.warp.sync, mbarriers, release and acquire,
// and fences around relaxed accesses, each as far as its scope reaches; not
// from shuffles or volatile polling. A warp's clock advances at each of them.
// An event of warp v with clock c is before what warp w does now if c < w.floor
// (a barrier of the block lies between) or c < w.seen[v]; between lanes of one
// warp, if c < w.laneFloor.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_ORDER_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_ORDER_H

#include "runtime/devices/emulator/Warp.h"

namespace quipu::emulator {

/// A piece of memory with its shadow, as one access sees it.
struct Place {
  Shadow shadow;
  bool isShared = false;
  uint64_t address = 0; // of offset 0, as reports show it
};

/// The cell of an access that `lane` makes now.
Cell cellOf(const Warp &warp, bool isShared, uint32_t lane);

/// Notes reads of bytes [offset, offset + bytes) by `lane` (of every lane of
/// the warp for laneCount) and checks them against unordered writes and
/// atomics. Returns whether all bytes are defined, or count as such since the
/// read is a race. Lanes that race are set in Warp::racing.
bool noteRead(Warp &warp, const Op &op, const Place &place, uint64_t offset,
              uint64_t bytes, uint32_t lane);

/// As above for every lane l of 32, at offset + l * bytes.
bool noteReads(Warp &warp, const Op &op, const Place &place, uint64_t offset,
               uint64_t bytes);

/// Notes a write and checks it against unordered accesses; bit b of `undefined`
/// for an undefined byte b.
void noteWrite(Warp &warp, const Op &op, const Place &place, uint64_t offset,
               uint64_t bytes, uint32_t lane, uint64_t undefined);

/// To be held while an atomic or strong store is noted and done.
std::unique_lock<std::mutex> lockWord(Warp &warp, const Place &place,
                                      uint64_t offset);

/// Notes an atomic or strong store, before it is part of a release: those do
/// not race with each other, but do with unordered plain accesses.
void noteAtomic(Warp &warp, const Op &op, const Place &place, uint64_t offset,
                uint64_t bytes, uint32_t lane);

/// Bit b for an undefined byte b of at most 64.
uint64_t undefinedBytes(const Place &place, uint64_t offset, uint64_t bytes);

/// Everything that `warp` knows, its own past included, for others to acquire.
KnownClocks everythingKnown(Warp &warp);
/// Makes known what others released.
void learn(Warp &warp, const KnownClocks &clocks);

/// What an access with release (or after a fence), and one with acquire (or
/// before a fence), does for the order of warps, as far as the scope of `op`
/// reaches. `address` is a place's own.
void releaseTo(Warp &warp, const Op &op, SyncTable &table, uint64_t address,
               bool isRelease);
void acquireFrom(Warp &warp, const Op &op, SyncTable &table, uint64_t address,
                 bool isAcquire);
/// What a fence does for the order of warps, as far as `scope` reaches.
void fence(Warp &warp, ptx::Scope scope);

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_ORDER_H
