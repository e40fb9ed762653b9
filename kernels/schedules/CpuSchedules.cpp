//===- CpuSchedules.cpp - Sizes for the CPU emitters ----------------------===//
//
// Tiles first (they decide grids), then what fits a variant's registers.
//
//===----------------------------------------------------------------------===//

#include "kernels/schedules/CpuSchedules.h"

#include <algorithm>

using namespace mlir;
using namespace quipu;
using kernel::Arithmetic;
using kernel::ScheduleAttr;

ScheduleAttr quipu::chooseTiles(Operation *skeleton, int64_t maxTokens) {
  MLIRContext *context = skeleton->getContext();
  auto tiles = [&](int64_t row, int64_t token, int64_t kv) {
    return ScheduleAttr::get(context, row, std::min(token, maxTokens), kv, 0, 0,
                             0, Arithmetic::f32);
  };
  if (isa<kernel::MatvecOp>(skeleton))
    return tiles(32, 1, 0);
  if (isa<kernel::MatmulOp>(skeleton))
    return tiles(32, 128, 0);
  if (isa<kernel::AttentionDecodeOp>(skeleton))
    return tiles(1, 1, 64);
  if (isa<kernel::AttentionPrefillOp>(skeleton))
    return tiles(1, 32, 64);
  return tiles(1, 4, 0);
}

ScheduleAttr quipu::chooseVariant(Operation *skeleton,
                                  const CpuVariant &variant) {
  ScheduleAttr tiles = kernel::getSchedule(skeleton);
  bool wide = variant.registers == 32;
  return ScheduleAttr::get(skeleton->getContext(), tiles.getRowTile(),
                           tiles.getTokenTile(), tiles.getKvTile(),
                           variant.lanes, wide ? 6 : 3, wide ? 4 : 3,
                           Arithmetic::f32);
}
