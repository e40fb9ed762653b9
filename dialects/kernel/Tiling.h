//===- Tiling.h - How a skeleton is cut into tiles --------------*- C++ -*-===//
//
// One numbering of tiles that the plan's grids, the emitters and the
// interpreter share:
//
//   matvec, matmul   tile = token tile * rowTiles + row tile; row tiles run
//   over
//                    the segments in order and never cross one
//   rowwise          tile = token tile
//   attention_decode tile = (token * kv heads + kv head) * splits + split
//   attention_prefill tile = work item * kv heads + kv head
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_KERNEL_TILING_H
#define QUIPU_DIALECTS_KERNEL_TILING_H

#include "dialects/kernel/Dialect.h"

namespace quipu::kernel {

/// Weight rows that one couple takes: 1, or 2 for half, interleaved and zip.
int64_t rowsPerCouple(SegmentOp segment);

/// Couples of `segment` in one row tile of `schedule`; at least 1.
int64_t tileCouples(SegmentOp segment, ScheduleAttr schedule);

/// Row tiles of `segment`: ceil(couples / tileCouples).
int64_t rowTiles(SegmentOp segment, ScheduleAttr schedule);

/// Row tiles of all segments of a matvec or matmul.
int64_t rowTiles(mlir::Operation *skeleton);

/// True where a skeleton leaves partial results that a second launch merges:
/// attention_decode, and matvec or matmul with an argmax segment. Such a kernel
/// takes one more buffer after its results, of partialBytes.
bool hasMerge(mlir::Operation *skeleton);

/// What the second launch's kernel is called: the first's name and this. A name
/// that PTX takes as well.
inline constexpr llvm::StringLiteral mergeSuffix = "_merge";

/// Bytes of partial results for each token or row.
///   argmax: (rowTiles) of {f32 value, i32 index}
///   attention_decode: f32 (query heads, maxSplits, head_dim + 2):
///     weighted values, then maximum (of scaled scores), then sum
int64_t partialBytes(mlir::Operation *skeleton, int64_t maxSplits);

} // namespace quipu::kernel

#endif // QUIPU_DIALECTS_KERNEL_TILING_H
