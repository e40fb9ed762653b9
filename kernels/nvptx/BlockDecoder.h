//===- BlockDecoder.h - Quantized blocks on a GPU ---------------*- C++ -*-===//
//
// The general way: a thread decodes a whole block by running its decoder region
// element by element.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_BLOCKDECODER_H
#define QUIPU_KERNELS_NVPTX_BLOCKDECODER_H

#include "kernels/nvptx/KernelFunction.h"

namespace quipu::gpu {

/// All elements, in order and as f32, of block `index` (i32) of the row of
/// `decoder`'s format at `row`, in global or shared memory.
llvm::SmallVector<mlir::Value> decodeBlock(KernelFunction &f,
                                           kernel::DecoderOp decoder,
                                           mlir::Value row, mlir::Value index);

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_BLOCKDECODER_H
