//===- TileBlocks.h - Quantized rows of a tile in shared memory -*- C++ -*-===//
//
// A block copies the rows of a matmul's tile as they are stored, some elements
// of K at a time, and all its threads decode from there.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_TILEBLOCKS_H
#define QUIPU_KERNELS_NVPTX_TILEBLOCKS_H

#include "kernels/nvptx/MatmulTiles.h"
#include "kernels/nvptx/TileWindows.h"

namespace quipu::gpu {

/// How the tiles of `segment` are read, k_tile elements of K a step of
/// products.
TileWindows tileWindows(kernel::SegmentOp segment,
                        kernel::ScheduleAttr schedule, int64_t columns);

/// The quantized members of one tile. While some steps of products are decoded
/// the blocks of the next are on their way.
class TileBlocks {
public:
  /// Takes runElements values (f32) of a row of the tile: those of run `run` in
  /// the step's products.
  using Store = llvm::function_ref<void(mlir::Value row, mlir::Value run,
                                        mlir::ValueRange values)>;

  TileBlocks(MatmulTiles &tiles, const MatmulTile &tile);

  /// Uses `memory`, whose last readers are behind a barrier. All threads call
  /// it, before the first step.
  void begin(mlir::Value memory);
  /// Makes what `step` (i32) decodes visible behind the next barrier. All
  /// threads call it, for each step and behind the barrier that follows the
  /// decode of the one before.
  void await(mlir::Value step);
  /// Decodes the elements that the products of `step` take; those past K are
  /// others of their row.
  void decode(mlir::Value step, Store store);

private:
  using Group = TileWindows::Group;

  mlir::Value slot(mlir::Value window);
  void ask(mlir::Value window);
  void decodeGroup(const Group &group, mlir::Value step, Store store);
  void decodeUnit(const Group &group, mlir::Value row, mlir::Value part,
                  mlir::Value step, Store store);
  mlir::Value rowOfTensor(const Group &group, mlir::Value row);

  MatmulTiles &tiles;
  const MatmulTile &tile;
  KernelFunction &f;
  int64_t depth;
  TileWindows windows;
  mlir::Value memory;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_TILEBLOCKS_H
