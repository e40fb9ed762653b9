//===- Payload.cpp - Runs a payload region on numbers ---------------------===//
//
// One switch over scalar ops; a new op in a payload adds a case.
//
//===----------------------------------------------------------------------===//

#include "interpreters/kernel/Payload.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace quipu;

/// The value of a scalar op on `x`, its operands.
static FailureOr<double> evaluate(Operation &op, ArrayRef<double> x) {
  using Found = FailureOr<double>;
  return TypeSwitch<Operation *, Found>(&op)
      .Case([](arith::ConstantOp constant) -> Found {
        return cast<FloatAttr>(constant.getValue()).getValueAsDouble();
      })
      .Case([&](arith::AddFOp) -> Found { return x[0] + x[1]; })
      .Case([&](arith::SubFOp) -> Found { return x[0] - x[1]; })
      .Case([&](arith::MulFOp) -> Found { return x[0] * x[1]; })
      .Case([&](arith::DivFOp) -> Found { return x[0] / x[1]; })
      .Case([&](arith::NegFOp) -> Found { return -x[0]; })
      .Case([&](arith::MaximumFOp) -> Found { return std::max(x[0], x[1]); })
      .Case([&](arith::MinimumFOp) -> Found { return std::min(x[0], x[1]); })
      .Case([&](math::FmaOp) -> Found { return x[0] * x[1] + x[2]; })
      .Case([&](math::AbsFOp) -> Found { return std::abs(x[0]); })
      .Case([&](math::ExpOp) -> Found { return std::exp(x[0]); })
      .Case([&](math::Exp2Op) -> Found { return std::exp2(x[0]); })
      .Case([&](math::SqrtOp) -> Found { return std::sqrt(x[0]); })
      .Case([&](math::RsqrtOp) -> Found { return 1 / std::sqrt(x[0]); })
      .Default([](Operation *other) -> Found {
        return other->emitOpError() << "cannot be interpreted in a payload";
      });
}

FailureOr<SmallVector<double>>
kernel::evaluatePayload(Region &region, ArrayRef<double> arguments) {
  Block &block = region.front();
  llvm::SmallDenseMap<Value, double, 16> values;
  for (auto [argument, value] : llvm::zip(block.getArguments(), arguments))
    values[argument] = value;
  auto lookup = [&](ValueRange operands) {
    SmallVector<double> found;
    for (Value operand : operands)
      found.push_back(values.lookup(operand));
    return found;
  };
  for (Operation &op : block.without_terminator()) {
    FailureOr<double> value = evaluate(op, lookup(op.getOperands()));
    if (failed(value))
      return failure();
    values[op.getResult(0)] = *value;
  }
  return lookup(block.getTerminator()->getOperands());
}
