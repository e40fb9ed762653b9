//===- BlockDecoder.h - Quantized blocks on a GPU ---------------*- C++ -*-===//
//
// The general way: a thread decodes a whole block by running its decoder region
// element by element.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_BLOCKDECODER_H
#define QUIPU_KERNELS_NVPTX_BLOCKDECODER_H

#include "kernels/nvptx/KernelFunction.h"

#include "mlir/IR/IRMapping.h"

namespace quipu::gpu {

/// One block being decoded at the current insertion point, which must dominate
/// every later use of this object. Only what is asked for becomes code.
class BlockDecoder {
public:
  /// Block `index` (i32) of a row of `decoder`'s format at `row`, in global or
  /// shared memory; blocks lie at multiples of their size's largest power of
  /// two, as far as that is at most `alignment`.
  BlockDecoder(KernelFunction &f, kernel::DecoderOp decoder, mlir::Value row,
               mlir::Value index, int64_t alignment = 16);

  /// Elements of the block.
  int64_t size() const;
  /// Elements [first, first + count), as f32.
  llvm::SmallVector<mlir::Value> elements(int64_t first, int64_t count);

private:
  mlir::Value inlined(mlir::Value value);

  KernelFunction &f;
  kernel::DecoderOp decoder;
  int64_t bytes, alignment;
  mlir::Value block; // its address
  mlir::IRMapping map;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_BLOCKDECODER_H
