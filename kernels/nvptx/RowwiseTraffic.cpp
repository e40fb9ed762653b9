//===- RowwiseTraffic.cpp - What a rowwise kernel asks memory for ---------===//
//
// Rowwise.cpp's tile: a block reads its token's row once for the statistic and
// once for each segment; a quantized row is decoded once.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/RowWindows.h"
#include "kernels/nvptx/TrafficCount.h"

#include <algorithm>

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

void gpu::countRowwise(TrafficCount &count, kernel::RowwiseOp op) {
  int64_t threads = kernel::getSchedule(op).getThreads();
  int64_t tokens = leadingOf(op, count.step);
  count.loadDims(1, threads);
  kernel::PrologueOp prologue = kernel::getPrologue(op);
  bool quantized = false;
  int64_t stored = 0; // bytes of an element of floats
  if (prologue) {
    auto type = cast<RankedTensorType>(prologue.getSource().getType());
    ElementType element = *llama::elementType(type.getElementType());
    quantized = isQuantized(element);
    int64_t row = rowBytes(element, type.getDimSize(1));
    stored = quantized ? 0 : rowBytes(element, 1);
    if (quantized) {
      // Whole sectors, of which rows have more or fewer.
      RowWindows windows = {element, type.getDimSize(1), type.getDimSize(1)};
      int64_t rows = type.getDimSize(0);
      int64_t copied = tokens * windows.copiedBytes(rows) / rows;
      count.load(prologue.getSource(), copied, copied);
    } else {
      // For the statistic; a segment's loads follow.
      bool first = !prologue.getStatistic().empty();
      count.load(prologue.getSource(), first ? tokens * row : 0, tokens * row);
    }
    // Floats are asked for by threads that have something to do.
    int64_t readers =
        quantized ? threads : std::min(threads, type.getDimSize(1));
    if (prologue.getRows())
      count.load(prologue.getRows(), tokens * readers * 4, tokens * 4);
  }
  for (kernel::SegmentOp segment : kernel::getSegments(op)) {
    int64_t calls = tokens * segment.getCouples();
    if (prologue) {
      int64_t elements = calls * segment.getArity();
      count.load(prologue.getSource(), elements * stored, 0);
      for (Value column : prologue.getColumns()) {
        auto type = cast<RankedTensorType>(column.getType());
        int64_t bytes = storedRowBytes(type.getElementType(), 1);
        count.load(column, elements * bytes, type.getNumElements() * bytes);
      }
    }
    countEpilogueLoads(count, segment, calls, tokens);
    countEpilogueStores(count, segment, tokens);
    if (segment.getDestination() == kernel::Destination::argmax)
      count.store(tokens * 4);
  }
}
