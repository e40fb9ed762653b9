//===- BlockMemory.h - Shared memory of kernels by schedule -----*- C++ -*-===//
//
// How much shared memory the emitters whose schedules decide it take, so that
// the table of schedules can see what fits before a kernel is emitted. Relies
// on the emitters asking for just this: they compute no size of their own.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_BLOCKMEMORY_H
#define QUIPU_KERNELS_NVPTX_BLOCKMEMORY_H

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cstdint>

namespace quipu::gpu {

/// f32 between tokens of a matmul's sums: chosen so that the lanes of an mma
/// store to different banks.
constexpr int64_t sumStride(int64_t rowTile) { return rowTile + 4; }
/// Bytes of a matmul tile's sums, in f32.
constexpr int64_t sumBytes(int64_t rowTile, int64_t tokenTile) {
  return tokenTile * sumStride(rowTile) * 4;
}
/// Bytes of the statistic's sums of a matmul tile, in f32.
constexpr int64_t statisticBytes(int64_t tokenTile) { return tokenTile * 4; }

/// Quantized rows of a matmul tile, as they are stored (TileWindows.h): of
/// schedules that the table has, no more than this.
constexpr int64_t mostTileWindowBytes = 48 * 1024;

/// A block of StagedMatmul.cpp, but for its quantized rows.
struct StagedMatmulMemory {
  int64_t rowTile, tokenTile; // of the schedule
  int64_t kTile, stages;      // the same
  int64_t bytesEach;          // of an element of the products

  /// Of one stage.
  int64_t weightBytes() const { return rowTile * kTile * bytesEach; }
  int64_t activationBytes() const { return tokenTile * kTile * bytesEach; }
  /// The stages, whose place the sums take in the end.
  int64_t stageBytes() const {
    return std::max(stages * weightBytes() +
                        std::min<int64_t>(stages, 2) * activationBytes(),
                    sumBytes(rowTile, tokenTile));
  }

  int64_t bytes() const {
    return int64_t(llvm::alignTo(uint64_t(stageBytes()), 16) +
                   llvm::alignTo(uint64_t(statisticBytes(tokenTile)), 16));
  }
};

/// A block of TensorCorePrefill.cpp, which takes a head_dim up to mostHeadDim.
struct PrefillMemory {
  static constexpr int64_t bankBytes = 128;   // all banks, once
  static constexpr int64_t mostHeadDim = 128; // what registers hold

  int64_t kvTile, stages; // of the schedule
  int64_t rowBytes;       // of keys of one position

  /// From a row to the next.
  int64_t pitch() const {
    return int64_t(llvm::alignTo(uint64_t(rowBytes), bankBytes));
  }
  /// Keys, or values, of a stage.
  int64_t tileBytes() const { return kvTile * pitch(); }
  int64_t bytes() const { return stages * 2 * tileBytes(); }
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_BLOCKMEMORY_H
