//===- ExecuteMemory.cpp - Loads and stores -------------------------------===//
//
// Lanes' elements pass through a packed array, or straight from memory where
// the warp reads consecutive bytes.
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

struct alignas(64) Packed {
  std::byte bytes[laneCount * 32];
};
/// For each lane of a load, its undefined bytes.
struct LaneBits {
  uint32_t bits[laneCount];
};

/// The elements of `packed` into the destination rows.
void fill(Warp &warp, const Op &op, uint32_t mask, const void *packed) {
  const Row *rows = warp.rows + op.firstRow;
  unsigned bytes = op.elementBytes;
  alignas(64) std::byte scratch[8][laneCount * 8];
  bool isDirect = mask == allLanes && rows[0].bytes == bytes;
  void *to[8];
  for (unsigned n = 0; n < op.count; ++n)
    to[n] = isDirect ? warp.row<void>(rows[n]) : scratch[n];
  op.spread(to, packed);
  if (isDirect)
    return;
  for (unsigned n = 0; n < op.count; ++n) {
    if (rows[n].bytes == bytes) {
      warp.lanes->blend(warp.row<void>(rows[n]), scratch[n], mask, bytes);
      continue;
    }
    auto *row = warp.row<std::byte>(rows[n]);
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
      int lane = std::countr_zero(rest);
      uint64_t value = 0;
      std::memcpy(&value, scratch[n] + lane * bytes, bytes);
      if (op.isSigned && bytes < 8)
        value =
            uint64_t(int64_t(value << (64 - 8 * bytes)) >> (64 - 8 * bytes));
      std::memcpy(row + lane * rows[n].bytes, &value, rows[n].bytes);
    }
  }
}

/// Definedness of what fill() wrote.
void fillTaint(Warp &warp, const Op &op, uint32_t mask, const LaneBits *bad) {
  const Row *rows = warp.rows + op.firstRow;
  for (unsigned n = 0; n < op.count; ++n) {
    if (!bad) {
      if (warp.undefined[rows[n].slot])
        setTaint(warp, rows[n], mask, 0);
      continue;
    }
    uint8_t detail[laneCount];
    unsigned bytes = op.elementBytes;
    for (int lane = 0; lane < laneCount; ++lane) {
      unsigned own =
          bad->bits[lane] >> (n * bytes) & ((uint64_t(1) << bytes) - 1);
      if (op.isSigned && (own >> (bytes - 1) & 1))
        own |= ~0u << bytes;
      detail[lane] = uint8_t(own & wholeElement(rows[n]));
    }
    setDetail(warp, rows[n], mask, detail);
  }
}

template <unsigned Bytes> void gatherAs(std::byte *to, const Access &access) {
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    std::memcpy(to + lane * Bytes, access.base + access.offset[lane], Bytes);
  }
}
void gather(std::byte *to, const Access &access, unsigned bytes) {
  switch (bytes) {
  case 2:
    return gatherAs<2>(to, access);
  case 4:
    return gatherAs<4>(to, access);
  case 8:
    return gatherAs<8>(to, access);
  case 16:
    return gatherAs<16>(to, access);
  default:
    for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
      int lane = std::countr_zero(rest);
      std::memcpy(to + lane * bytes, access.base + access.offset[lane], bytes);
    }
  }
}

/// Notes the reads of an access; whether all of it is defined.
bool noteAll(Warp &warp, const Op &op, const Access &access, unsigned bytes) {
  if (!access.place.shadow.writes || access.mask == 0)
    return true;
  if (access.isStrided && bytes % 2 == 0)
    return noteReads(warp, op, access.place, access.offset[0], bytes);
  int first = std::countr_zero(access.mask);
  if (access.isUniform)
    return noteRead(warp, op, access.place, access.offset[first], bytes,
                    std::has_single_bit(access.mask) ? first : laneCount);
  bool isDefined = true;
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    isDefined &=
        noteRead(warp, op, access.place, access.offset[lane], bytes, lane);
  }
  return isDefined;
}

