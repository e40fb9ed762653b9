//===- StagedBlocks.h - Quantized rows through shared memory ----*- C++ -*-===//
//
// Blocks have sizes such as 18 or 210 bytes, so lanes that read their blocks
// straight from memory would ask for each sector many times. A team of lanes
// (MatvecSteps.h) copies the bytes of its rows as they lie there, and decodes
// from shared memory.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_STAGEDBLOCKS_H
#define QUIPU_KERNELS_NVPTX_STAGEDBLOCKS_H

#include "kernels/nvptx/KernelFunction.h"
#include "kernels/nvptx/MatvecSteps.h"
#include "kernels/nvptx/RowWindows.h"
#include "kernels/nvptx/WeightElements.h"

#include <optional>

namespace quipu::gpu {

/// The blocks of some rows of one team, a step of K at a time. While a step is
/// decoded the next is on its way, where shared memory has room for both.
class StagedBlocks {
public:
  /// `decoders`: one a row; null for rows that are not staged. A step is whole
  /// blocks of every row.
  StagedBlocks(KernelFunction &f, llvm::ArrayRef<kernel::DecoderOp> decoders,
               int64_t columns, const MatvecSteps &team);

  /// Shared memory that the team needs; 0 where no row is staged.
  int64_t bytes() const { return slots() * slotBytes; }
  int64_t steps() const;

  /// Uses `memory` of the team, at the current point of insertion, for
  /// `weights`: one a row.
  void begin(mlir::Value memory, llvm::ArrayRef<WeightRow> weights);
  /// Waits for the blocks of `step` (i32), which all of the warp does together.
  void await(mlir::Value step);
  /// Address of row `row`'s first block in `step`.
  mlir::Value row(int64_t row, mlir::Value step);
  /// The blocks of the step have been read, by all of the warp.
  void release();

private:
  struct Row {
    std::optional<RowWindows> windows; // none: not staged
    int64_t offset = 0;                // in a slot
  };

  int64_t slots() const;
  mlir::Value slot(mlir::Value step);
  void ask(mlir::Value step);

  KernelFunction &f;
  int64_t columns;
  MatvecSteps team;
  int64_t slotBytes = 0;
  llvm::SmallVector<Row> rows;
  mlir::Value memory;
  llvm::SmallVector<WeightRow> weights;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_STAGEDBLOCKS_H
