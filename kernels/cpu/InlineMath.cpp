//===- InlineMath.cpp - Elementary functions without a library ------------===//
//
// exp2(x) = 2^n * 2^f with n = round(x) and f in [-1/2, 1/2]; exp likewise with
// n = round(x / ln 2). 2^f is a polynomial, and 2^n is added to its exponent.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/InlineMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

#include <limits>

using namespace mlir;

namespace {
// Minimax (relative error 1.9e-9) on [-1/2, 1/2] and [-ln2/2, ln2/2], computed
// in 50 digits by reweighted least squares.
constexpr float exp2Polynomial[] = {1.0f,
                                    6.9314720574e-01f,
                                    2.4022646890e-01f,
                                    5.5503287771e-02f,
                                    9.6184889739e-03f,
                                    1.3399931183e-03f,
                                    1.5345807496e-04f};
constexpr float expPolynomial[] = {1.0f,
                                   1.0000000363f,
                                   4.9999992079e-01f,
                                   1.6666420170e-01f,
                                   4.1668225642e-02f,
                                   8.3748157817e-03f,
                                   1.3836841930e-03f};

/// Adding and subtracting 1.5 * 2^23 rounds to an integer, which the low bits
/// of the sum hold.
constexpr float roundingBias = 12582912.0f;

/// Emits arith ops on f32 or on vectors of it.
struct FloatBuilder {
  ImplicitLocOpBuilder b;
  Type type;    // of floats
  Type intType; // of i32 with the same shape

  FloatBuilder(Operation *op)
      : b(op->getLoc(), op), type(op->getResult(0).getType()),
        intType(b.getI32Type()) {
    if (auto vector = dyn_cast<VectorType>(type))
      intType = vector.clone(intType);
  }

  Value constant(Type of, TypedAttr attr) {
    if (auto vector = dyn_cast<VectorType>(of))
      return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, attr));
    return arith::ConstantOp::create(b, attr);
  }
  Value f32(float value) { return constant(type, b.getF32FloatAttr(value)); }
  Value i32(int32_t value) {
    return constant(intType, b.getI32IntegerAttr(value));
  }
  Value bits(Value x) { return arith::BitcastOp::create(b, intType, x); }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, x, y, z);
  }
  Value select(arith::CmpFPredicate predicate, Value x, Value y, Value yes,
               Value no) {
    Value condition = arith::CmpFOp::create(b, predicate, x, y);
    return arith::SelectOp::create(b, condition, yes, no);
  }
};
} // namespace

/// Horner's scheme, highest power first.
static Value evaluate(FloatBuilder &f, llvm::ArrayRef<float> polynomial,
                      Value x) {
  Value sum = f.f32(polynomial.back());
  for (float coefficient : llvm::reverse(polynomial.drop_back()))
    sum = f.fma(sum, x, f.f32(coefficient));
  return sum;
}

/// `fraction` * 2^n, n being in the low bits of `biased`; then the cases in
/// which that wraps around: `x` outside (least, most).
static Value scale(FloatBuilder &f, Value fraction, Value biased, Value x,
                   float least, float most, arith::FastMathFlags flags) {
  Value exponent =
      arith::ShLIOp::create(f.b, f.bits(biased), f.i32(23)).getResult();
  Value sum = arith::AddIOp::create(f.b, f.bits(fraction), exponent);
  Value result = arith::BitcastOp::create(f.b, f.type, sum);
  result =
      f.select(arith::CmpFPredicate::OLT, x, f.f32(least), f.f32(0.0f), result);
  if (!bitEnumContainsAll(flags, arith::FastMathFlags::ninf))
    result = f.select(arith::CmpFPredicate::OGE, x, f.f32(most),
                      f.f32(std::numeric_limits<float>::infinity()), result);
  if (bitEnumContainsAll(flags, arith::FastMathFlags::nnan))
    return result;
  return f.select(arith::CmpFPredicate::UNO, x, x, x, result);
}

static Value expandExp2(math::Exp2Op op) {
  FloatBuilder f(op);
  Value x = op.getOperand();
  Value bias = f.f32(roundingBias);
  Value biased = arith::AddFOp::create(f.b, x, bias);
  Value n = arith::SubFOp::create(f.b, biased, bias);
  Value fraction = arith::SubFOp::create(f.b, x, n);
  return scale(f, evaluate(f, exp2Polynomial, fraction), biased, x, -126.0f,
               128.0f, op.getFastmath());
}

static Value expandExp(math::ExpOp op) {
  FloatBuilder f(op);
  Value x = op.getOperand();
  Value bias = f.f32(roundingBias);
  Value biased = f.fma(x, f.f32(0x1.715476p+0f), bias); // log2(e)
  Value n = arith::SubFOp::create(f.b, biased, bias);
  // ln 2 in two parts: the first product is exact within the fma.
  Value fraction = f.fma(n, f.f32(-0x1.62e430p-1f), x);
  fraction = f.fma(n, f.f32(0x1.05c610p-29f), fraction);
  return scale(f, evaluate(f, expPolynomial, fraction), biased, x,
               -0x1.5d58a0p+6f, 0x1.62e430p+6f, op.getFastmath());
}

static Value expandRsqrt(math::RsqrtOp op) {
  FloatBuilder f(op);
  Value root = math::SqrtOp::create(f.b, op.getOperand());
  return arith::DivFOp::create(f.b, f.f32(1.0f), root);
}

namespace {
class InlineMathPass : public PassWrapper<InlineMathPass, OperationPass<>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(InlineMathPass)

  StringRef getArgument() const final { return "cpu-inline-math"; }
  StringRef getDescription() const final {
    return "Expand exp, exp2 and rsqrt of f32 into arithmetic";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, math::MathDialect>();
  }
  void runOnOperation() final {
    getOperation()->walk([](Operation *op) {
      if (op->getNumResults() != 1 ||
          !getElementTypeOrSelf(op->getResult(0)).isF32())
        return;
      Value expanded;
      if (auto exp2 = dyn_cast<math::Exp2Op>(op))
        expanded = expandExp2(exp2);
      else if (auto exp = dyn_cast<math::ExpOp>(op))
        expanded = expandExp(exp);
      else if (auto rsqrt = dyn_cast<math::RsqrtOp>(op))
        expanded = expandRsqrt(rsqrt);
      if (!expanded)
        return;
      op->getResult(0).replaceAllUsesWith(expanded);
      op->erase();
    });
  }
};
} // namespace

std::unique_ptr<Pass> quipu::createInlineMathPass() {
  return std::make_unique<InlineMathPass>();
}

void quipu::registerInlineMathPass() { registerPass(createInlineMathPass); }
