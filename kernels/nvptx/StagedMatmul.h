//===- StagedMatmul.h - Matmul of many tokens on a GPU ----------*- C++ -*-===//
//
// The state of emitStagedMatmul() while it emits a kernel; its tile is drawn in
// StagedMatmul.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_STAGEDMATMUL_H
#define QUIPU_KERNELS_NVPTX_STAGEDMATMUL_H

#include "kernels/nvptx/BlockMemory.h"
#include "kernels/nvptx/MatmulTiles.h"
#include "kernels/nvptx/WarpProducts.h"

namespace quipu::gpu {

/// Emits the tiles of a matmul whose operands go through shared memory.
class StagedMatmul {
public:
  StagedMatmul(MatmulTiles &tiles);

  mlir::LogicalResult check();
  void emitTile(const MatmulTile &tile);

private:
  /// A thread's part of the activations of a step: the same elements of K of
  /// some tokens.
  struct Lines {
    mlir::Value k;                          // first element, within a step
    llvm::SmallVector<mlir::Value> rows;    // addresses
    llvm::SmallVector<mlir::Value> tokens;  // in the tile
    llvm::SmallVector<mlir::Value> offsets; // of their chunks, in a slot
    mlir::Value lastInside; // the last token is; null: on all threads
  };
  /// A thread's part of the weights of a step.
  struct Copies {
    llvm::SmallVector<mlir::Value> rows;    // addresses
    llvm::SmallVector<mlir::Value> offsets; // of the chunk, in a slot
    mlir::Value chunk;                      // of every row
    mlir::Value lastInside; // the last row is; null: on all threads
  };

  Lines placeLines(const MatmulTile &tile);
  Copies placeCopies(const MatmulTile &tile, int64_t member);

  llvm::SmallVector<ActivationRun> loadActivations(const Lines &lines,
                                                   mlir::Value step);
  void storeActivations(const Lines &lines, llvm::ArrayRef<ActivationRun> runs,
                        mlir::Value slot,
                        llvm::MutableArrayRef<mlir::Value> statistics);
  /// A chunk of f32 values in the type of products, at `offset` of `slot`.
  void storeChunk(mlir::ValueRange values, mlir::Value slot,
                  mlir::Value offset);
  /// Run `run` of a step of weights' row `row`.
  void storeWeights(mlir::Value row, mlir::Value run, mlir::ValueRange values,
                    mlir::Value slot);
  void copyWeights(llvm::ArrayRef<Copies> copies, mlir::Value step);
  /// Weights of floats that are not copied.
  void convertMember(const MatmulTile &tile, int64_t member, mlir::Value step);

  llvm::SmallVector<mlir::Value>
  emitPipelined(const MatmulTile &tile, const Lines &lines,
                llvm::ArrayRef<mlir::Value> initial);
  llvm::SmallVector<mlir::Value>
  emitDecoding(const MatmulTile &tile, const Lines &lines,
               llvm::ArrayRef<mlir::Value> initial);
  void storeSums(const Lines &lines, mlir::ValueRange carried);

  mlir::Value weightSlot(mlir::Value step) {
    return f.element(stages, f.modulo(step, slots), memory.weightBytes());
  }
  mlir::Value activationSlot(mlir::Value step) {
    return f.at(f.element(stages, f.modulo(step, std::min<int64_t>(slots, 2)),
                          memory.activationBytes()),
                slots * memory.weightBytes());
  }

  MatmulTiles &tiles;
  KernelFunction &f;
  kernel::ScheduleAttr schedule;
  kernel::Arithmetic arithmetic;
  int64_t depth, slots, steps;
  StagedRows layout;
  StagedMatmulMemory memory;
  WarpProducts products;
  mlir::Value stages; // weights, then activations; then sums
  mlir::Value blocks; // of quantized rows
  mlir::Value statistics;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_STAGEDMATMUL_H
