//===- ExecuteStore.cpp - Stores -----------------------------------------===//
//
// Undefined bytes may go to shared and local memory, whose shadow keeps them
// so; global memory is what others see, and there they are a finding.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Access.h"
#include "runtime/devices/emulator/Definedness.h"
#include "runtime/devices/emulator/Execute.h"

#include <bit>
#include <cstring>

namespace quipu::emulator {
namespace {

using ptx::Space;

/// The lanes' elements one after another, and the undefined bytes of each;
/// returns the lanes that have some.
uint32_t collect(Warp &warp, const Op &op, std::byte *packed, LaneBits &bad) {
  const Row *rows = warp.rows + op.firstRow;
  unsigned bytes = op.elementBytes;
  alignas(64) std::byte scratch[8][laneCount * 8];
  const void *from[8];
  uint32_t anyBad = 0;
  for (unsigned n = 0; n < op.count; ++n) {
    from[n] = warp.row<void>(rows[n]);
    anyBad |= warp.undefined[rows[n].slot];
    if (rows[n].bytes == bytes)
      continue;
    for (int lane = 0; lane < laneCount; ++lane)
      std::memcpy(scratch[n] + lane * bytes,
                  warp.row<std::byte>(rows[n]) + lane * rows[n].bytes, bytes);
    from[n] = scratch[n];
  }
  op.pack(packed, from);
  for (uint32_t rest = anyBad; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    bad.bits[lane] = 0;
    for (unsigned n = 0; n < op.count; ++n)
      bad.bits[lane] |=
          (detailOf(warp, rows[n], lane) & uint32_t((uint64_t(1) << bytes) - 1))
          << (n * bytes);
    if (bad.bits[lane] == 0)
      anyBad &= ~(uint32_t(1) << lane);
  }
  return anyBad;
}

void storeTo(Warp &warp, const Op &op, const Access &access, unsigned bytes,
             const std::byte *packed, const LaneBits &bad, uint32_t anyBad) {
  if (access.isStrided)
    std::memcpy(access.base + access.offset[0], packed, bytes * laneCount);
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    if (!access.isStrided)
      std::memcpy(access.base + access.offset[lane], packed + lane * bytes,
                  bytes);
    noteWrite(warp, op, access.place, access.offset[lane], bytes, lane,
              anyBad >> lane & 1 ? bad.bits[lane] : 0);
  }
}

void storeLocal(Warp &warp, const Op &op, uint32_t mask,
                const uint64_t *addresses, unsigned bytes,
                const std::byte *packed, const LaneBits &bad, uint32_t anyBad) {
  uint64_t size = warp.block->launch->program->function->localBytes;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    if (!isLocal(warp, op, addresses[lane], bytes, lane, true))
      continue;
    uint64_t at = lane * size + addresses[lane];
    std::memcpy(&warp.local[at], packed + lane * bytes, bytes);
    uint32_t own = anyBad >> lane & 1 ? bad.bits[lane] : 0;
    for (unsigned byte = 0; byte < bytes; ++byte)
      warp.localDefined[at + byte] = !(own >> byte & 1);
  }
}

void storeStrong(Warp &warp, const Op &op, const Access &access, unsigned bytes,
                 const std::byte *packed) {
  bool isRelease = op.instruction->semantics == ptx::Semantics::release;
  SyncTable &table =
      access.place.isShared ? warp.block->syncs : warp.block->launch->syncs;
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    std::byte *to = access.base + access.offset[lane];
    std::unique_lock lock = lockWord(warp, access.place, access.offset[lane]);
    noteAtomic(warp, op, access.place, access.offset[lane], bytes, lane);
    // What was released must be in the table before the value can be seen.
    if (op.instruction->semantics != ptx::Semantics::isVolatile)
      releaseTo(warp, op, table, access.place.address + access.offset[lane],
                isRelease);
    if (bytes == 4) {
      uint32_t value;
      std::memcpy(&value, packed + lane * 4, 4);
      __atomic_store_n(reinterpret_cast<uint32_t *>(to), value,
                       __ATOMIC_RELEASE);
    } else {
      std::memcpy(to, packed + lane * bytes, bytes);
    }
  }
}

} // namespace

Flow runStore(Warp &warp, const Op &op, uint32_t mask) {
  uint64_t addresses[laneCount];
  unsigned bytes = op.elementBytes * op.count;
  mask = addressesOf(warp, op, mask, addresses);
  Packed packed;
  LaneBits bad = {};
  uint32_t anyBad = collect(warp, op, packed.bytes, bad);
  while (mask) {
    uint32_t here = mask;
    Space space = resolveSpace(op.space, addresses, here);
    uint32_t others = mask & ~here;
    if (space == Space::local) {
      storeLocal(warp, op, here, addresses, bytes, packed.bytes, bad, anyBad);
    } else if (space == Space::shared) {
      Access access =
          sharedAccess(warp, op, here, addresses, bytes, bytes, true);
      countShared(warp, access, bytes);
      if (isStrong(*op.instruction))
        storeStrong(warp, op, access, bytes, packed.bytes);
      else
        storeTo(warp, op, access, bytes, packed.bytes, bad, anyBad);
    } else {
      while (here) {
        Access access =
            globalAccess(warp, op, here, addresses, bytes, bytes, true);
        if (!access.mask)
          continue;
        countGlobal(warp, access, bytes, true);
        if (uint32_t wrong = anyBad & access.mask) {
          uint64_t at = addresses[std::countr_zero(wrong)];
          report(warp, op, Check::undefined, std::countr_zero(wrong),
                 "the value stored at " +
                     warp.block->launch->memory->describe(at) +
                     " depends on one that nothing wrote",
                 {Space::global, at, wrong});
        }
        if (isStrong(*op.instruction))
          storeStrong(warp, op, access, bytes, packed.bytes);
        else
          storeTo(warp, op, access, bytes, packed.bytes, bad, anyBad);
      }
    }
    mask = others;
  }
  return Flow::next;
}

} // namespace quipu::emulator
