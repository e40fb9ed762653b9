//===- AttentionTraffic.cpp - What attention asks memory for --------------===//
//
// Keys and values of the context, positions behind it replaced with its last;
// the page table by every thread that reads them; queries and partial results.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "kernels/nvptx/AttentionPrefill.h"
#include "kernels/nvptx/StreamedAttention.h"
#include "kernels/nvptx/TensorCore.h"
#include "kernels/nvptx/TrafficCount.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

namespace {
/// Bytes that the tiles of one KV head ask for.
struct HeadLoads {
  int64_t query = 0, keys = 0, pages = 0, positions = 0;
};

/// What either skeleton reads.
class AttentionLoads {
public:
  AttentionLoads(TrafficCount &count, Operation *op)
      : count(count), op(op), sizes(describeAttention(op)),
        schedule(kernel::getSchedule(op)), threads(schedule.getThreads()) {}

  /// StreamedAttention.h: `rows` at once over `positions` of the context.
  void addStreamed(int64_t rows, int64_t positions);
  /// TensorCorePrefill.cpp: a pass of the block's rows over the context, of
  /// which the item sees `kvLength` and the pass `limit`.
  void addPass(int64_t kvLength, int64_t limit);
  void addPosition() { one.positions += threads * 4; }

  /// Everything, with the different bytes of a step.
  template <typename Op> void finish(Op op);

  TrafficCount &count;
  Operation *op;
  PagedAttention sizes;
  kernel::ScheduleAttr schedule;
  int64_t threads;

private:
  HeadLoads one;
};
} // namespace

void AttentionLoads::addStreamed(int64_t rows, int64_t positions) {
  if (positions <= 0)
    return;
  StreamedSizes streamed(sizes, schedule);
  int64_t steps =
      llvm::divideCeil(positions, streamed.unroll * streamed.streams);
  int64_t lane = streamed.chunksPerLane * streamed.elements;
  one.query += rows * threads * lane * 4;
  one.keys += steps * streamed.unroll * threads * lane * sizes.storedBytes;
  // Those of the step after the last, which the emitter asks for as well, are
  // of no use and LLVM leaves them out.
  one.pages += steps * streamed.unroll * threads * 4;
}

void AttentionLoads::addPass(int64_t kvLength, int64_t limit) {
  int64_t kvTile = schedule.getKvTile();
  int64_t chunks = kvTile * sizes.rowBytes() / 16; // of a block of positions
  int64_t blocks = llvm::divideCeil(limit, kvTile);
  int64_t copied = std::min(blocks * kvTile, kvLength);
  bool onePage = sizes.pageSize % kvTile == 0;
  one.query += threads / warpThreads * mmaRows * sizes.headDim * 4;
  one.keys += copied * sizes.rowBytes();
  one.pages += blocks * (onePage ? threads : chunks) * 4;
  for (int i = 0; i < 4; ++i) // of two rows, the warp's first, the last
    addPosition();
}

template <typename Op> void AttentionLoads::finish(Op op) {
  int64_t context = count.step.first + count.step.tokens;
  int64_t heads = sizes.kvHeads, tokens = count.step.tokens;
  for (int part : {0, 1})
    count.load(op.getKv(), heads * one.keys, heads * context * sizes.rowBytes(),
               part);
  count.load(op.getQuery(), heads * one.query,
             tokens * sizes.queryHeads() * sizes.headDim * 4);
  count.load(op.getPositions(), heads * one.positions, tokens * 4);
  count.load(op.getPages(), heads * one.pages,
             llvm::divideCeil(context, sizes.pageSize) * 4);
}

static int64_t resultBytes(const AttentionLoads &loads) {
  return loads.count.step.tokens * loads.sizes.queryHeads() *
         loads.sizes.headDim * 4;
}

/// Of all splits: the weighted values, the maximum and the sum.
static int64_t partialBytes(const AttentionLoads &loads) {
  return loads.count.step.tokens * loads.sizes.queryHeads() *
         loads.count.step.splits * (loads.sizes.headDim + 2) * 4;
}

void gpu::countAttentionDecode(TrafficCount &count,
                               kernel::AttentionDecodeOp op) {
  AttentionLoads loads(count, op);
  const TrafficStep &step = count.step;
  int64_t mostRows = StreamedSizes(loads.sizes, loads.schedule).mostRows();
  int64_t passes = llvm::divideCeil(loads.sizes.group, mostRows);
  int64_t perPass = llvm::divideCeil(loads.sizes.group, passes);
  for (int64_t token = 0; token < step.tokens; ++token)
    for (int64_t split = 0; split < step.splits; ++split) {
      int64_t begin = split * step.splitLength;
      int64_t end = std::min(step.first + token + 1, begin + step.splitLength);
      for (int64_t head = 0; head < loads.sizes.group; head += perPass)
        loads.addStreamed(std::min(perPass, loads.sizes.group - head),
                          end - begin);
      loads.addPosition();
    }
  loads.finish(op);
  // What says how many tiles there are, and what only a tile needs.
  count.loadDims(2, loads.threads);
  count.loadDims(2, loads.threads,
                 step.tokens * loads.sizes.kvHeads * step.splits);
  count.load(op.getSequences(),
             step.tokens * loads.sizes.kvHeads * step.splits * loads.threads *
                 4,
             step.tokens * 4);
  count.store(step.splits == 1 ? resultBytes(loads) : partialBytes(loads));
}

void gpu::countAttentionMerge(TrafficCount &count,
                              kernel::AttentionDecodeOp op) {
  AttentionLoads loads(count, op);
  const TrafficStep &step = count.step;
  count.loadDims(1, loads.threads);
  if (step.splits == 1)
    return;
  count.loadDims(1, loads.threads);
  // A thread for each pair of columns reads the maximum and the sum as well.
  int64_t width = loads.sizes.headDim % 2 == 0 ? 2 : 1;
  int64_t columns = step.tokens * loads.sizes.queryHeads() * step.splits *
                    (loads.sizes.headDim / width);
  count.load(TrafficCount::partials, columns * (width * 4 + 8),
             partialBytes(loads));
  count.store(resultBytes(loads));
}

void gpu::countAttentionPrefill(TrafficCount &count,
                                kernel::AttentionPrefillOp op) {
  AttentionLoads loads(count, op);
  const TrafficStep &step = count.step;
  int64_t group = loads.sizes.group, items = 0;
  bool tensorCores = usesTensorCores(loads.sizes);
  int64_t together =
      tensorCores ? loads.threads / warpThreads * mmaRows
                  : StreamedSizes(loads.sizes, loads.schedule).mostRows();
  for (int64_t at = 0; at < step.tokens; at += step.queryTile, ++items) {
    int64_t tokens = std::min(step.queryTile, step.tokens - at);
    int64_t kvLength = step.first + at + tokens;
    for (int64_t row = 0; row < tokens * group; row += together) {
      int64_t last = std::min(row + together, tokens * group) - 1;
      int64_t seen = step.first + at + last / group + 1;
      if (tensorCores) {
        loads.addPass(kvLength, std::min(kvLength, seen));
        continue;
      }
      loads.addStreamed(together, seen);
      for (int64_t r = 0; r < together; ++r)
        loads.addPosition();
    }
  }
  loads.finish(op);
  int64_t workBytes = items * int64_t(4 * sizeof(int32_t));
  count.loadDims(1, loads.threads);
  count.loadDims(1, loads.threads, items * loads.sizes.kvHeads);
  count.load(TrafficCount::work,
             workBytes * loads.sizes.kvHeads * loads.threads, workBytes);
  count.store(resultBytes(loads));
}
