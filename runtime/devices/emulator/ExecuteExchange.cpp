//===- ExecuteExchange.cpp - Values between lanes -------------------------===//
//
// shfl, vote, match, redux, elect. A lane may only ask for what lanes of the
// mask that are there have.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Definedness.h"
#include "runtime/devices/emulator/Execute.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace quipu::emulator {
namespace {

using ptx::Mode;
using ptx::Type;

const Row &operand(const Warp &warp, const Op &op, unsigned n) {
  return warp.rows[op.firstRow + n];
}
bool has(const Op &op, unsigned n) {
  ptx::OperandKind kind = op.instruction->operands[n].kind;
  return kind != ptx::OperandKind::none && kind != ptx::OperandKind::sink;
}

/// The mask operand, checked: the lanes that take part, of those in `mask`.
uint32_t members(Warp &warp, const Op &op, unsigned n, uint32_t mask) {
  uint32_t lane = std::countr_zero(mask);
  uint32_t asked = warp.row<uint32_t>(operand(warp, op, n))[lane];
  if (uint32_t missing = asked & ~mask & ~warp.exited)
    report(warp, op, Check::inactiveLane, lane,
           "the mask names lane " + std::to_string(std::countr_zero(missing)) +
               ", which does not take part",
           {.lanes = mask});
  if (!(asked >> lane & 1))
    report(warp, op, Check::inactiveLane, lane,
           "the mask leaves out the lane itself", {.lanes = mask & ~asked});
  return asked & mask;
}

/// Where a lane's value comes from; -1: from itself, with p false (PTX manual,
/// "shfl.sync").
int sourceLane(Mode mode, int lane, uint32_t b, uint32_t c) {
  int bound = int(c & 0x1f), segment = int(c >> 8 & 0x1f);
  int last = (lane & segment) | (bound & ~segment);
  int first = lane & segment;
  int offset = int(b & 0x1f), from = lane;
  switch (mode) {
  case Mode::up:
    from = lane - offset;
    return from >= last ? from : -1;
  case Mode::down:
    from = lane + offset;
    break;
  case Mode::bfly:
    from = lane ^ offset;
    break;
  default:
    from = first | (offset & ~segment);
  }
  return from <= last ? from : -1;
}

void setPredicate(Warp &warp, const Row &row, uint32_t mask, uint32_t value) {
  uint32_t &old = warp.predicate(row);
  old = (old & ~mask) | (value & mask);
}

/// One u32 (or predicate) result for the lanes of `mask`.
void broadcast(Warp &warp, const Row &row, uint32_t mask, uint32_t value,
               uint32_t bad) {
  setTaint(warp, row, mask, bad ? allLanes : 0);
  if (row.bytes == 0)
    return setPredicate(warp, row, mask, value ? allLanes : 0);
  auto *to = warp.row<uint32_t>(row);
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    to[std::countr_zero(rest)] = value;
}

} // namespace

Flow runShuffle(Warp &warp, const Op &op, uint32_t mask) {
  const Row &d = operand(warp, op, 0), &a = operand(warp, op, 2);
  const Row &b = operand(warp, op, 3), &c = operand(warp, op, 4);
  members(warp, op, 5, mask);
  uint32_t values[laneCount], valid = 0;
  uint8_t detail[laneCount] = {};
  bool anyBad = warp.undefined[a.slot] || warp.undefined[d.slot] ||
                warp.undefined[b.slot];
  std::memcpy(values, warp.row<uint32_t>(a), sizeof values);
  const uint32_t *from = warp.row<uint32_t>(a);
  const auto *bs = warp.row<uint32_t>(b), *cs = warp.row<uint32_t>(c);
  uint32_t result[laneCount];
  for (int lane = 0; lane < laneCount; ++lane) {
    int source = sourceLane(op.instruction->mode, lane, bs[lane], cs[lane]);
    if (source >= 0)
      valid |= uint32_t(1) << lane;
    int taken = source >= 0 ? source : lane;
    bool isThere = mask >> taken & 1;
    if ((mask >> lane & 1) && !isThere)
      report(warp, op, Check::inactiveLane, lane,
             "shuffle from lane " + std::to_string(taken) +
                 ", which is not active");
    result[lane] = from[taken];
    if (anyBad && isThere)
      detail[lane] =
          detailOf(warp, a, taken) | (detailOf(warp, b, lane) ? 15 : 0);
  }
  warp.lanes->blend(warp.row<void>(d), result, mask, 4);
  if (anyBad)
    setDetail(warp, d, mask, detail);
  if (has(op, 1)) {
    setPredicate(warp, operand(warp, op, 1), mask, valid);
    setTaint(warp, operand(warp, op, 1), mask, 0);
  }
  return Flow::next;
}

