//===- AsyncGroups.cpp - What cp.async copies are waited for --------------===//
//
// Every thread has groups of its own. Those that lanes of a warp commit in one
// instruction are kept as one, with the lanes that it is a group of; most often
// all, for which nothing has to be counted.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Execute.h"
#include "runtime/devices/emulator/Order.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace quipu::emulator {
namespace {

/// The copies of `lanes` are done.
void finishCopy(Warp &warp, AsyncCopy &copy, uint32_t lanes) {
  Block &block = *warp.block;
  Place place{block.shadow, true, 0};
  for (uint32_t rest = copy.mask & lanes; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    std::memcpy(block.shared.data() + copy.to[lane], copy.data + lane * 16,
                copy.bytes);
    noteWrite(warp, *copy.op, place, copy.to[lane], copy.bytes, lane,
              copy.undefined[lane]);
  }
  copy.mask &= ~lanes;
}

/// More is an error of the kernel: shared memory has not the room for so many
/// copies of a whole warp. Each takes memory here until it is waited for.
constexpr size_t mostKept = 4096;

/// The group is no longer one of `lanes`.
void finishGroup(Warp &warp, AsyncGroup &group, uint32_t lanes) {
  for (AsyncCopy &copy : group.copies)
    finishCopy(warp, copy, lanes);
  group.lanes &= ~lanes;
}

/// As finishCopies(), where lanes have different groups.
void finishUnevenly(Warp &warp, uint32_t lanes, size_t left) {
  std::vector<uint32_t> done(warp.groups.size()); // lanes, by group
  size_t newer[laneCount] = {};
  for (size_t n = warp.groups.size(); n-- > 0;)
    for (uint32_t rest = warp.groups[n].lanes & lanes; rest; rest &= rest - 1)
      if (int lane = std::countr_zero(rest); newer[lane]++ >= left)
        done[n] |= uint32_t(1) << lane;
  for (size_t n = 0; n < done.size(); ++n)
    finishGroup(warp, warp.groups[n], done[n]);
  std::erase_if(warp.groups, [&](const AsyncGroup &group) {
    warp.keptCopies -= group.lanes == 0 ? group.copies.size() : 0;
    return group.lanes == 0;
  });
}

void checkKept(Warp &warp, const Op &op, uint32_t mask) {
  if (std::max(warp.keptCopies, warp.groups.size()) <= mostKept)
    return;
  report(warp, op, Check::illegal, uint32_t(std::countr_zero(mask)),
         "more than " + std::to_string(mostKept) +
             " copies or groups of copies of a warp, for which it does not "
             "wait");
  warp.block->launch->stop = true;
}

} // namespace

void finishCopies(Warp &warp, uint32_t lanes, size_t left) {
  lanes |= warp.exited; // which wait for nothing themselves
  bool isEven = lanes == allLanes;
  for (const AsyncGroup &group : warp.groups)
    isEven &= group.lanes == allLanes;
  if (!isEven)
    return finishUnevenly(warp, lanes, left);
  while (warp.groups.size() > left) {
    finishGroup(warp, warp.groups.front(), lanes);
    warp.keptCopies -= warp.groups.front().copies.size();
    warp.groups.pop_front();
  }
}

void keepCopy(Warp &warp, const Op &op, const AsyncCopy &copy) {
  warp.open.push_back(copy);
  ++warp.keptCopies;
  checkKept(warp, op, copy.mask);
}

Flow runAsyncCommit(Warp &warp, const Op &op, uint32_t mask) {
  AsyncGroup group;
  group.lanes = mask | warp.exited;
  if (group.lanes == allLanes) {
    group.copies.swap(warp.open);
  } else {
    for (AsyncCopy &copy : warp.open) {
      if (!(copy.mask & group.lanes))
        continue;
      group.copies.push_back(copy);
      group.copies.back().mask &= group.lanes;
      ++warp.keptCopies;
      copy.mask &= ~group.lanes;
    }
    warp.keptCopies -= std::erase_if(
        warp.open, [](const AsyncCopy &copy) { return copy.mask == 0; });
  }
  warp.groups.push_back(std::move(group));
  checkKept(warp, op, mask);
  return Flow::next;
}

Flow runAsyncWait(Warp &warp, const Op &op, uint32_t mask) {
  bool isAll = op.instruction->opcode == ptx::Opcode::cpAsyncWaitAll;
  if (isAll)
    runAsyncCommit(warp, op, mask);
  size_t left = isAll ? 0 : *warp.row<uint32_t>(warp.rows[op.firstRow]);
  finishCopies(warp, mask, left);
  return Flow::next;
}

} // namespace quipu::emulator
