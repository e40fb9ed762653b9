//===- Products.cpp - Kernels that are a product and no more --------------===//
//
// Looks at the prologue, then at the one segment.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Products.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::kernel;

static Type elementType(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getElementType();
}

/// Whether activations are f32 and enter as they are.
static bool isIdentity(PrologueOp prologue) {
  return elementType(prologue.getSource()).isF32() &&
         !prologue.getDecoderAttr() && prologue.getMap().empty() &&
         prologue.getStatistic().empty() && !prologue.getRows() &&
         prologue.getColumns().empty();
}

/// Whether each output of one weight is stored as it is.
static bool isIdentity(SegmentOp segment) {
  if (segment.getCouple() != Couple::single ||
      segment.getDestination() != Destination::result ||
      segment.getWeights().size() != 1 || !segment.getElements().empty() ||
      !segment.getColumns().empty() || !segment.getAngles().empty())
    return false;
  Block &epilogue = segment.getEpilogue().front();
  auto yield = cast<YieldOp>(epilogue.getTerminator());
  return llvm::equal(yield.getValues(), epilogue.getArguments());
}

std::optional<PlainProduct> kernel::plainProduct(Operation *skeleton) {
  if (!isa<MatvecOp, MatmulOp>(skeleton))
    return std::nullopt;
  PrologueOp prologue = getPrologue(skeleton);
  auto segments = llvm::to_vector(getSegments(skeleton));
  if (!prologue || !isIdentity(prologue) || segments.size() != 1 ||
      !isIdentity(segments.front()))
    return std::nullopt;
  Value weights = segments.front().getWeights().front();
  Type stored = elementType(weights);
  if (!stored.isF32() && !stored.isF16() && !stored.isBF16())
    return std::nullopt;
  if (!elementType(skeleton->getResult(0)).isF32())
    return std::nullopt;
  return PlainProduct{prologue.getSource(), weights,
                      skeleton->getAttrOfType<DomainAttr>("domain").getValue()};
}
