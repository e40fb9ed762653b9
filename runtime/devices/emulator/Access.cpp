//===- Access.cpp - Where the lanes of an access go -----------------------===//
//
// The case that matters is a whole warp at consecutive addresses of one buffer:
// it takes one bounds check, and its sectors follow from its ends.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Access.h"

#include <algorithm>
#include <bit>

namespace quipu::emulator {
namespace {

/// "4-byte load at ".
std::string accessText(const Op &op, unsigned bytes, bool isStore) {
  ptx::Opcode opcode = op.instruction->opcode;
  bool isAtomic = opcode == ptx::Opcode::atom || opcode == ptx::Opcode::red;
  bool isMbarrier = opcode >= ptx::Opcode::mbarrierInit &&
                    opcode <= ptx::Opcode::mbarrierPendingCount;
  return std::to_string(bytes) + "-byte " +
         (isAtomic     ? "atomic"
          : isMbarrier ? "mbarrier"
          : isStore    ? "store"
                       : "load") +
         " at ";
}

/// Fills in the pattern of an access whose offsets are set.
void classify(const Warp &warp, Access &access, unsigned bytes) {
  access.isStrided =
      access.mask == allLanes && warp.lanes->isStrided(access.offset, bytes);
  if (access.isStrided || access.mask == 0)
    return;
  uint64_t first = access.offset[std::countr_zero(access.mask)];
  access.isUniform = true;
  for (uint32_t rest = access.mask; rest; rest &= rest - 1)
    access.isUniform &= access.offset[std::countr_zero(rest)] == first;
}

} // namespace

uint32_t addressesOf(Warp &warp, const Op &op, uint32_t mask,
                     uint64_t *addresses, bool second) {
  const Row &row = second ? op.b : op.a;
  uint64_t offset = second ? op.offsetB : op.offset;
  if (!(second ? op.hasBaseB : op.hasBase)) {
    std::fill(addresses, addresses + laneCount, offset);
    return mask;
  }
  if (row.bytes == 4)
    warp.lanes->address32(addresses, warp.row<void>(row), offset);
  else
    warp.lanes->address64(addresses, warp.row<void>(row), offset);
  if (uint32_t bad = warp.undefined[row.slot] & mask) {
    report(warp, op, Check::undefined, std::countr_zero(bad),
           "the address depends on a value that nothing wrote", {.lanes = bad});
    warp.undefined[row.slot] &= ~bad; // said once
    mask &= ~bad;
  }
  return mask;
}

ptx::Space resolveSpace(ptx::Space space, uint64_t *addresses, uint32_t &mask) {
  if (space != ptx::Space::generic || mask == 0)
    return space == ptx::Space::sharedCluster ? ptx::Space::shared
           : space == ptx::Space::constant    ? ptx::Space::global
                                              : space;
  auto windowOf = [](uint64_t address) {
    return address - sharedWindow < windowBytes  ? ptx::Space::shared
           : address - localWindow < windowBytes ? ptx::Space::local
                                                 : ptx::Space::global;
  };
  space = windowOf(addresses[std::countr_zero(mask)]);
  uint64_t base = space == ptx::Space::shared  ? sharedWindow
                  : space == ptx::Space::local ? localWindow
                                               : 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    if (windowOf(addresses[lane]) != space)
      mask &= ~(uint32_t(1) << lane);
    else
      addresses[lane] -= base;
  }
  return space;
}

