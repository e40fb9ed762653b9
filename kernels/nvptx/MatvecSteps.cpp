//===- MatvecSteps.cpp - How a warp goes through a matvec -----------------===//
//
// A lane takes a whole block of a quantized row, of others as many elements as
// one load has bytes for. It takes less where rows would not stay aligned.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/MatvecSteps.h"

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"

#include <algorithm>

using namespace mlir;
using namespace quipu;

gpu::MatvecSteps::MatvecSteps(kernel::SegmentOp segment,
                              kernel::ScheduleAttr schedule, int64_t columns)
    : couples(std::max<int64_t>(1, schedule.getRowUnroll() /
                                       kernel::rowsPerCouple(segment))),
      laneElements(1) {
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
}