void finishLoad(Warp &warp, const Op &op, const Access &access,
                unsigned bytes) {
  bool isDefined = noteAll(warp, op, access, bytes);
  if (access.isStrided) {
    fill(warp, op, access.mask, access.base + access.offset[0]);
  } else {
    Packed packed;
    gather(packed.bytes, access, bytes);
    fill(warp, op, access.mask, packed.bytes);
  }
  if (isDefined)
    return fillTaint(warp, op, access.mask, nullptr);
  LaneBits bad;
  for (int lane = 0; lane < laneCount; ++lane)
    bad.bits[lane] =
        access.mask >> lane & 1
            ? uint32_t(undefinedBytes(access.place, access.offset[lane], bytes))
            : 0;
  fillTaint(warp, op, access.mask, &bad);
}

/// Parameters: the same bytes for all lanes, most often at one offset.
void loadParameters(Warp &warp, const Op &op, uint32_t mask,
                    const uint64_t *addresses, unsigned bytes) {
  std::span<const std::byte> block = warp.block->launch->parameters;
  Packed packed = {};
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    uint64_t at = addresses[lane];
    if (at >= block.size() || block.size() - at < bytes) {
      report(warp, op, Check::outOfBounds, lane,
             std::to_string(bytes) + "-byte load at parameter + " +
                 std::to_string(int64_t(at)) + ", of which there are " +
                 std::to_string(block.size()) + " bytes");
      continue;
    }
    if (at % bytes != 0 && at % op.elementBytes != 0)
      report(warp, op, Check::misaligned, lane,
             std::to_string(bytes) + "-byte load at parameter + " +
                 std::to_string(at));
    std::memcpy(packed.bytes + lane * bytes, block.data() + at, bytes);
  }
  fill(warp, op, mask, packed.bytes);
  fillTaint(warp, op, mask, nullptr);
}

/// Whether a lane's access of local memory is inside; reported if not.
bool isLocal(Warp &warp, const Op &op, uint64_t at, unsigned bytes, int lane) {
  uint64_t size = warp.block->launch->program->function->localBytes;
  bool isInside = at < size && size - at >= bytes;
  if (!isInside || at % bytes != 0)
    report(warp, op, isInside ? Check::misaligned : Check::outOfBounds, lane,
           std::to_string(bytes) + "-byte access of local memory + " +
               std::to_string(int64_t(at)) + ", of which a thread has " +
               std::to_string(size) + " bytes");
  return isInside && at % bytes == 0;
}

void loadLocal(Warp &warp, const Op &op, uint32_t mask,
               const uint64_t *addresses, unsigned bytes) {
  uint64_t size = warp.block->launch->program->function->localBytes;
  Packed packed = {};
  LaneBits bad = {};
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    if (!isLocal(warp, op, addresses[lane], bytes, lane))
      continue;
    uint64_t at = lane * size + addresses[lane];
    std::memcpy(packed.bytes + lane * bytes, &warp.local[at], bytes);
    for (unsigned byte = 0; byte < bytes; ++byte)
      bad.bits[lane] |= uint32_t(!warp.localDefined[at + byte]) << byte;
  }
  fill(warp, op, mask, packed.bytes);
  fillTaint(warp, op, mask, &bad);
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

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
    if (!isLocal(warp, op, addresses[lane], bytes, lane))
      continue;
    uint64_t at = lane * size + addresses[lane];
    std::memcpy(&warp.local[at], packed + lane * bytes, bytes);
    uint32_t own = anyBad >> lane & 1 ? bad.bits[lane] : 0;
    for (unsigned byte = 0; byte < bytes; ++byte)
      warp.localDefined[at + byte] = !(own >> byte & 1);
  }
}

