//===- RowKernel.h - A matvec or matmul being emitted -----------*- C++ -*-===//
//
// What the emitters of matrix skeletons share: their segments, the walk over
// the tiles of a call, and what happens to a token's sums in the end.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_ROWKERNEL_H
#define QUIPU_KERNELS_CPU_ROWKERNEL_H

#include "kernels/cpu/RowSegment.h"

namespace quipu::cpu {

/// Segments of a skeleton, with their places among its results.
std::vector<std::unique_ptr<RowSegment>> makeSegments(KernelFunction &f,
                                                      mlir::Operation *op);

/// Fails, at the segment, where one has a form without CPU code.
llvm::LogicalResult
checkSegments(llvm::ArrayRef<std::unique_ptr<RowSegment>> segments);

struct RowKernel {
  RowKernel(mlir::Operation *op, mlir::func::FuncOp kernel,
            const CpuVariant &variant, mlir::ModuleOp module);

  mlir::Operation *op;
  KernelFunction f;
  kernel::ScheduleAttr schedule;
  kernel::PrologueOp prologue;
  std::vector<std::unique_ptr<RowSegment>> segments;
  int64_t columns; // K
  int64_t padded;  // K rounded up to what activations are stored with

  /// One row tile of one segment, for some tokens.
  struct Tile {
    RowSegment &segment;
    mlir::Value firstCouple, couples;
    mlir::Value rowTile; // index among the skeleton's row tiles
    mlir::Value firstToken, tokens;
  };

  /// Emits the loops over this call's tiles: `prepare` for every token tile
  /// (first token, tokens), then `body` for its row tiles, which gets tiles of
  /// a segment that are to be read together: one, or in a matvec up to
  /// streams().
  void forTiles(llvm::function_ref<void(mlir::Value, mlir::Value)> prepare,
                llvm::function_ref<void(llvm::ArrayRef<Tile>)> body);

  /// Streams that a matvec reads floats in at once: row after row of places far
  /// apart. At most that many tiles come together.
  int64_t streams() const;

  /// Memory for the sums of one token over any tile: floats of a member's
  /// couples with a register of room before and after them.
  int64_t memberFloats() const;
  int64_t maxMembers() const;
  /// Sums of a tile whose member 0 starts at `memory`.
  Sums sumsAt(mlir::Value memory, mlir::Value firstCouple);

  /// Epilogue of one token, and the tile's partial result for argmax.
  void finishToken(const Tile &tile, mlir::Value token, mlir::Value scale,
                   const Sums &sums);

private:
  void rowTiles(mlir::Value from, mlir::Value to, mlir::Value firstToken,
                mlir::Value tokens,
                llvm::function_ref<void(llvm::ArrayRef<Tile>)> body);
};

/// Emits @kernel_merge for a skeleton with an argmax segment: its tiles are
/// tokens or rows, each the largest of the row tiles' partial results.
void emitArgmaxMerge(mlir::Operation *op, mlir::func::FuncOp kernel,
                     const CpuVariant &variant, mlir::ModuleOp module);

/// A matvec, or a matmul of few tokens: weights go straight into products.
llvm::LogicalResult emitStreamed(mlir::Operation *op, mlir::func::FuncOp kernel,
                                 const CpuVariant &variant,
                                 mlir::ModuleOp module);
/// A matmul of many tokens: a tile's weights are decoded once.
llvm::LogicalResult emitBlocked(kernel::MatmulOp op, mlir::func::FuncOp kernel,
                                const CpuVariant &variant,
                                mlir::ModuleOp module);

} // namespace quipu::cpu

#endif // QUIPU_KERNELS_CPU_ROWKERNEL_H
