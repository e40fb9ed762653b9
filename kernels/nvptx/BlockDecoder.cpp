//===- BlockDecoder.cpp - Quantized blocks on a GPU -----------------------===//
//
// Clones the decoder's region, whose byte vectors LLVM takes apart. Blocks have
// sizes such as 18 bytes, so their bytes are loaded one or two at a time.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/BlockDecoder.h"

#include "dialects/llama/StoredTypes.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

/// Largest power of two that divides both numbers.
static int64_t commonAlignment(int64_t left, int64_t right) {
  int64_t both = left | right;
  return both & -both;
}

SmallVector<Value> gpu::decodeBlock(KernelFunction &f,
                                    kernel::DecoderOp decoder, Value row,
                                    Value index) {
  int64_t bytes = blockBytes(*llama::elementType(decoder.getType()));
  Value block = f.element(row, index, bytes);
  Block &body = decoder.getBody().front();
  IRMapping map;
  for (Operation &op : body.without_terminator()) {
    if (auto load = dyn_cast<kernel::BlockLoadOp>(op)) {
      int64_t alignment = commonAlignment(bytes, int64_t(load.getOffset()));
      map.map(load.getResult(),
              f.load(load.getType(), f.at(block, load.getOffset()),
                     std::min<int64_t>(alignment, 16)));
      continue;
    }
    f.b.clone(op, map);
  }
  auto decoded = cast<kernel::DecodedOp>(body.getTerminator());
  SmallVector<Value> elements;
  for (auto [part, quants] : llvm::enumerate(decoded.getQuants())) {
    Value scale = map.lookup(decoded.getScales()[part]);
    auto type = cast<VectorType>(quants.getType());
    for (int64_t i = 0; i < type.getNumElements(); ++i) {
      Value quant = f.slice(map.lookup(quants), i, 1);
      Value number =
          arith::SIToFPOp::create(f.b, f.b.getF32Type(), quant).getResult();
      elements.push_back(
          decoded.getOffsets().empty()
              ? arith::MulFOp::create(f.b, number, scale).getResult()
              : f.fma(number, scale, map.lookup(decoded.getOffsets()[part])));
    }
  }
  return elements;
}
