//===- MatvecTraffic.cpp - What a matvec asks memory for ------------------===//
//
// Matvec.cpp's tile: a team takes row_unroll rows at a time, each of its lanes
// its part of them and the activations and column values that go with it.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/KernelFunction.h"
#include "kernels/nvptx/MatvecSteps.h"
#include "kernels/nvptx/RowWindows.h"
#include "kernels/nvptx/TrafficCount.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Times that a team takes row_unroll rows of `segment`: that all teams of a
/// block do together, where they must.
static int64_t teamPasses(kernel::SegmentOp segment,
                          kernel::ScheduleAttr schedule,
                          const MatvecSteps &steps) {
  int64_t together = steps.takeTurnsTogether() ? steps.teams : 1;
  int64_t couples = steps.couples * together;
  int64_t inTile = kernel::tileCouples(segment, schedule);
  int64_t whole = segment.getCouples() / inTile;
  int64_t left = segment.getCouples() % inTile;
  return together * (whole * llvm::divideCeil(inTile, couples) +
                     llvm::divideCeil(left, couples));
}

/// Of `read` rows of a tensor of `rows`, which are all of them and then the
/// last one again.
static int64_t windowBytes(const RowWindows &windows, int64_t rows,
                           int64_t read) {
  return windows.copiedBytes(rows) +
         (read - rows) * windows.copiedBytes(rows - 1, rows);
}

void gpu::countMatvec(TrafficCount &count, kernel::MatvecOp op) {
  kernel::ScheduleAttr schedule = kernel::getSchedule(op);
  kernel::PrologueOp prologue = kernel::getPrologue(op);
  int64_t columns = tensorType(prologue.getSource()).getDimSize(1);
  for (kernel::SegmentOp segment : kernel::getSegments(op)) {
    int64_t members = kernel::rowsPerCouple(segment);
    MatvecSteps steps(segment, schedule, columns);
    int64_t passes = teamPasses(segment, schedule, steps);
    for (auto [member, weight] : llvm::enumerate(segment.getWeights())) {
      ElementType type =
          *llama::elementType(tensorType(weight).getElementType());
      int64_t row = rowBytes(type, columns);
      int64_t rows =
          steps.couples * members / int64_t(segment.getWeights().size());
      int64_t unique = tensorType(weight).getDimSize(0) * row;
      int64_t issued = passes * rows * row;
      if (steps.runs.holds(int64_t(member)))
        issued = unique;
      else if (isQuantized(type))
        issued = windowBytes({type, columns, steps.stepElements()},
                             tensorType(weight).getDimSize(0), passes * rows);
      count.load(weight, issued, unique);
    }
    int64_t source = storedRowBytes(
        tensorType(prologue.getSource()).getElementType(), columns);
    count.load(prologue.getSource(), passes * source, source);
    for (Value column : prologue.getColumns()) {
      int64_t bytes =
          storedRowBytes(tensorType(column).getElementType(), columns);
      count.load(column, passes * bytes, bytes);
    }
    // Lanes that K is too short for load nothing.
    int64_t lanes = std::min(steps.lanes, columns / steps.laneElements);
    if (prologue.getRows())
      count.load(prologue.getRows(), passes * 4 * lanes, 4);
    // Of an argmax every lane has an output, most of them to be dropped.
    bool argmax = segment.getDestination() == kernel::Destination::argmax;
    countEpilogueLoads(count, segment,
                       argmax ? passes * steps.lanes : segment.getCouples(), 1);
    countEpilogueStores(count, segment, 1);
    if (argmax)
      count.store(kernel::rowTiles(segment, schedule) * 8);
  }
}
