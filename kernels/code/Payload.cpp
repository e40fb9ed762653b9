//===- Payload.cpp - Payload regions as code ------------------------------===//
//
// Relies on payload ops being elementwise, so that the vector form of an op is
// the op itself with vector types.
//
//===----------------------------------------------------------------------===//

#include "kernels/code/Payload.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace quipu;

/// Clones a constant, as a splat for more than one lane.
static Value inlineConstant(CodeBuilder &f, arith::ConstantOp op,
                            int64_t lanes) {
  TypedAttr value = op.getValue();
  if (lanes > 1) {
    auto type = VectorType::get({lanes}, op.getType());
    value = DenseElementsAttr::get(type, Attribute(value));
  }
  return arith::ConstantOp::create(f.b, value);
}

SmallVector<Value> quipu::inlinePayload(CodeBuilder &f, Region &region,
                                        ValueRange arguments, int64_t lanes) {
  Block &block = region.front();
  IRMapping map;
  map.map(block.getArguments(), arguments);
  for (Operation &op : block.without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      map.map(constant.getResult(), inlineConstant(f, constant, lanes));
      continue;
    }
    Operation *clone = f.b.clone(op, map);
    for (auto [from, to] : llvm::zip(op.getResults(), clone->getResults())) {
      if (lanes > 1)
        to.setType(VectorType::get({lanes}, from.getType()));
      map.map(from, to);
    }
  }
  SmallVector<Value> yielded;
  for (Value value : block.getTerminator()->getOperands())
    yielded.push_back(map.lookup(value));
  return yielded;
}
