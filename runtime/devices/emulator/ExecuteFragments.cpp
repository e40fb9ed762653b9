//===- ExecuteFragments.cpp - Addresses of wmma's loads and stores --------===//
//
// Which lane holds what of a wmma fragment is nobody's business but ours: a
// lane holds a run of a row (or column) of the 16 x 16 matrix, so that its
// registers are loaded as vectors from where this puts the address.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Access.h"
#include "runtime/devices/emulator/Definedness.h"
#include "runtime/devices/emulator/Execute.h"

#include <bit>

namespace quipu::emulator {

/// d = the address of element `target` of each lane's `count`; c is the stride
/// between rows (or columns) in elements. 16 to a lane leave the upper half of
/// the warp a copy.
Flow runFragmentAddress(Warp &warp, const Op &op, uint32_t mask) {
  if (mask != allLanes) {
    report(warp, op, Check::inactiveLane, std::countr_zero(~mask),
           "an instruction of the whole warp, reached without this lane");
    return Flow::next;
  }
  uint64_t addresses[laneCount];
  addressesOf(warp, op, mask, addresses);
  const auto *strides = warp.row<uint32_t>(op.c);
  if (uint32_t bad = warp.undefined[op.c.slot])
    report(warp, op, Check::undefined, std::countr_zero(bad),
           "the stride depends on a value that nothing wrote");
  auto *to = warp.row<uint64_t>(op.d);
  constexpr uint32_t extent = 16;
  uint32_t lanesOfRun = extent / op.count;
  for (uint32_t lane = 0; lane < uint32_t(laneCount); ++lane) {
    uint64_t run = lane / lanesOfRun % extent;
    uint64_t inRun = lane % lanesOfRun * op.count + op.target;
    uint64_t element = op.isStrided ? inRun * strides[lane] + run
                                    : run * strides[lane] + inRun;
    to[lane] = addresses[lane] + element * op.elementBytes;
  }
  setTaint(warp, op.d, mask, 0);
  return Flow::next;
}

} // namespace quipu::emulator
