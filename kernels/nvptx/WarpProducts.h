//===- WarpProducts.h - Products of rows in shared memory -------*- C++ -*-===//
//
// The part of a block's rows times tokens that one warp forms, by tensor cores
// from 16-bit elements or by fma from f32.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_WARPPRODUCTS_H
#define QUIPU_KERNELS_NVPTX_WARPPRODUCTS_H

#include "kernels/nvptx/KernelFunction.h"

namespace quipu::gpu {

/// Rows of `depth` elements in shared memory, in chunks of 16 bytes. Chunk c of
/// row r stands at c xor (a few bits of r), so that 8 rows' chunks c, as well
/// as the neighbouring chunks of one row, lie in different banks.
struct StagedRows {
  int64_t depth;
  int64_t bytesEach;

  /// Rows this far apart have their chunks at the same places.
  static constexpr int64_t period = 8;

  int64_t rowBytes() const { return depth * bytesEach; }
  int64_t chunks() const { return rowBytes() / 16; }
  int64_t chunkElements() const { return 16 / bytesEach; }
  /// Where chunk `chunk` of row `row` stands, in bytes; all i32.
  mlir::Value offset(KernelFunction &f, mlir::Value row,
                     mlir::Value chunk) const;
};

class WarpProducts {
public:
  WarpProducts(KernelFunction &f, kernel::ScheduleAttr schedule,
               StagedRows layout);

  /// Why the schedule cannot be followed; empty if it can.
  std::string unsupported() const;

  /// Sums that a thread holds.
  int64_t sums() const;
  /// Makes the values that steps share at the point of insertion.
  void prepare();
  /// `carried` with the products of one step of depth elements, of the block's
  /// weights and activations at two addresses.
  llvm::SmallVector<mlir::Value>
  add(mlir::Value weights, mlir::Value activations, mlir::ValueRange carried);
  /// Row and token (i32) in the tile of sum `index`.
  std::pair<mlir::Value, mlir::Value> place(int64_t index);

private:
  llvm::SmallVector<mlir::Value> addByTensorCores(mlir::Value weights,
                                                  mlir::Value activations,
                                                  mlir::ValueRange carried);
  llvm::SmallVector<mlir::Value> addByFma(mlir::Value weights,
                                          mlir::Value activations,
                                          mlir::ValueRange carried);
  bool tensorCores() const {
    return schedule.getArithmetic() != kernel::Arithmetic::f32;
  }

  KernelFunction &f;
  kernel::ScheduleAttr schedule;
  StagedRows layout;
  int64_t rows, tokens; // of a warp
  int64_t rowWarps;
  mlir::Value firstRow, firstToken; // of this warp
  /// What a lane reads at each step along a row, relative to the base. By fma
  /// there are two of tokens a step: tokens 4 apart have different swizzles.
  llvm::SmallVector<mlir::Value> rowOffsets, tokenOffsets;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_WARPPRODUCTS_H
