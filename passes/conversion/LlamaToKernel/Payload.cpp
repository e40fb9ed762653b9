//===- Payload.cpp - The arithmetic of a group, on scalars ----------------===//
//
// An expression is evaluated by walking its definitions back to what the
// epilogue receives; each op of the graph has its scalar form here.
//
//===----------------------------------------------------------------------===//

#include "passes/conversion/LlamaToKernel/Payload.h"

using namespace mlir;
using namespace quipu;

/// Creates a block with `count` f32 arguments in `region` and moves to it.
static Block *enterPayload(OpBuilder &builder, Region &region, unsigned count,
                           Location loc) {
  Block *block = builder.createBlock(&region);
  for (unsigned i = 0; i < count; ++i)
    block->addArgument(builder.getF32Type(), loc);
  return block;
}

static Value constant(OpBuilder &builder, Location loc, float value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(value));
}

void quipu::buildNormPayload(OpBuilder &builder, kernel::PrologueOp prologue,
                             llama::RmsNormOp norm) {
  Location loc = prologue.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  Block *map = enterPayload(builder, prologue.getMap(), 2, loc);
  Value scaled = arith::MulFOp::create(builder, loc, map->getArgument(0),
                                       map->getArgument(1));
  kernel::YieldOp::create(builder, loc, scaled);
  Block *statistic = enterPayload(builder, prologue.getStatistic(), 1, loc);
  Value square = arith::MulFOp::create(builder, loc, statistic->getArgument(0),
                                       statistic->getArgument(0));
  kernel::YieldOp::create(builder, loc, square);
  // 1 / sqrt(sum / K + eps)
  Block *scale = enterPayload(builder, prologue.getScale(), 1, loc);
  int64_t k =
      cast<RankedTensorType>(prologue.getSource().getType()).getDimSize(1);
  Value mean = arith::DivFOp::create(builder, loc, scale->getArgument(0),
                                     constant(builder, loc, float(k)));
  Value shifted = arith::AddFOp::create(
      builder, loc, mean,
      constant(builder, loc, norm.getEps().convertToFloat()));
  Value inverse = math::RsqrtOp::create(builder, loc, shifted);
  kernel::YieldOp::create(builder, loc, inverse);
}

/// Payload of rope: (a c - b s, b c + a s).
static SmallVector<Value> rotate(OpBuilder &builder, Location loc, Value a,
                                 Value b, Value c, Value s) {
  auto mul = [&](Value x, Value y) -> Value {
    return arith::MulFOp::create(builder, loc, x, y);
  };
  return {arith::SubFOp::create(builder, loc, mul(a, c), mul(b, s)),
          arith::AddFOp::create(builder, loc, mul(b, c), mul(a, s))};
}

/// Payload of silu: x / (1 + exp(-x)).
static Value silu(OpBuilder &builder, Location loc, Value x) {
  Value negated = arith::NegFOp::create(builder, loc, x);
  Value exponential = math::ExpOp::create(builder, loc, negated);
  Value denominator = arith::AddFOp::create(
      builder, loc, constant(builder, loc, 1.0f), exponential);
  return arith::DivFOp::create(builder, loc, x, denominator);
}

namespace {

/// Evaluates an expression on the values of one couple: two for the couples of
/// a rope, else one.
class CoupleEvaluator {
public:
  CoupleEvaluator(OpBuilder &builder, Location loc)
      : builder(builder), loc(loc) {}

  llvm::DenseMap<Value, SmallVector<Value>> known;
  SmallVector<Value> angles; // cos and sin

  SmallVector<Value> evaluate(Value value);

private:
  OpBuilder &builder;
  Location loc;
};

} // namespace

SmallVector<Value> CoupleEvaluator::evaluate(Value value) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  Operation *op = value.getDefiningOp();
  SmallVector<SmallVector<Value>> operands;
  if (auto rope = dyn_cast<llama::RopeOp>(op)) {
    SmallVector<Value> pair = evaluate(rope.getInput());
    return known[value] =
               rotate(builder, loc, pair[0], pair[1], angles[0], angles[1]);
  }
  for (Value operand : op->getOperands())
    operands.push_back(evaluate(operand));
  SmallVector<Value> values;
  for (unsigned i = 0; i < operands[0].size(); ++i) {
    Value x = operands[0][i];
    if (isa<llama::SiluOp>(op))
      values.push_back(silu(builder, loc, x));
    else if (isa<llama::MulOp>(op))
      values.push_back(arith::MulFOp::create(builder, loc, x, operands[1][i]));
    else
      values.push_back(arith::AddFOp::create(builder, loc, x, operands[1][i]));
  }
  return known[value] = values;
}

void quipu::buildEpilogue(OpBuilder &builder, kernel::SegmentOp op,
                          const GroupSegment &segment,
                          ArrayRef<OpResult> biased) {
  Location loc = op.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  unsigned each = segment.rope ? 2 : 1;
  unsigned coreValues = segment.core.size() * each;
  unsigned count = coreValues +
                   each * (op.getElements().size() + op.getColumns().size()) +
                   op.getAngles().size();
  Block *block = enterPayload(builder, op.getEpilogue(), count, loc);
  CoupleEvaluator couple(builder, loc);
  unsigned next = 0;
  auto take = [&] {
    SmallVector<Value> values;
    for (unsigned i = 0; i < each; ++i)
      values.push_back(block->getArgument(next++));
    return values;
  };
  for (OpResult result : segment.core)
    couple.known[result] = take();
  for (Value element : segment.elements)
    couple.known[element] = take();
  for (OpResult result : biased) {
    SmallVector<Value> bias = take();
    for (auto [value, addend] : llvm::zip(couple.known[result], bias))
      value = arith::AddFOp::create(builder, loc, value, addend);
  }
  couple.angles.assign(block->args_begin() + next, block->args_end());
  kernel::YieldOp::create(builder, loc, couple.evaluate(segment.value));
}
