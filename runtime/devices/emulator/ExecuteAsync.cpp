//===- ExecuteAsync.cpp - cp.async, mbarrier and bulk copies --------------===//
//
// A cp.async reads when it is issued and writes when its thread waits for it;
// between the two its target counts as undefined. A bulk copy is done at once,
// and its order comes from the mbarrier that its reader waits for.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Access.h"
#include "runtime/devices/emulator/Execute.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace quipu::emulator {
namespace {

using ptx::Opcode;

const uint32_t *operand(const Warp &warp, const Op &op, unsigned n) {
  return warp.row<uint32_t>(warp.rows[op.firstRow + n]);
}
bool has(const Op &op, unsigned n) {
  return n < op.instruction->operandCount &&
         op.instruction->operands[n].kind != ptx::OperandKind::none;
}

/// The shared-memory offsets of op's first address.
uint32_t sharedAddresses(Warp &warp, const Op &op, uint32_t mask,
                         uint64_t *addresses) {
  mask = addressesOf(warp, op, mask, addresses);
  resolveSpace(op.space, addresses, mask);
  return mask;
}

/// Data for one lane of a copy, at most `bytes` from a buffer.
void readSource(Warp &warp, const Op &op, AsyncCopy &copy, const Access &from,
                unsigned bytes) {
  for (uint32_t rest = from.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    std::memcpy(copy.data + lane * 16, from.base + from.offset[lane], bytes);
    if (noteRead(warp, op, from.place, from.offset[lane], bytes, lane))
      continue;
    noteUndefined(warp, op, from, lane);
    copy.undefined[lane] =
        uint16_t(undefinedBytes(from.place, from.offset[lane], bytes));
  }
}

} // namespace

Flow runAsyncCopy(Warp &warp, const Op &op, uint32_t mask) {
  uint64_t to[laneCount], from[laneCount];
  unsigned bytes = *operand(warp, op, 2);
  mask = sharedAddresses(warp, op, mask, to);
  mask = addressesOf(warp, op, mask, from, true);
  if (!mask)
    return Flow::next;
  Access target = sharedAccess(warp, op, mask, to, bytes, bytes, true);
  countShared(warp, target, bytes);
  AsyncCopy copy;
  copy.op = &op;
  copy.mask = target.mask;
  copy.bytes = uint8_t(bytes);
  std::memset(copy.data, 0, sizeof copy.data);
  std::memset(copy.undefined, 0, sizeof copy.undefined);
  for (int lane = 0; lane < laneCount; ++lane)
    copy.to[lane] = uint32_t(target.offset[lane]);
  // Lanes by how many bytes they read; the rest of the target becomes zero.
  uint32_t left = target.mask;
  while (left) {
    int first = std::countr_zero(left);
    uint32_t size =
        has(op, 3) ? std::min(operand(warp, op, 3)[first], bytes) : bytes;
    uint32_t group = 0;
    for (uint32_t rest = left; rest; rest &= rest - 1) {
      int lane = std::countr_zero(rest);
      if (!has(op, 3) || std::min(operand(warp, op, 3)[lane], bytes) == size)
        group |= uint32_t(1) << lane;
    }
    left &= ~group;
    while (group && size) {
      Access source = globalAccess(warp, op, group, from, size, bytes, false);
      if (!source.mask)
        continue;
      countGlobal(warp, source, size, false);
      readSource(warp, op, copy, source, size);
    }
  }
  for (uint32_t rest = target.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    noteWrite(warp, op, target.place, copy.to[lane], bytes, lane, 0xffff);
  }
  if (copy.mask)
    keepCopy(warp, op, copy);
  return Flow::next;
}

//===----------------------------------------------------------------------===//
// mbarrier
//===----------------------------------------------------------------------===//

namespace {

/// The next phase, once nothing is pending.
void advance(Mbarrier &barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0)
    return;
  ++barrier.phase;
  barrier.pending = barrier.count;
  barrier.seen = std::move(barrier.nextSeen);
  barrier.nextSeen.clear();
}

