//===- RowRuns.h - Neighbouring rows in shared memory -----------*- C++ -*-===//
//
// Quantized rows of 360 or 612 bytes begin and end inside the sectors (32
// bytes) that memory gives, so teams that copy rows of their own ask for many
// sectors twice. A block copies the rows of all its teams as one run of bytes.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_ROWRUNS_H
#define QUIPU_KERNELS_NVPTX_ROWRUNS_H

#include "kernels/nvptx/KernelFunction.h"
#include "kernels/nvptx/MatvecSteps.h"

namespace quipu::gpu {

/// The runs of one block's teams in shared memory. All threads call what emits
/// code.
class RowRuns {
public:
  RowRuns(KernelFunction &f, const RunShape &shape) : f(f), shape(shape) {}

  /// Copies to `memory`, of shape.bytes(), and waits. `addresses`: where each
  /// run begins, at multiples of 16 bytes; `left` (i32): how many rows the
  /// tensor has from there on, where that may be fewer than a run's.
  void copy(mlir::Value memory, llvm::ArrayRef<mlir::Value> addresses,
            mlir::Value left);
  /// Where row `index` (i32) of run `run` is.
  mlir::Value row(int64_t run, mlir::Value index);
  /// The rows have been read; the memory may be used again.
  void release();

private:
  void copyRun(int64_t run, mlir::Value from, mlir::Value left);
  mlir::Value place(int64_t run);

  KernelFunction &f;
  RunShape shape;
  mlir::Value memory;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_ROWRUNS_H
