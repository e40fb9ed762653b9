//===- ExecuteBarriers.cpp - Barriers and fences --------------------------===//
//
// A barrier joins the clocks of the warps that meet at it. Reaching one with
// part of a warp, or of a block, is a finding: hardware hangs or goes wrong.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Execute.h"
#include "runtime/devices/emulator/Order.h"

#include <algorithm>
#include <bit>

namespace quipu::emulator {
namespace {

using ptx::Opcode;

/// Everybody of a complete barrier goes on, knowing what the others did.
void complete(Block &block, Barrier &barrier) {
  uint32_t everyone = block.launch->warps == 32
                          ? allLanes
                          : (uint32_t(1) << block.launch->warps) - 1;
  bool isWhole = barrier.joined == everyone && barrier.waiting == everyone;
  uint64_t clock = barrier.clock + 1;
  for (uint32_t rest = barrier.waiting; rest; rest &= rest - 1) {
    Warp &warp = block.warps[std::countr_zero(rest)];
    warp.state = Warp::State::running;
    warp.clock = std::max(warp.clock, clock);
    warp.laneFloor = warp.clock;
    for (size_t other = 0; other < warp.seen.size(); ++other)
      warp.seen[other] = std::max(warp.seen[other], barrier.seen[other]);
    warp.known.join(barrier.known);
    if (isWhole) {
      warp.clock = warp.laneFloor = warp.floor = clock;
      std::fill(warp.seen.begin(), warp.seen.end(), clock);
    }
  }
  if (isWhole)
    block.floorCell = block.generation << launchShift | clock << clockShift;
  barrier = Barrier{};
}

/// What a warp brings to a barrier.
void join(Warp &warp, Barrier &barrier) {
  barrier.seen.resize(warp.seen.size());
  for (size_t other = 0; other < warp.seen.size(); ++other)
    barrier.seen[other] = std::max(barrier.seen[other], warp.seen[other]);
  uint64_t &own = barrier.seen[warp.index];
  own = std::max(own, warp.clock + 1);
  barrier.clock = std::max(barrier.clock, warp.clock);
  barrier.known.join(warp.known);
  barrier.joined |= uint32_t(1) << warp.index;
}

uint32_t operandValue(const Warp &warp, const Op &op, unsigned n,
                      uint32_t lane) {
  return warp.row<uint32_t>(warp.rows[op.firstRow + n])[lane];
}

void reduce(Warp &warp, const Op &op, Barrier &barrier, uint32_t mask) {
  uint32_t truth = warp.predicate(warp.rows[op.firstRow + 3]);
  if (op.instruction->operands[3].negated)
    truth = ~truth;
  if (barrier.arrived == 0)
    barrier.reduced[0] = 1;
  barrier.reduced[0] &= (truth & mask) == mask;
  barrier.reduced[1] |= (truth & mask) != 0;
  barrier.reduced[2] += std::popcount(truth & mask);
}

/// The result of barRed goes to all that wait: those wait with their op.
void deliver(Block &block, const Barrier &barrier, uint32_t number) {
  for (Warp &warp : block.warps) {
    if (warp.state != Warp::State::waiting || warp.barrier != number)
      continue;
    const Op &op = block.launch->program->ops[warp.pc - 1];
    if (op.instruction->opcode != Opcode::barRed)
      continue;
    const Row &d = warp.rows[op.firstRow];
    ptx::Mode mode = op.instruction->mode;
    uint32_t value = mode == ptx::Mode::bitAnd  ? barrier.reduced[0]
                     : mode == ptx::Mode::bitOr ? barrier.reduced[1]
                                                : barrier.reduced[2];
    warp.undefined[d.slot] = 0;
    if (d.bytes == 0)
      warp.predicate(d) = value ? allLanes : 0;
    else
      std::fill_n(warp.row<uint32_t>(d), laneCount, value);
  }
}

/// The barrier that an instruction names, and for how many threads.
struct Named {
  uint32_t number = 0, threads = 0;
};

Named namedBy(const Warp &warp, const Op &op, uint32_t lane) {
  const ptx::Instruction &i = *op.instruction;
  unsigned first = i.opcode == Opcode::barRed ? 1 : 0;
  bool isCounted = i.operandCount > first + 1 &&
                   i.operands[first + 1].kind != ptx::OperandKind::none;
  return {operandValue(warp, op, first, lane),
          isCounted ? operandValue(warp, op, first + 1, lane)
                    : warp.block->launch->warps * laneCount};
}

/// Whether the lanes of `mask` may join a barrier; if not, the launch ends with
/// what is wrong.
bool mayJoin(Warp &warp, const Op &op, uint32_t mask, Named named) {
  Block &block = *warp.block;
  const Barrier &barrier = block.barriers[named.number % 16];
  Check check = Check::barrier;
  std::string wrong;
  if (mask != ~warp.exited) {
    wrong = "barrier reached by " + std::to_string(std::popcount(mask)) +
            " of the warp's " + std::to_string(std::popcount(~warp.exited)) +
            " threads";
  } else if (named.number > 15 || named.threads == 0 ||
             named.threads % laneCount != 0 ||
             named.threads > block.launch->warps * laneCount) {
    check = Check::illegal;
    wrong = "barrier " + std::to_string(named.number) + " of " +
            std::to_string(named.threads) +
            " threads: expected a number up to 15 and a multiple of 32 "
            "threads that the block has";
  } else if (barrier.expected != 0 && barrier.expected != named.threads) {
    wrong = "barrier " + std::to_string(named.number) + " reached for " +
            std::to_string(named.threads) + " threads while others (line " +
            std::to_string(barrier.line) + ") wait for " +
            std::to_string(barrier.expected);
  } else {
    return true;
  }
  report(warp, op, check, uint32_t(std::countr_zero(mask)), wrong);
  block.launch->stop = true;
  return false;
}

} // namespace

Flow runBarrier(Warp &warp, const Op &op, uint32_t mask) {
  Block &block = *warp.block;
  Named named = namedBy(warp, op, uint32_t(std::countr_zero(mask)));
  if (!mayJoin(warp, op, mask, named))
    return Flow::next;
  Barrier &barrier = block.barriers[named.number];
  barrier.expected = named.threads;
  barrier.line = op.line;
  if (op.instruction->opcode == Opcode::barRed)
    reduce(warp, op, barrier, mask);
  barrier.arrived += laneCount;
  join(warp, barrier);
  bool waits = op.instruction->opcode != Opcode::barArrive;
  if (waits) {
    barrier.waiting |= uint32_t(1) << warp.index;
    warp.state = Warp::State::waiting;
    warp.barrier = named.number;
    warp.waitingLine = op.line;
    ++warp.pc; // goes on behind
  } else {
    ++warp.clock;
  }
  if (barrier.arrived >= barrier.expected) {
    deliver(block, barrier, named.number);
    complete(block, barrier);
  }
  if (!waits)
    return Flow::next;
  return warp.state == Warp::State::running ? Flow::jump : Flow::wait;
}

/// Lanes run in step, so nobody waits; it orders them. One for part of a warp
/// is taken to order the whole: it may hide a race, and never invents one.
Flow runWarpBarrier(Warp &warp, const Op &op, uint32_t mask) {
  uint32_t lane = std::countr_zero(mask);
  uint32_t members = operandValue(warp, op, 0, lane);
  if (!(members >> lane & 1)) {
    report(warp, op, Check::barrier, lane,
           "bar.warp.sync by a lane that its mask leaves out");
  } else if (uint32_t missing = members & ~warp.active & ~warp.exited) {
    report(warp, op, Check::barrier, lane,
           "bar.warp.sync waits for lane " +
               std::to_string(std::countr_zero(missing)) +
               ", which is not there");
  }
  warp.laneFloor = ++warp.clock;
  return Flow::next;
}

Flow runFence(Warp &warp, const Op &op, uint32_t) {
  fence(warp, op.instruction->scope);
  return Flow::next;
}

} // namespace quipu::emulator