/// What the warp did before is known to those that wait for the phase.
void bring(Warp &warp, Mbarrier &barrier) {
  barrier.nextSeen.resize(warp.seen.size());
  for (size_t other = 0; other < warp.seen.size(); ++other)
    barrier.nextSeen[other] =
        std::max(barrier.nextSeen[other], warp.seen[other]);
  barrier.nextSeen[warp.index] =
      std::max(barrier.nextSeen[warp.index], warp.clock + 1);
  ++warp.clock;
}

Mbarrier *find(Warp &warp, const Op &op, uint64_t offset, int lane) {
  auto found = warp.block->mbarriers.find(uint32_t(offset));
  if (found != warp.block->mbarriers.end())
    return &found->second;
  report(warp, op, Check::illegal, lane,
         "no mbarrier was initialized at shared memory + " +
             std::to_string(offset));
  return nullptr;
}

void arrive(Warp &warp, const Op &op, Mbarrier &barrier, uint64_t offset,
            uint32_t count, int lane) {
  if (barrier.pending < count)
    report(warp, op, Check::barrier, lane,
           "mbarrier at shared memory + " + std::to_string(offset) +
               ": more arrivals than the " + std::to_string(barrier.count) +
               " it was made for");
  barrier.pending -= std::min(count, barrier.pending);
}

/// The state that arrive returns, and test_wait takes.
uint64_t stateOf(const Mbarrier &barrier) { return barrier.phase; }

} // namespace

Flow runMbarrier(Warp &warp, const Op &op, uint32_t mask) {
  const ptx::Instruction &i = *op.instruction;
  uint64_t addresses[laneCount];
  mask = sharedAddresses(warp, op, mask, addresses);
  Access access = sharedAccess(warp, op, mask, addresses, 8, 8, true);
  unsigned arguments = i.destinations || i.opcode == Opcode::mbarrierArrive ||
                               i.opcode == Opcode::mbarrierArriveExpectTx
                           ? 2
                           : 1;
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    auto offset = uint32_t(access.offset[lane]);
    uint32_t value =
        has(op, arguments) ? operand(warp, op, arguments)[lane] : 1;
    if (i.opcode == Opcode::mbarrierInit) {
      Mbarrier barrier;
      barrier.count = barrier.pending = value;
      warp.block->mbarriers[offset] = barrier;
      noteWrite(warp, op, access.place, offset, 8, lane, 0);
      continue;
    }
    Mbarrier *barrier = find(warp, op, offset, lane);
    if (!barrier)
      continue;
    uint64_t state = stateOf(*barrier);
    switch (i.opcode) {
    case Opcode::mbarrierInval:
      warp.block->mbarriers.erase(offset);
      continue;
    case Opcode::mbarrierExpectTx:
      barrier->bytes += value;
      break;
    case Opcode::mbarrierCompleteTx:
      barrier->bytes -= value;
      break;
    default: {
      bool expects = i.opcode == Opcode::mbarrierArriveExpectTx;
      uint32_t count = expects ? 1 : value;
      barrier->bytes += expects ? value : 0;
      bring(warp, *barrier);
      arrive(warp, op, *barrier, offset, count, lane);
      if (has(op, 0) && i.operands[0].kind == ptx::OperandKind::reg) {
        const Row &d = warp.rows[op.firstRow];
        std::memcpy(warp.row<std::byte>(d) + lane * 8, &state, 8);
        warp.undefined[d.slot] &= ~(uint32_t(1) << lane);
      }
    }
    }
    advance(*barrier);
  }
  return Flow::next;
}

/// The copies of these lanes so far are done when they arrive: what waits for
/// the mbarrier's phase is what they are ordered before. Without .noinc the
/// arrival is one more than the barrier was made for, so that none is left.
Flow runAsyncArrive(Warp &warp, const Op &op, uint32_t mask) {
  uint64_t addresses[laneCount];
  mask = sharedAddresses(warp, op, mask, addresses);
  Access access = sharedAccess(warp, op, mask, addresses, 8, 8, true);
  runAsyncCommit(warp, op, mask);
  finishCopies(warp, mask, 0);
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    Mbarrier *barrier = find(warp, op, access.offset[lane], lane);
    if (!barrier)
      continue;
    bring(warp, *barrier);
    if (!op.instruction->noinc)
      continue;
    arrive(warp, op, *barrier, access.offset[lane], 1, lane);
    advance(*barrier);
  }
  return Flow::next;
}

