//===- MatvecSteps.cpp - How a team goes through a matvec -----------------===//
//
// A lane takes a whole block of a quantized row, of others as many elements as
// one load has bytes for. It takes less where rows would not stay aligned. Runs
// are for rows that are not whole sectors: others gain nothing by them.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/MatvecSteps.h"

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/KernelFunction.h"
#include "kernels/nvptx/RowWindows.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <numeric>

using namespace mlir;
using namespace quipu;
using kernel::Couple;

/// Two blocks of it fit every multiprocessor.
static constexpr int64_t mostRunBytes = 48 * 1024;

int64_t gpu::RunShape::bytes() const {
  return rows * std::accumulate(rowBytes.begin(), rowBytes.end(), int64_t(0));
}

/// The runs of teams that take `ofBlock` couples of `segment` at a time; none
/// where a team's rows do not follow those of the team before.
static gpu::RunShape findRuns(kernel::SegmentOp segment,
                              kernel::ScheduleAttr schedule, int64_t ofBlock,
                              int64_t columns) {
  Couple couple = segment.getCouple();
  int64_t members = kernel::rowsPerCouple(segment);
  bool halves = couple == Couple::half;
  if (kernel::tileCouples(segment, schedule) % ofBlock != 0 ||
      (halves && int64_t(*segment.getHeadDim()) / 2 % ofBlock != 0))
    return {};
  gpu::RunShape runs;
  int64_t count = couple == Couple::interleaved ? 1 : members;
  runs.rows = ofBlock * members / count;
  runs.mayEndEarly = segment.getCouples() % ofBlock != 0;
  for (int64_t member = 0; member < count; ++member) {
    Value weight = segment.getWeights()[couple == Couple::zip ? member : 0];
    Type stored = cast<RankedTensorType>(weight.getType()).getElementType();
    ElementType type = *llama::elementType(stored);
    int64_t row = rowBytes(type, columns);
    bool gains = isQuantized(type) && row % gpu::RowWindows::sectorBytes != 0;
    bool isAligned = runs.rows * row % gpu::RunShape::copyBytes == 0;
    runs.rowBytes.push_back(gains && isAligned ? row : 0);
  }
  return runs.bytes() <= mostRunBytes ? runs : gpu::RunShape();
}

gpu::MatvecSteps::MatvecSteps(kernel::SegmentOp segment,
                              kernel::ScheduleAttr schedule, int64_t columns)
    : couples(std::max<int64_t>(1, schedule.getRowUnroll() /
                                       kernel::rowsPerCouple(segment))),
      laneElements(1), lanes(warpThreads) {
  for (Value weight : segment.getWeights()) {
    Type stored = cast<RankedTensorType>(weight.getType()).getElementType();
    ElementType type = *llama::elementType(stored);
    int64_t own = quipu::blockElements(type) > 1
                      ? quipu::blockElements(type)
                      : schedule.getVector() * 2 / int64_t(rowBytes(type, 1));
    laneElements = std::max(laneElements, own);
  }
  // The widest that leaves every row aligned to its loads.
  while (columns % laneElements)
    laneElements /= 2;
  // Smaller teams where lanes would have nothing to do, as long as a tile has
  // rows for all of them, and each couple has a lane to finish it.
  int64_t inTile = kernel::tileCouples(segment, schedule);
  auto hasRows = [&](int64_t size) {
    return size >= couples &&
           inTile % (couples * (schedule.getThreads() / size)) == 0;
  };
  while (lanes / 2 * laneElements >= columns && hasRows(lanes / 2))
    lanes /= 2;
  teams = schedule.getThreads() / lanes;
  runs = findRuns(segment, schedule, couples * teams, columns);
}

bool gpu::MatvecSteps::takeTurnsTogether() const {
  return lanes < warpThreads || !runs.empty();
}
