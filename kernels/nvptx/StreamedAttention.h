//===- StreamedAttention.h - A few queries over a range of KV ---*- C++ -*-===//
//
// Attention of up to 8 query rows with f32 multiply-adds: every key and value
// is read once, for all rows. The whole block works on one range of positions.
//
//   position  base + u * streams + stream     u < unroll
//   lane      R lanes share a row of D: 16 bytes each, C times
//
// A stream is a group of R lanes; it has an online softmax of its own over its
// positions, so that lanes of different groups do not talk until the end.
// `unroll` keys, as many values and the pages of the next step are on their way
// at once: 2 x 16 x unroll bytes a lane, 4 KB a warp for unroll 4. At the end
// the streams of a warp are merged by shuffles and the warps through shared
// memory (f32 (warps, rows, D), read after one barrier; another one keeps it
// until the range before has been read). Floor: the bytes of K and V.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_STREAMEDATTENTION_H
#define QUIPU_KERNELS_NVPTX_STREAMEDATTENTION_H

#include "kernels/nvptx/PagedAttention.h"

namespace quipu::gpu {

/// How a block divides a range of positions.
struct StreamedSizes {
  StreamedSizes(const PagedAttention &sizes, kernel::ScheduleAttr schedule);

  int64_t elements;      // of one load of a lane
  int64_t chunks;        // of `elements` in a row
  int64_t lanes;         // R, a power of two
  int64_t chunksPerLane; // C
  int64_t streams;       // of the block
  int64_t unroll;

  /// Rows that the registers hold: at least 1.
  int64_t mostRows() const;
};

class StreamedAttention : private StreamedSizes {
public:
  /// A query (address of D f32) and how many positions (i32) it sees.
  struct Row {
    mlir::Value query, context;
  };
  /// What is known of `row` (i32) when the range is done: weighted sums of
  /// values (f32 lanes) from `column` on, the maximum of the scaled scores and
  /// the sum of weights. Runs on one thread for each (row, column); where no
  /// position was seen, the sums are 0 and the maximum is noMaximum.
  using Store = llvm::function_ref<void(mlir::Value row, mlir::Value column,
                                        mlir::Value values, mlir::Value maximum,
                                        mlir::Value total)>;

  /// `schedule` gives kv_tile, the positions of a step of the block, and
  /// vector, the elements that a lane loads at once.
  StreamedAttention(KernelFunction &f, const PagedAttention &sizes,
                    kernel::ScheduleAttr schedule);

  using StreamedSizes::mostRows;

  /// Runs `rows` over positions [first, last) (i32, the same on all threads);
  /// no row sees more than `last`. All threads call it.
  void run(const KvHead &kv, mlir::Value first, mlir::Value last,
           llvm::ArrayRef<Row> rows, Store store);

private:
  /// The online softmax of one row in one stream.
  struct State {
    mlir::Value maximum, total;
    llvm::SmallVector<mlir::Value> sums; // of the lane's elements
  };
  /// The lane's elements of the keys and values of one step, by position.
  struct Step {
    llvm::SmallVector<llvm::SmallVector<mlir::Value>> keys, values;
  };

  mlir::Value chunk(int64_t index);
  mlir::Value chunkIsThere(int64_t index);
  llvm::SmallVector<mlir::Value> loadQuery(mlir::Value query);
  mlir::Value loadRaw(mlir::Value address);
  void widenRaw(mlir::Value raw, llvm::SmallVectorImpl<mlir::Value> &elements);
  llvm::SmallVector<mlir::Value> stepPositions(mlir::Value base);
  llvm::SmallVector<mlir::Value>
  loadPages(const KvHead &kv, llvm::ArrayRef<mlir::Value> positions,
            mlir::Value end);
  Step loadStep(const KvHead &kv, llvm::ArrayRef<mlir::Value> positions,
                mlir::ValueRange pages, mlir::Value end);
  State unpack(mlir::ValueRange carried, int64_t row);
  llvm::SmallVector<State> stream(const KvHead &kv, mlir::Value first,
                                  mlir::Value last, llvm::ArrayRef<Row> rows);
  mlir::Value score(llvm::ArrayRef<mlir::Value> query,
                    llvm::ArrayRef<mlir::Value> key);
  void update(State &state, llvm::ArrayRef<mlir::Value> scores,
              llvm::ArrayRef<llvm::SmallVector<mlir::Value>> values);
  void mergeOverWarp(State &state);
  void shareState(const State &state, int64_t row, int64_t rows);
  void mergeOverBlock(int64_t rows, Store store);

  KernelFunction &f;
  PagedAttention sizes;
  mlir::Value sharedSums;   // f32 (warps, rows, D)
  mlir::Value sharedTotals; // f32 (warps, rows, 2): maximum, total
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_STREAMEDATTENTION_H