Access globalAccess(Warp &warp, const Op &op, uint32_t &mask,
                    const uint64_t *addresses, unsigned bytes, unsigned align,
                    bool isStore) {
  Launch &launch = *warp.block->launch;
  Access access;
  int first = std::countr_zero(mask);
  Piece piece = launch.memory->pieceAt(addresses[first]);
  Buffer *buffer = piece.buffer;
  access.buffer = buffer;
  access.mask = mask;
  uint64_t low, high, bits;
  warp.lanes->range(addresses, &low, &high, &bits);
  bool isFine = mask == allLanes && low >= piece.address &&
                piece.holds(high, bytes) && (bits & (align - 1)) == 0;
  uint32_t looked = mask;
  if (!isFine)
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
      int lane = std::countr_zero(rest);
      uint32_t bit = uint32_t(1) << lane;
      uint64_t address = addresses[lane];
      if (piece.holds(address, bytes)) {
        if ((address & (align - 1)) == 0)
          continue;
        report(warp, op, Check::misaligned, lane,
               accessText(op, bytes, isStore) +
                   launch.memory->describe(address) + ", not a multiple of " +
                   std::to_string(align),
               {ptx::Space::global, address});
      } else if (launch.memory->pieceAt(address) != piece) {
        looked &= ~bit; // of another piece: next time
      } else {
        report(warp, op, Check::outOfBounds, lane,
               accessText(op, bytes, isStore) +
                   launch.memory->describe(address, bytes),
               {ptx::Space::global, address});
      }
      access.mask &= ~bit;
    }
  mask &= ~looked;
  if (!buffer)
    return access;
  access.place = {buffer->isShadowed ? buffer->shadow : Shadow{}, false,
                  buffer->address};
  access.base = buffer->host;
  for (int lane = 0; lane < laneCount; ++lane)
    access.offset[lane] = addresses[lane] - buffer->address;
  if (access.mask && isStore && !buffer->writable) {
    uint64_t at = addresses[std::countr_zero(access.mask)];
    report(warp, op, Check::readOnly, std::countr_zero(access.mask),
           accessText(op, bytes, true) + launch.memory->describe(at),
           {ptx::Space::global, at, access.mask});
    access.mask = 0;
  }
  classify(warp, access, bytes);
  return access;
}

Access sharedAccess(Warp &warp, const Op &op, uint32_t mask,
                    const uint64_t *addresses, unsigned bytes, unsigned align,
                    bool isStore) {
  Block &block = *warp.block;
  Access access;
  access.mask = mask;
  access.place = {block.shadow, true, 0};
  access.base = block.shared.data();
  std::copy(addresses, addresses + laneCount, access.offset);
  uint64_t size = block.launch->sharedBytes, low, high, bits;
  warp.lanes->range(addresses, &low, &high, &bits);
  bool isFine = mask == allLanes && high < size && size - high >= bytes &&
                (bits & (align - 1)) == 0;
  if (!isFine)
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
      int lane = std::countr_zero(rest);
      uint64_t address = addresses[lane];
      bool isInside = address < size && size - address >= bytes;
      if (isInside && (address & (align - 1)) == 0)
        continue;
      report(warp, op, isInside ? Check::misaligned : Check::outOfBounds, lane,
             accessText(op, bytes, isStore) + "shared memory + " +
                 std::to_string(int64_t(address)) +
                 (isInside ? ", not a multiple of " + std::to_string(align)
                           : ", of which the block has " +
                                 std::to_string(size) + " bytes"),
             {ptx::Space::shared, address});
      access.mask &= ~(uint32_t(1) << lane);
    }
  classify(warp, access, bytes);
  return access;
}

bool isLocal(Warp &warp, const Op &op, uint64_t at, unsigned bytes, int lane,
             bool isStore) {
  uint64_t size = warp.block->launch->program->function->localBytes;
  bool isInside = at < size && size - at >= bytes;
  if (!isInside || at % bytes != 0)
    report(warp, op, isInside ? Check::misaligned : Check::outOfBounds, lane,
           accessText(op, bytes, isStore) + "local memory + " +
               std::to_string(int64_t(at)) +
               (isInside ? ", not a multiple of " + std::to_string(bytes)
                         : ", of which a thread has " + std::to_string(size) +
                               " bytes"),
           {ptx::Space::local, at});
  return isInside && at % bytes == 0;
}

void noteUndefined(Warp &warp, const Op &op, const Access &access, int lane) {
  UndefinedLoad &load =
      access.buffer ? warp.block->fromGlobal : warp.block->fromShared;
  load = {&op, access.place.address + access.offset[lane]};
}

