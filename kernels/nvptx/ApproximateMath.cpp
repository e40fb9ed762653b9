//===- ApproximateMath.cpp - Elementary functions of a GPU ----------------===//
//
// One intrinsic each; exp(x) is 2^(x * log2(e)).
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/ApproximateMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

static Value intrinsic(ImplicitLocOpBuilder &b, StringRef name, Value operand) {
  return LLVM::CallIntrinsicOp::create(b, operand.getType(),
                                       b.getStringAttr(name), operand)
      .getResult(0);
}

/// What `op` becomes, or null where it stays.
static Value approximate(Operation *op) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  if (isa<math::Exp2Op>(op))
    return intrinsic(b, "llvm.nvvm.ex2.approx.ftz", op->getOperand(0));
  if (isa<math::ExpOp>(op)) {
    Value log2e =
        arith::ConstantOp::create(b, b.getF32FloatAttr(0x1.715476p+0f));
    Value scaled = arith::MulFOp::create(b, op->getOperand(0), log2e);
    return intrinsic(b, "llvm.nvvm.ex2.approx.ftz", scaled);
  }
  if (isa<math::RsqrtOp>(op))
    return intrinsic(b, "llvm.nvvm.rsqrt.approx.ftz.f", op->getOperand(0));
  if (auto divide = dyn_cast<arith::DivFOp>(op))
    return arith::MulFOp::create(
        b, divide.getLhs(),
        intrinsic(b, "llvm.nvvm.rcp.approx.ftz.f", divide.getRhs()));
  return {};
}

namespace {
class ApproximateMathPass
    : public PassWrapper<ApproximateMathPass, OperationPass<>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ApproximateMathPass)

  StringRef getArgument() const final { return "gpu-approximate-math"; }
  StringRef getDescription() const final {
    return "Make exp, exp2, rsqrt and division of f32 instructions of a GPU";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, LLVM::LLVMDialect>();
  }
  void runOnOperation() final {
    getOperation()->walk([](Operation *op) {
      if (op->getNumResults() != 1 || !op->getResult(0).getType().isF32())
        return;
      Value replacement = approximate(op);
      if (!replacement)
        return;
      op->getResult(0).replaceAllUsesWith(replacement);
      op->erase();
    });
  }
};
} // namespace

std::unique_ptr<Pass> quipu::createApproximateMathPass() {
  return std::make_unique<ApproximateMathPass>();
}

void quipu::registerApproximateMathPass() {
  registerPass(createApproximateMathPass);
}