bool isAcquire(const ptx::Instruction &i) {
  return i.semantics == ptx::Semantics::acquire ||
         i.semantics == ptx::Semantics::acqRel ||
         i.semantics == ptx::Semantics::sc;
}
/// Whether an access takes part in synchronization: not weak ones.
bool isStrong(const ptx::Instruction &i) {
  return i.semantics >= ptx::Semantics::relaxed &&
         i.semantics <= ptx::Semantics::isVolatile;
}

/// A strong load: no race with other strong accesses, and maybe an acquire.
void finishStrongLoad(Warp &warp, const Op &op, const Access &access,
                      unsigned bytes) {
  Packed packed;
  LaneBits bad = {};
  SyncTable &table =
      access.place.isShared ? warp.block->syncs : warp.block->launch->syncs;
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    std::byte *from = access.base + access.offset[lane];
    if (bytes == 4) {
      uint32_t value =
          __atomic_load_n(reinterpret_cast<uint32_t *>(from), __ATOMIC_ACQUIRE);
      std::memcpy(packed.bytes + lane * 4, &value, 4);
    } else {
      std::memcpy(packed.bytes + lane * bytes, from, bytes);
    }
    if (op.instruction->semantics != ptx::Semantics::isVolatile)
      acquireFrom(warp, table, access.place.address + access.offset[lane],
                  isAcquire(*op.instruction));
    bad.bits[lane] =
        uint32_t(undefinedBytes(access.place, access.offset[lane], bytes));
  }
  fill(warp, op, access.mask, packed.bytes);
  fillTaint(warp, op, access.mask, &bad);
}

void storeStrong(Warp &warp, const Op &op, const Access &access, unsigned bytes,
                 const std::byte *packed) {
  bool isRelease = op.instruction->semantics == ptx::Semantics::release;
  SyncTable &table =
      access.place.isShared ? warp.block->syncs : warp.block->launch->syncs;
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    std::byte *to = access.base + access.offset[lane];
    // What was released must be in the table before the value can be seen.
    if (op.instruction->semantics != ptx::Semantics::isVolatile)
      releaseTo(warp, table, access.place.address + access.offset[lane],
                isRelease);
    noteAtomic(warp, access.place, access.offset[lane], bytes, lane);
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

Flow runLoad(Warp &warp, const Op &op, uint32_t mask) {
  uint64_t addresses[laneCount];
  unsigned bytes = op.elementBytes * op.count;
  mask = addressesOf(warp, op, mask, addresses);
  while (mask) {
    uint32_t here = mask;
    Space space = resolveSpace(op.space, addresses, here);
    uint32_t others = mask & ~here;
    if (space == Space::param) {
      loadParameters(warp, op, here, addresses, bytes);
    } else if (space == Space::local) {
      loadLocal(warp, op, here, addresses, bytes);
    } else if (space == Space::shared) {
      Access access = sharedAccess(warp, op, here, addresses, bytes, bytes);
      countShared(warp, access, bytes);
      if (isStrong(*op.instruction))
        finishStrongLoad(warp, op, access, bytes);
      else if (access.mask)
        finishLoad(warp, op, access, bytes);
    } else {
      while (here) {
        Access access =
            globalAccess(warp, op, here, addresses, bytes, bytes, false);
        if (!access.mask)
          continue;
        countGlobal(warp, access, bytes, false);
        if (isStrong(*op.instruction))
          finishStrongLoad(warp, op, access, bytes);
        else
          finishLoad(warp, op, access, bytes);
      }
    }
    mask = others;
  }
  return Flow::next;
}

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
      Access access = sharedAccess(warp, op, here, addresses, bytes, bytes);
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
        if (uint32_t wrong = anyBad & access.mask)
          report(warp, op, Check::undefined, std::countr_zero(wrong),
                 "the value stored at " +
                     warp.block->launch->memory->describe(
                         addresses[std::countr_zero(wrong)]) +
                     " depends on one that nothing wrote");
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
