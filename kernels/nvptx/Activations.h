//===- Activations.h - What a prologue reads on a GPU -----------*- C++ -*-===//
//
// Every thread that needs an activation loads it and maps it by itself: rows of
// activations stay in the caches, and no thread waits for another.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_ACTIVATIONS_H
#define QUIPU_KERNELS_NVPTX_ACTIVATIONS_H

#include "kernels/nvptx/KernelFunction.h"

namespace quipu::gpu {

/// The rows of a prologue's source.
class Activations {
public:
  Activations(KernelFunction &f, kernel::PrologueOp prologue);

  const int64_t columns; // K
  /// Elements of a block of a quantized source; 1 for float types.
  int64_t blockElements() const;

  mlir::Value source();        // the tensor
  kernel::DecoderOp decoder(); // null for float types
  /// Which row (i32) `token` (i32) reads, and its address.
  mlir::Value rowIndex(mlir::Value token);
  mlir::Value row(mlir::Value token);

  /// Elements [at, at + count) of a row of floats, as f32, `at` being a
  /// multiple of `count`. A `count` of a power of two that divides K is loaded
  /// at once, up to 16 bytes.
  llvm::SmallVector<mlir::Value> load(mlir::Value row, mlir::Value at,
                                      int64_t count);

  /// Whether map(x) differs from x.
  bool hasMap();
  /// map(x, column values) of elements [at, at + x.size()).
  llvm::SmallVector<mlir::Value> map(mlir::ValueRange x, mlir::Value at);

  bool hasStatistic();
  /// `sum` + the statistic's terms of elements `x`.
  mlir::Value addStatistic(mlir::Value sum, mlir::ValueRange x);
  /// The factor of a row whose terms have the sum `sum`.
  mlir::Value scale(mlir::Value sum);

private:
  llvm::SmallVector<mlir::Value> loadFrom(mlir::Value row, mlir::Type stored,
                                          mlir::Value at, int64_t count);

  KernelFunction &f;
  kernel::PrologueOp prologue;
  mlir::RankedTensorType type;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_ACTIVATIONS_H
