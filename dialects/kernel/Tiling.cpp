//===- Tiling.cpp - How a skeleton is cut into tiles ----------------------===//
//
// Arithmetic on couples and tiles; see the header for the numbering.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::kernel;

int64_t kernel::rowsPerCouple(SegmentOp segment) {
  return segment.getCouple() == Couple::single ? 1 : 2;
}

int64_t kernel::tileCouples(SegmentOp segment, ScheduleAttr schedule) {
  return std::max<int64_t>(1, schedule.getRowTile() / rowsPerCouple(segment));
}

int64_t kernel::rowTiles(SegmentOp segment, ScheduleAttr schedule) {
  return llvm::divideCeil(segment.getCouples(), tileCouples(segment, schedule));
}

int64_t kernel::rowTiles(Operation *skeleton) {
  int64_t tiles = 0;
  for (SegmentOp segment : getSegments(skeleton))
    tiles += rowTiles(segment, getSchedule(skeleton));
  return tiles;
}

/// The segment with destination argmax, or null.
static SegmentOp argmaxSegment(Operation *skeleton) {
  for (SegmentOp segment : getSegments(skeleton))
    if (segment.getDestination() == Destination::argmax)
      return segment;
  return {};
}

bool kernel::hasMerge(Operation *skeleton) {
  if (isa<AttentionDecodeOp>(skeleton))
    return true;
  return isa<MatvecOp, MatmulOp>(skeleton) && argmaxSegment(skeleton);
}

int64_t kernel::partialBytes(Operation *skeleton, int64_t maxSplits) {
  if (auto attention = dyn_cast<AttentionDecodeOp>(skeleton)) {
    int64_t queryHeads = attention.getKvHeads() * attention.getGroup();
    return queryHeads * maxSplits * (attention.getHeadDim() + 2) * 4;
  }
  return rowTiles(skeleton) * 8;
}