/// Both forms of waiting tell whether the phase is over; a try that would block
/// for long lets others run.
Flow runMbarrierWait(Warp &warp, const Op &op, uint32_t mask) {
  const ptx::Instruction &i = *op.instruction;
  uint64_t addresses[laneCount];
  mask = sharedAddresses(warp, op, mask, addresses);
  Access access = sharedAccess(warp, op, mask, addresses, 8, 8, true);
  const Row &d = warp.rows[op.firstRow], &argument = warp.rows[op.firstRow + 2];
  uint32_t done = 0;
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    Mbarrier *barrier = find(warp, op, access.offset[lane], lane);
    if (!barrier)
      continue;
    uint64_t wanted = 0;
    std::memcpy(&wanted, warp.row<std::byte>(argument) + lane * argument.bytes,
                argument.bytes);
    bool isOver = i.parity ? (barrier->phase & 1) != (wanted & 1)
                           : barrier->phase > wanted;
    if (!isOver)
      continue;
    done |= uint32_t(1) << lane;
    for (size_t other = 0; other < barrier->seen.size(); ++other)
      warp.seen[other] = std::max(warp.seen[other], barrier->seen[other]);
    // Its own past, and what its other lanes' copies wrote.
    warp.laneFloor = ++warp.clock;
  }
  uint32_t &truth = warp.predicate(d);
  truth = (truth & ~mask) | (done & mask);
  warp.undefined[d.slot] &= ~mask;
  if (done == mask)
    return Flow::next;
  ++warp.pc;
  return Flow::again;
}

/// Global memory to shared memory, or back.
Flow runBulkCopy(Warp &warp, const Op &op, uint32_t mask) {
  const ptx::Instruction &i = *op.instruction;
  bool isLoad = i.space2 == ptx::Space::global;
  uint64_t to[laneCount], from[laneCount];
  mask = addressesOf(warp, op, mask, to);
  mask = addressesOf(warp, op, mask, from, true);
  const uint32_t *sizes = operand(warp, op, 2);
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    uint32_t one = uint32_t(1) << lane, size = sizes[lane], other = one;
    if (size % 16 != 0 || size == 0) {
      report(warp, op, Check::illegal, lane,
             "bulk copy of " + std::to_string(size) +
                 " bytes: expected a multiple of 16");
      continue;
    }
    Access global =
        globalAccess(warp, op, other, isLoad ? from : to, size, 16, !isLoad);
    Access shared =
        sharedAccess(warp, op, one, isLoad ? to : from, size, 16, isLoad);
    if (!global.mask || !shared.mask)
      continue;
    countGlobal(warp, global, size, !isLoad);
    const Access &source = isLoad ? global : shared;
    const Access &target = isLoad ? shared : global;
    if (!noteRead(warp, op, source.place, source.offset[lane], size, lane))
      noteUndefined(warp, op, source, lane);
    std::memcpy(target.base + target.offset[lane],
                source.base + source.offset[lane], size);
    for (uint32_t done = 0; done < size; done += 16)
      noteWrite(warp, op, target.place, target.offset[lane] + done, 16, lane,
                undefinedBytes(source.place, source.offset[lane] + done, 16));
    if (!isLoad || !has(op, 3))
      continue;
    const ptx::Operand &at = i.operands[3];
    uint64_t barrierAt = at.value;
    if (at.hasBase)
      barrierAt += operand(warp, op, 3)[lane];
    if (Mbarrier *barrier = find(warp, op, barrierAt, lane)) {
      barrier->bytes -= size;
      bring(warp, *barrier);
      advance(*barrier);
    }
  }
  return Flow::next;
}

} // namespace quipu::emulator
