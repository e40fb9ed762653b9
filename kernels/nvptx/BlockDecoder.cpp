//===- BlockDecoder.cpp - Quantized blocks on a GPU -----------------------===//
//
// Clones what computes an element out of the decoder's region, whose byte
// vectors LLVM takes apart. Blocks have sizes such as 18 bytes, so their bytes
// are loaded one or two at a time.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/BlockDecoder.h"

#include "dialects/llama/StoredTypes.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

/// Largest power of two that divides both numbers.
static int64_t commonAlignment(int64_t left, int64_t right) {
  int64_t both = left | right;
  return both & -both;
}

BlockDecoder::BlockDecoder(KernelFunction &f, kernel::DecoderOp decoder,
                           Value row, Value index, int64_t alignment)
    : f(f), decoder(decoder),
      bytes(blockBytes(*llama::elementType(decoder.getType()))),
      alignment(alignment), block(f.element(row, index, bytes)) {}

int64_t BlockDecoder::size() const {
  return blockElements(
      *llama::elementType(kernel::DecoderOp(decoder).getType()));
}

/// Clones what computes `value`, once.
Value BlockDecoder::inlined(Value value) {
  if (Value known = map.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  if (auto load = dyn_cast<kernel::BlockLoadOp>(op)) {
    int64_t common = commonAlignment(bytes, int64_t(load.getOffset()));
    map.map(value, f.load(load.getType(), f.at(block, load.getOffset()),
                          std::min(common, alignment)));
    return map.lookup(value);
  }
  for (Value operand : op->getOperands())
    inlined(operand);
  f.b.clone(*op, map);
  return map.lookup(value);
}

SmallVector<Value> BlockDecoder::elements(int64_t first, int64_t count) {
  auto decoded =
      cast<kernel::DecodedOp>(decoder.getBody().front().getTerminator());
  SmallVector<Value> result;
  int64_t before = 0;
  for (auto [part, quants] : llvm::enumerate(decoded.getQuants())) {
    int64_t length = cast<VectorType>(quants.getType()).getNumElements();
    int64_t from = std::max(first, before);
    int64_t to = std::min(first + count, before + length);
    for (int64_t i = from; i < to; ++i) {
      Value quant = f.slice(inlined(quants), i - before, 1);
      Value number = arith::SIToFPOp::create(f.b, f.b.getF32Type(), quant);
      Value scale = inlined(decoded.getScales()[part]);
      result.push_back(
          decoded.getOffsets().empty()
              ? arith::MulFOp::create(f.b, number, scale).getResult()
              : f.fma(number, scale, inlined(decoded.getOffsets()[part])));
    }
    before += length;
  }
  return result;
}
