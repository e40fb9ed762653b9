//===- MatmulTraffic.cpp - What a matmul asks memory for ------------------===//
//
// Both emitters read the weights of a row tile again for each token tile, and
// the activations of a token tile again for each row tile; what lies past an
// end is read as a copy of what is before it.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/Matmul.h"
#include "kernels/nvptx/TileBlocks.h"
#include "kernels/nvptx/TrafficCount.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

namespace {
/// What the tiles of one segment ask for, each but for the weights.
struct TileLoads {
  SmallVector<int64_t> weights; // bytes of all row tiles, by weight
  int64_t runs = 0;             // of 8 activations, by all threads
  int64_t columnRuns = 0;       // of 8 column values
  int64_t rows = 0;             // addresses of activations
};
} // namespace

static Type elementTypeOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getElementType();
}

/// StreamedMatmul.cpp: each warp loads its rows, and the activations that go
/// with its part of K, step by step.
static TileLoads streamedLoads(kernel::SegmentOp segment,
                               kernel::ScheduleAttr schedule, int64_t columns) {
  StreamedSteps divided(schedule, columns);
  int64_t warps = schedule.getThreads() / warpThreads;
  int64_t elements = divided.steps * schedule.getKTile(); // of K, by a warp
  TileLoads loads;
  auto weights = int64_t(segment.getWeights().size());
  loads.weights.assign(size_t(weights), kernel::rowTiles(segment, schedule) *
                                            warps * schedule.getRowUnroll() /
                                            weights * elements * 2);
  // 4 lanes read 32 elements of each of 8 tokens.
  loads.runs = warps * elements;
  loads.columnRuns = loads.runs;
  loads.rows = schedule.getThreads();
  return loads;
}

/// Bytes that all row tiles ask for of a weight: of `asked` rows, of which
/// those past the end are copies of the last couple, of `each` rows.
static int64_t stagedWeightBytes(Value weight, int64_t asked, int64_t each,
                                 const TileWindows &windows, int64_t columns,
                                 int64_t depth) {
  auto type = cast<RankedTensorType>(weight.getType());
  ElementType stored = *llama::elementType(type.getElementType());
  int64_t rows = type.getDimSize(0);
  if (!isQuantized(stored))
    return asked * llvm::divideCeil(columns, depth) *
           storedRowBytes(type.getElementType(), depth);
  RowWindows window = {stored, columns, windows.stepElements};
  int64_t bytes = window.copiedBytes(rows);
  for (int64_t i = 1; i <= each; ++i)
    bytes += (asked - rows) / each * window.copiedBytes(rows - i, rows);
  return bytes;
}

/// StagedMatmul.cpp: a block fills shared memory k_tile elements at a time.
static TileLoads stagedLoads(kernel::SegmentOp segment,
                             kernel::ScheduleAttr schedule, int64_t columns,
                             bool hasStatistic) {
  int64_t depth = schedule.getKTile(), threads = schedule.getThreads();
  int64_t steps = llvm::divideCeil(columns, depth);
  int64_t couples = kernel::rowTiles(segment, schedule) *
                    kernel::tileCouples(segment, schedule);
  int64_t each =
      kernel::rowsPerCouple(segment) / int64_t(segment.getWeights().size());
  TileWindows windows = tileWindows(segment, schedule, columns);
  TileLoads loads;
  for (Value weight : segment.getWeights())
    loads.weights.push_back(stagedWeightBytes(weight, couples * each, each,
                                              windows, columns, depth));
  int64_t together = threads / (depth / runElements); // tokens of a line
  int64_t lines = llvm::divideCeil(schedule.getTokenTile(), together);
  // Threads that have no token in the last line store nothing of it, and LLVM
  // makes them load nothing either; but all of them sum the statistic.
  int64_t left = schedule.getTokenTile() % together;
  int64_t inside = left ? left * (depth / runElements) : threads;
  // The pipeline loads the step after the last one as well.
  int64_t loaded = steps + copiesWeights(segment, schedule, columns);
  loads.columnRuns = loaded * (lines == 1 ? inside : threads); // shared
  loads.runs =
      loaded * ((lines - 1) * threads + (hasStatistic ? threads : inside));
  loads.rows = lines * threads;
  return loads;
}

/// What the tiles of `segment` read, `rowTiles` for each of `tokenTiles`.
static void countTiles(TrafficCount &count, kernel::PrologueOp prologue,
                       kernel::SegmentOp segment, const TileLoads &loads,
                       int64_t rowTiles, int64_t tokenTiles, int64_t leading,
                       int64_t columns) {
  int64_t tiles = rowTiles * tokenTiles;
  for (auto [weight, bytes] : llvm::zip(segment.getWeights(), loads.weights))
    count.load(weight, tokenTiles * bytes,
               cast<RankedTensorType>(weight.getType()).getDimSize(0) *
                   storedRowBytes(elementTypeOf(weight), columns));
  auto bytesOf = [&](Value buffer, int64_t elements) {
    return storedRowBytes(elementTypeOf(buffer), elements);
  };
  Value source = prologue.getSource();
  count.load(source, tiles * bytesOf(source, loads.runs * runElements),
             leading * bytesOf(source, columns));
  for (Value column : prologue.getColumns())
    count.load(column, tiles * bytesOf(column, loads.columnRuns * runElements),
               bytesOf(column, columns));
  if (prologue.getRows())
    count.load(prologue.getRows(), tiles * loads.rows * 4, leading * 4);
}

void gpu::countMatmul(TrafficCount &count, kernel::MatmulOp op) {
  kernel::ScheduleAttr schedule = kernel::getSchedule(op);
  kernel::PrologueOp prologue = kernel::getPrologue(op);
  int64_t columns =
      cast<RankedTensorType>(prologue.getSource().getType()).getDimSize(1);
  int64_t leading = leadingOf(op, count.step);
  int64_t tokenTiles = llvm::divideCeil(leading, schedule.getTokenTile());
  count.loadDims(1, schedule.getThreads());
  if (leading == 0)
    return;
  for (kernel::SegmentOp segment : kernel::getSegments(op)) {
    TileLoads loads = schedule.getStages() == 0
                          ? streamedLoads(segment, schedule, columns)
                          : stagedLoads(segment, schedule, columns,
                                        !prologue.getStatistic().empty());
    int64_t rowTiles = kernel::rowTiles(segment, schedule);
    countTiles(count, prologue, segment, loads, rowTiles, tokenTiles, leading,
               columns);
    countEpilogueLoads(count, segment, leading * segment.getCouples(), leading);
    countEpilogueStores(count, segment, leading);
    if (segment.getDestination() == kernel::Destination::argmax)
      count.store(leading * rowTiles * 8);
  }
}
