//===- FusionBoundary.cpp - Looking through llama.fusion ------------------===//
//
// A result of a fusion is the value that its yield has at the same place.
//
//===----------------------------------------------------------------------===//

#include "dialects/llama/FusionBoundary.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::llama;

Value llama::definition(Value value) {
  if (auto fusion = value.getDefiningOp<FusionOp>())
    return fusion.getBody().front().getTerminator()->getOperand(
        cast<OpResult>(value).getResultNumber());
  return value;
}

SmallVector<Operation *> llama::readers(Value value) {
  SmallVector<Operation *> found;
  for (OpOperand &use : value.getUses()) {
    if (auto yield = dyn_cast<YieldOp>(use.getOwner()))
      llvm::append_range(found, readers(yield->getParentOp()->getResult(
                                    use.getOperandNumber())));
    else
      found.push_back(use.getOwner());
  }
  return found;
}

FusionOp llama::fusionOf(Operation *op) {
  return dyn_cast<FusionOp>(op->getParentOp());
}

Operation *llama::outermost(Operation *op) {
  FusionOp fusion = fusionOf(op);
  return fusion ? fusion.getOperation() : op;
}
