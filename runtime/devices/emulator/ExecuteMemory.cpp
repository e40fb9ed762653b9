//===- ExecuteMemory.cpp - Loads -----------------------------------------===//
//
// Lanes' elements pass through a packed array, or straight from memory where
// the warp reads consecutive bytes.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Access.h"
#include "runtime/devices/emulator/Definedness.h"
#include "runtime/devices/emulator/Epochs.h"
#include "runtime/devices/emulator/Execute.h"

#include <bit>
#include <cstring>

namespace quipu::emulator {
namespace {

using ptx::Space;

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
  warp.racing = 0;
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
  LaneBits bad = {};
  // What a race brings counts as defined: it has been said.
  for (uint32_t rest = access.mask & ~warp.racing; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    bad.bits[lane] =
        uint32_t(undefinedBytes(access.place, access.offset[lane], bytes));
    if (bad.bits[lane])
      noteUndefined(warp, op, access, lane);
  }
  fillTaint(warp, op, access.mask, &bad);
}

/// ld.global.nc goes through a cache that no barrier empties: what it reads
/// must be as it was before the launch. Lanes that race anyway have been said.
void checkNonCoherent(Warp &warp, const Op &op, const Access &access,
                      unsigned bytes) {
  const Place &place = access.place;
  if (!place.shadow.writes)
    return;
  for (uint32_t rest = access.mask & ~warp.racing; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    uint64_t end = (access.offset[lane] + bytes + 1) / 2;
    for (uint64_t cell = access.offset[lane] / 2; cell < end; ++cell) {
      if (load(place.shadow.writes[cell]) < newCells(warp, false))
        continue;
      uint64_t at = place.address + 2 * cell;
      report(warp, op, Check::globalRace, uint32_t(lane),
             "ld.global.nc at " + warp.block->launch->memory->describe(at) +
                 ", which this launch has written: no barrier orders it",
             {Space::global, at});
      break;
    }
  }
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
                 std::to_string(block.size()) + " bytes",
             {Space::param, at});
      continue;
    }
    if (at % bytes != 0 && at % op.elementBytes != 0)
      report(warp, op, Check::misaligned, lane,
             std::to_string(bytes) + "-byte load at parameter + " +
                 std::to_string(at),
             {Space::param, at});
    std::memcpy(packed.bytes + lane * bytes, block.data() + at, bytes);
  }
  fill(warp, op, mask, packed.bytes);
  fillTaint(warp, op, mask, nullptr);
}

void loadLocal(Warp &warp, const Op &op, uint32_t mask,
               const uint64_t *addresses, unsigned bytes) {
  uint64_t size = warp.block->launch->program->function->localBytes;
  Packed packed = {};
  LaneBits bad = {};
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    if (!isLocal(warp, op, addresses[lane], bytes, lane, false))
      continue;
    uint64_t at = lane * size + addresses[lane];
    std::memcpy(packed.bytes + lane * bytes, &warp.local[at], bytes);
    for (unsigned byte = 0; byte < bytes; ++byte)
      bad.bits[lane] |= uint32_t(!warp.localDefined[at + byte]) << byte;
  }
  fill(warp, op, mask, packed.bytes);
  fillTaint(warp, op, mask, &bad);
}

bool isAcquire(const ptx::Instruction &i) {
  return i.semantics == ptx::Semantics::acquire ||
         i.semantics == ptx::Semantics::acqRel ||
         i.semantics == ptx::Semantics::sc;
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
      acquireFrom(warp, op, table, access.place.address + access.offset[lane],
                  isAcquire(*op.instruction));
    bad.bits[lane] =
        uint32_t(undefinedBytes(access.place, access.offset[lane], bytes));
    if (bad.bits[lane])
      noteUndefined(warp, op, access, lane);
  }
  fill(warp, op, access.mask, packed.bytes);
  fillTaint(warp, op, access.mask, &bad);
}

} // namespace

Flow runLoad(Warp &warp, const Op &op, uint32_t mask) {
  uint64_t addresses[laneCount];
  unsigned bytes = op.elementBytes * op.count;
  uint32_t asked = mask, loaded = 0;
  mask = addressesOf(warp, op, mask, addresses);
  while (mask) {
    uint32_t here = mask;
    Space space = resolveSpace(op.space, addresses, here);
    uint32_t others = mask & ~here;
    if (space == Space::param) {
      loadParameters(warp, op, here, addresses, bytes);
      loaded |= here;
    } else if (space == Space::local) {
      loadLocal(warp, op, here, addresses, bytes);
      loaded |= here;
    } else if (space == Space::shared) {
      Access access =
          sharedAccess(warp, op, here, addresses, bytes, bytes, false);
      countShared(warp, access, bytes);
      loaded |= access.mask;
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
        loaded |= access.mask;
        if (isStrong(*op.instruction))
          finishStrongLoad(warp, op, access, bytes);
        else
          finishLoad(warp, op, access, bytes);
        if (op.instruction->nonCoherent)
          checkNonCoherent(warp, op, access, bytes);
      }
    }
    mask = others;
  }
  // What a finding left unloaded counts as defined: it has been said.
  if (loaded != asked)
    fillTaint(warp, op, asked & ~loaded, nullptr);
  return Flow::next;
}

} // namespace quipu::emulator