void countGlobal(Warp &warp, const Access &access, unsigned bytes,
                 bool isStore) {
  if (access.mask == 0)
    return;
  Counters &counters = warp.worker->counters;
  auto role = size_t(access.buffer->role);
  Traffic &traffic = isStore ? counters.stores[role] : counters.loads[role];
  TouchMap &touched = isStore ? access.buffer->stored : access.buffer->loaded;
  ++traffic.instructions;
  int lanes = std::popcount(access.mask);
  traffic.bytes += int64_t(lanes) * bytes;
  if (access.isStrided || access.isUniform) {
    uint64_t first = access.offset[std::countr_zero(access.mask)];
    uint64_t length = access.isStrided ? uint64_t(bytes) * laneCount : bytes;
    traffic.sectors += (first + length - 1) / 32 - first / 32 + 1;
    traffic.distinctBytes += length;
    touched.touch(first, length);
    return;
  }
  // Sorted by address: sectors and bytes that are not the ones before.
  uint64_t sorted[laneCount];
  int count = 0;
  for (uint32_t rest = access.mask; rest; rest &= rest - 1)
    sorted[count++] = access.offset[std::countr_zero(rest)];
  if (!std::is_sorted(sorted, sorted + count))
    std::sort(sorted, sorted + count);
  uint64_t nextSector = 0, nextByte = 0;
  for (int i = 0; i < count; ++i) {
    uint64_t from = std::max(sorted[i], nextByte), end = sorted[i] + bytes;
    traffic.distinctBytes += end > from ? int64_t(end - from) : 0;
    nextByte = std::max(nextByte, end);
    uint64_t low = std::max(sorted[i] / 32, nextSector), high = (end - 1) / 32;
    if (high + 1 > low)
      traffic.sectors += int64_t(high + 1 - low);
    nextSector = std::max(nextSector, high + 1);
  }
  for (int i = 0; i < count;) { // runs of neighbours at once
    uint64_t end = sorted[i] + bytes;
    int next = i + 1;
    while (next < count && sorted[next] <= end)
      end = std::max(end, sorted[next++] + bytes);
    touched.touch(sorted[i], end - sorted[i]);
    i = next;
  }
}

void countBanks(Warp &warp, const uint64_t *offsets, uint32_t mask,
                unsigned bytes) {
  Counters &counters = warp.worker->counters;
  // 8-byte accesses go in halves of a warp, 16-byte ones in quarters.
  int lanes = bytes >= 16 ? 8 : bytes == 8 ? 16 : 32;
  unsigned words = std::max(bytes / 4, 1u);
  for (int group = 0; group < laneCount; group += lanes) {
    uint64_t seen[32][32]; // distinct words of each bank
    uint8_t depth[32] = {};
    int passes = 0;
    for (int lane = group; lane < group + lanes; ++lane) {
      if (!(mask >> lane & 1))
        continue;
      for (unsigned word = 0; word < words; ++word) {
        uint64_t at = offsets[lane] / 4 + word;
        unsigned bank = at & 31;
        if (std::find(seen[bank], seen[bank] + depth[bank], at) ==
            seen[bank] + depth[bank])
          seen[bank][depth[bank]++] = at;
        passes = std::max<int>(passes, depth[bank]);
      }
    }
    counters.sharedWavefronts += passes;
    counters.bankConflicts += std::max(passes - 1, 0);
  }
}

void countShared(Warp &warp, const Access &access, unsigned bytes) {
  if (access.mask == 0)
    return;
  Counters &counters = warp.worker->counters;
  ++counters.sharedAccesses;
  if (access.isUniform)
    counters.sharedWavefronts += 1;
  else if (access.isStrided)
    counters.sharedWavefronts += std::max(bytes / 4, 1u);
  else
    countBanks(warp, access.offset, access.mask, bytes);
}

} // namespace quipu::emulator
