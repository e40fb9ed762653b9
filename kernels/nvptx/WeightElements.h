//===- WeightElements.h - Elements of a matvec's weights --------*- C++ -*-===//
//
// What a lane loads of a row, wherever the row is: floats from global memory,
// quantized blocks decoded from shared memory.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_WEIGHTELEMENTS_H
#define QUIPU_KERNELS_NVPTX_WEIGHTELEMENTS_H

#include "kernels/nvptx/BlockDecoder.h"

#include <vector>

namespace quipu::gpu {

/// A row of a weight that a team works on.
struct WeightRow {
  mlir::Value weight;
  mlir::Value index; // in the weight
  mlir::Value address;
  mlir::Type stored;
  kernel::DecoderOp decoder; // null for float types
  mlir::Value copied;        // all of it in shared memory, if it is in a run
  mlir::Value staged;        // its blocks of the step, where it has a decoder
};

/// Elements [at, at + count) of a row, in pieces: of a quantized one the blocks
/// of lane `lane` (i32) of the team.
class WeightElements {
public:
  WeightElements(KernelFunction &f, const WeightRow &row, mlir::Value lane,
                 mlir::Value at, int64_t count);

  /// Elements [at + first, at + first + count), as f32; for a quantized row in
  /// one block.
  llvm::SmallVector<mlir::Value> load(int64_t first, int64_t count);

private:
  KernelFunction &f;
  const WeightRow &row;
  mlir::Value from; // address of element `at` of a row of floats
  std::vector<BlockDecoder> blocks;
};
} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_WEIGHTELEMENTS_H
