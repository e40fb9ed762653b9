//===- ExecuteControl.cpp - Branches and the end of lanes -----------------===//
//
// Lanes that part wait for each other at the branch's immediate post-dominator:
// a stack holds, per group, where it goes on and where it stops to meet.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Definedness.h"
#include "runtime/devices/emulator/Execute.h"

#include <bit>
#include <cstring>

namespace quipu::emulator {
namespace {

/// Goes on with the topmost group that has lanes left.
Flow resume(Warp &warp) {
  while (!warp.stack.empty()) {
    Warp::Level &top = warp.stack.back();
    top.mask &= ~warp.exited;
    if (top.mask != 0 && top.pc != noOp) {
      warp.active = top.mask;
      warp.pc = top.pc;
      return Flow::jump;
    }
    warp.stack.pop_back();
  }
  warp.active = 0;
  warp.state = Warp::State::done;
  return Flow::done;
}

/// A group of lanes and the op that it goes to.
struct Side {
  uint32_t mask, pc;
};

/// The running group becomes `sides`, which meet at `reconverge`. A side that
/// is there already waits in the level below.
Flow part(Warp &warp, uint32_t reconverge, const Side *sides, int count) {
  if (warp.stack.back().reconverge == reconverge)
    warp.stack.pop_back(); // the level below waits there
  else
    warp.stack.back().pc = reconverge;
  for (int i = 0; i < count; ++i)
    if (sides[i].mask && sides[i].pc != reconverge)
      warp.stack.push_back({sides[i].pc, sides[i].mask, reconverge});
  return resume(warp);
}

} // namespace

Flow endLanes(Warp &warp, uint32_t mask) {
  warp.exited |= mask;
  warp.active &= ~mask;
  return warp.active ? Flow::next : resume(warp);
}

Flow runBranch(Warp &warp, const Op &op, uint32_t mask) {
  if (mask == warp.active) {
    warp.pc = op.target;
    return Flow::jump;
  }
  Side sides[] = {{warp.active & ~mask, warp.pc + 1}, {mask, op.target}};
  return part(warp, op.reconverge, sides, 2);
}

Flow runBranchTable(Warp &warp, const Op &op, uint32_t mask) {
  const std::vector<uint32_t> &table =
      warp.block->launch->program->tables[op.target];
  const auto *index = warp.row<uint32_t>(op.a);
  if (uint32_t bad = warp.undefined[op.a.slot] & mask) {
    report(warp, op, Check::undefined, std::countr_zero(bad),
           "the branch depends on a value that nothing wrote", {.lanes = bad});
    warp.undefined[op.a.slot] &= ~bad; // said once
  }
  std::vector<Side> sides;
  if (uint32_t rest = warp.active & ~mask)
    sides.push_back({rest, warp.pc + 1});
  for (uint32_t rest = mask; rest;) {
    int lane = std::countr_zero(rest);
    uint32_t group = 0;
    for (uint32_t others = rest; others; others &= others - 1)
      if (int other = std::countr_zero(others); index[other] == index[lane])
        group |= uint32_t(1) << other;
    rest &= ~group;
    if (index[lane] >= table.size()) {
      report(warp, op, Check::illegal, lane,
             "branch table has " + std::to_string(table.size()) +
                 " entries, index is " + std::to_string(index[lane]));
      warp.exited |= group;
      continue;
    }
    sides.push_back({group, table[index[lane]]});
  }
  if (sides.size() == 1) {
    warp.pc = sides[0].pc;
    return Flow::jump;
  }
  return part(warp, op.reconverge, sides.data(), int(sides.size()));
}

/// Stands before an instruction where lanes meet.
Flow runJoin(Warp &warp, const Op &op, uint32_t mask) {
  if (warp.stack.back().reconverge != warp.pc || warp.stack.size() == 1)
    return Flow::next;
  warp.stack.pop_back();
  return resume(warp);
}
Handler joinHandler() { return runJoin; }

Flow runExit(Warp &warp, const Op &op, uint32_t mask) {
  if (!warp.open.empty() || !warp.groups.empty())
    if ((mask | warp.exited) == allLanes)
      finishCopies(warp, mask, 0); // the hardware finishes them; nobody looks
  return endLanes(warp, mask);
}

Flow runTrap(Warp &warp, const Op &op, uint32_t mask) {
  report(warp, op, Check::trap, std::countr_zero(mask),
         "the kernel executed trap");
  warp.block->launch->stop = true;
  return endLanes(warp, mask);
}

/// What a lane's variable in local memory holds.
template <typename T>
static T localValue(const Warp &warp, const ptx::Operand &variable, int lane) {
  T value;
  uint64_t size = warp.block->launch->program->function->localBytes;
  std::memcpy(&value, &warp.local[uint64_t(lane) * size + variable.value],
              sizeof value);
  return value;
}

/// The text at an address, as far as there is one.
static std::string textAt(const Warp &warp, uint64_t at) {
  constexpr uint64_t most = 200;
  std::string text;
  Piece piece = warp.block->launch->memory->pieceAt(at);
  for (; text.size() < most && piece.holds(at, 1); ++at) {
    char c = char(piece.buffer->host[at - piece.buffer->address]);
    if (c == 0)
      break;
    text += c >= ' ' && c <= '~' ? c : '?';
  }
  return text;
}

Flow runAssertFail(Warp &warp, const Op &op, uint32_t mask) {
  int lane = std::countr_zero(mask);
  const auto &passed = op.instruction->operands;
  report(warp, op, Check::trap, uint32_t(lane),
         "assertion failed: " +
             textAt(warp, localValue<uint64_t>(warp, passed[0], lane)) + ", " +
             textAt(warp, localValue<uint64_t>(warp, passed[1], lane)) + ":" +
             std::to_string(localValue<uint32_t>(warp, passed[2], lane)));
  warp.block->launch->stop = true;
  return endLanes(warp, mask);
}

Flow runNothing(Warp &, const Op &, uint32_t) { return Flow::next; }

} // namespace quipu::emulator