Flow runVote(Warp &warp, const Op &op, uint32_t mask) {
  const Row &a = operand(warp, op, 1);
  uint32_t taking = members(warp, op, 2, mask);
  uint32_t truth = warp.predicate(a);
  if (op.instruction->operands[1].negated)
    truth = ~truth;
  truth &= taking;
  uint32_t value = 0;
  switch (op.instruction->mode) {
  case Mode::all:
    value = truth == taking;
    break;
  case Mode::any:
    value = truth != 0;
    break;
  case Mode::uni:
    value = truth == taking || truth == 0;
    break;
  default:
    value = truth;
  }
  broadcast(warp, operand(warp, op, 0), mask, value,
            warp.undefined[a.slot] & taking);
  return Flow::next;
}

Flow runMatch(Warp &warp, const Op &op, uint32_t mask) {
  const Row &a = operand(warp, op, 2);
  uint32_t taking = members(warp, op, 3, mask);
  uint64_t values[laneCount] = {};
  for (int lane = 0; lane < laneCount; ++lane)
    std::memcpy(&values[lane], warp.row<std::byte>(a) + lane * a.bytes,
                a.bytes);
  uint32_t equal[laneCount] = {};
  bool isUniform = true;
  int first = std::countr_zero(taking | 0x80000000u);
  for (uint32_t rest = taking; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    for (uint32_t others = taking; others; others &= others - 1)
      if (int other = std::countr_zero(others); values[other] == values[lane])
        equal[lane] |= uint32_t(1) << other;
    isUniform &= values[lane] == values[first];
  }
  if (op.instruction->mode == Mode::all) {
    std::fill_n(equal, laneCount, isUniform ? taking : 0);
    if (has(op, 1))
      broadcast(warp, operand(warp, op, 1), mask, isUniform, 0);
  }
  const Row &d = operand(warp, op, 0);
  warp.lanes->blend(warp.row<void>(d), equal, mask, 4);
  setTaint(warp, d, mask, warp.undefined[a.slot] & taking ? allLanes : 0);
  return Flow::next;
}

Flow runReduce(Warp &warp, const Op &op, uint32_t mask) {
  const Row &a = operand(warp, op, 1);
  uint32_t taking = members(warp, op, 2, mask);
  const auto *values = warp.row<uint32_t>(a);
  bool isSignedType = isSigned(op.instruction->type);
  uint32_t result = values[std::countr_zero(taking | 0x80000000u)];
  for (uint32_t rest = taking & (taking - 1); rest; rest &= rest - 1) {
    uint32_t value = values[std::countr_zero(rest)];
    bool isLess =
        isSignedType ? int32_t(value) < int32_t(result) : value < result;
    switch (op.instruction->mode) {
    case Mode::add:
      result += value;
      break;
    case Mode::min:
      result = isLess ? value : result;
      break;
    case Mode::max:
      result = isLess ? result : value;
      break;
    case Mode::bitAnd:
      result &= value;
      break;
    case Mode::bitOr:
      result |= value;
      break;
    default:
      result ^= value;
    }
  }
  broadcast(warp, operand(warp, op, 0), mask, result,
            warp.undefined[a.slot] & taking);
  return Flow::next;
}

Flow runElect(Warp &warp, const Op &op, uint32_t mask) {
  uint32_t taking = members(warp, op, 2, mask);
  uint32_t leader = std::countr_zero(taking | 0x80000000u);
  if (has(op, 0))
    broadcast(warp, operand(warp, op, 0), mask, leader, 0);
  setPredicate(warp, operand(warp, op, 1), mask, uint32_t(1) << leader);
  setTaint(warp, operand(warp, op, 1), mask, 0);
  return Flow::next;
}

Flow runActiveMask(Warp &warp, const Op &op, uint32_t mask) {
  broadcast(warp, operand(warp, op, 0), mask, mask, 0);
  return Flow::next;
}

} // namespace quipu::emulator
