//===- TrafficCount.h - What a model of traffic adds up ---------*- C++ -*-===//
//
// Issued bytes are summed; unique bytes are kept by buffer, so that what
// several parts of a kernel read counts once.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_TRAFFICCOUNT_H
#define QUIPU_KERNELS_NVPTX_TRAFFICCOUNT_H

#include "dialects/kernel/Dialect.h"
#include "kernels/nvptx/Traffic.h"

#include "llvm/ADT/MapVector.h"

#include <limits>

namespace quipu::gpu {

class TrafficCount {
public:
  /// Buffers that are no operand of the skeleton.
  enum Buffer { dims, work, partials };

  explicit TrafficCount(const TrafficStep &step) : step(step) {}

  const TrafficStep &step;

  /// Loads from an operand: `issued` bytes, `unique` of them different. A
  /// matrix of fixed size is weights. `part` tells keys (0) from values (1).
  void load(mlir::Value buffer, int64_t issued, int64_t unique, int part = 0);
  void load(Buffer buffer, int64_t issued, int64_t unique);
  /// No byte is stored twice.
  void store(int64_t bytes);
  /// `fields` more of the step's sizes, by every thread of every block, or of
  /// the blocks that get one of `tiles`.
  void loadDims(int64_t fields, int64_t threads,
                int64_t tiles = std::numeric_limits<int64_t>::max());

  KernelTraffic result() const;

private:
  KernelTraffic sums; // without the unique loads
  llvm::MapVector<std::pair<const void *, int>, std::pair<int64_t, bool>>
      unique; // bytes, and whether they are weights
  int64_t dimBytes = 0;
};

/// The bytes of row `columns` elements of `type` long.
int64_t storedRowBytes(mlir::Type type, int64_t columns);

/// `calls` threads run the epilogue of `segment`, for all couples of `tokens`
/// tokens among them: loads alone.
void countEpilogueLoads(TrafficCount &count, kernel::SegmentOp segment,
                        int64_t calls, int64_t tokens);
/// Stores of the epilogue of all couples of `tokens` tokens; none of argmax.
void countEpilogueStores(TrafficCount &count, kernel::SegmentOp segment,
                         int64_t tokens);

/// Tokens, or rows of logits, that row skeleton `op` works on.
int64_t leadingOf(mlir::Operation *op, const TrafficStep &step);

void countMatvec(TrafficCount &count, kernel::MatvecOp op);
void countMatmul(TrafficCount &count, kernel::MatmulOp op);
void countArgmaxMerge(TrafficCount &count, mlir::Operation *op);
void countRowwise(TrafficCount &count, kernel::RowwiseOp op);
void countAttentionDecode(TrafficCount &count, kernel::AttentionDecodeOp op);
void countAttentionMerge(TrafficCount &count, kernel::AttentionDecodeOp op);
void countAttentionPrefill(TrafficCount &count, kernel::AttentionPrefillOp op);

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_TRAFFICCOUNT_H
