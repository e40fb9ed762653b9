//===- RowGroup.cpp - A group of llama ops as one row skeleton ------------===//
//
// A group has at most one core: the linear, norm or gather that reads whole
// rows. Everything after it is elementwise and becomes the epilogues: each
// value that leaves the group is one segment, whose payload is found by
// evaluating the value's expression on the scalars of one couple.
//
//===----------------------------------------------------------------------===//

#include "passes/conversion/LlamaToKernel/RowGroup.h"

#include "dialects/kernel/Decoders.h"
#include "dialects/llama/StoredTypes.h"

using namespace mlir;
using namespace quipu;
using kernel::Couple;
using kernel::Destination;

Value quipu::getParameter(ConversionScope &scope, OpBuilder &builder,
                          FlatSymbolRefAttr symbol) {
  Value &value = scope.parameters[symbol.getValue()];
  if (value)
    return value;
  Operation *declaration = scope.symbols.lookup(symbol.getValue());
  RankedTensorType type;
  if (auto param = dyn_cast<llama::ParamOp>(declaration)) {
    type = cast<RankedTensorType>(param.getType());
  } else {
    int64_t pairs =
        cast<llama::RopeTableOp>(declaration).getInverseFrequencies().size();
    type = RankedTensorType::get({ShapedType::kDynamic, pairs, 2},
                                 builder.getF32Type());
  }
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(scope.entry);
  value = kernel::ParamOp::create(builder, declaration->getLoc(), type, symbol);
  return value;
}

/// The decoder of `parameter`'s elements, or null for float types.
static FlatSymbolRefAttr decoderOf(ConversionScope &scope, Value parameter) {
  Type element = cast<RankedTensorType>(parameter.getType()).getElementType();
  std::optional<ElementType> type = llama::elementType(element);
  if (!type || !isQuantized(*type))
    return {};
  return FlatSymbolRefAttr::get(
      kernel::getOrInsertDecoder(scope.module, *type).getSymNameAttr());
}

namespace {

/// A value that leaves the group, and what its expression reads.
struct Segment {
  Value value;
  Destination destination = Destination::result;
  llama::KvAppendOp append;        // for keys and values
  SmallVector<OpResult> core;      // values of the core, in order of use
  llama::RopeOp rope;              // at most one on the way
  llvm::SetVector<Value> elements; // values from outside the group
};

class RowGroup {
public:
  RowGroup(ConversionScope &scope, OpBuilder &builder, StringRef label,
           ArrayRef<Operation *> group)
      : scope(scope), builder(builder), label(label), group(group),
        loc(group.back()->getLoc()) {}

  LogicalResult build(ValueRange results);

private:
  LogicalResult findCore();
  LogicalResult addSegments(Value result);
  LogicalResult collect(Segment &segment, Value value);
  void buildPrologue();
  void buildNorm(llama::RmsNormOp norm, Value source);
  LogicalResult buildSegment(Segment &segment);
  SmallVector<Value> evaluate(const Segment &segment, Value value,
                              llvm::DenseMap<Value, SmallVector<Value>> &known,
                              ValueRange angles);
  bool inGroup(Value value) const {
    Operation *op = value.getDefiningOp();
    return op && llvm::is_contained(group, op);
  }
  Operation *createSkeleton();

  ConversionScope &scope;
  OpBuilder &builder;
  StringRef label;
  ArrayRef<Operation *> group;
  Location loc;
  llama::LinearOp linear;
  Operation *core = nullptr; // the linear, or the op that reads whole rows
  llama::RmsNormOp norm;     // feeds the linear, or is the core
  SmallVector<Segment> segments;
};

} // namespace

LogicalResult RowGroup::findCore() {
  for (Operation *op : group) {
    if (auto found = dyn_cast<llama::LinearOp>(op)) {
      if (linear)
        return op->emitError("a group holds at most one linear");
      linear = found;
    } else if (auto found = dyn_cast<llama::RmsNormOp>(op)) {
      if (norm)
        return op->emitError("a group holds at most one rms_norm");
      norm = found;
    } else if (isa<llama::EmbeddingOp, llama::SelectRowsOp>(op)) {
      if (core)
        return op->emitError("a group holds at most one gather");
      core = op;
    }
  }
  if (linear && norm && linear.getInput() != norm.getResult())
    return norm.emitError("expected the rms_norm of a group to feed its "
                          "linear");
  if (core && (linear || norm))
    return core->emitError("cannot be grouped with a linear or rms_norm");
  if (!core)
    core = linear ? linear.getOperation() : norm.getOperation();
  return success();
}

LogicalResult RowGroup::addSegments(Value result) {
  auto add = [&](Value value, Destination destination,
                 llama::KvAppendOp append = {}) {
    Segment segment;
    segment.value = value;
    segment.destination = destination;
    segment.append = append;
    segments.push_back(std::move(segment));
    return collect(segments.back(), value);
  };
  if (auto append = result.getDefiningOp<llama::KvAppendOp>()) {
    if (failed(add(append.getKeys(), Destination::keys, append)))
      return failure();
    return add(append.getValues(), Destination::values, append);
  }
  if (auto argmax = result.getDefiningOp<llama::ArgmaxOp>())
    return add(argmax.getInput(), Destination::argmax);
  return add(result, Destination::result);
}

LogicalResult RowGroup::collect(Segment &segment, Value value) {
  if (!inGroup(value)) {
    segment.elements.insert(value);
    return success();
  }
  Operation *op = value.getDefiningOp();
  if (op == core) {
    auto result = cast<OpResult>(value);
    if (!llvm::is_contained(segment.core, result))
      segment.core.push_back(result);
    return success();
  }
  if (auto rope = dyn_cast<llama::RopeOp>(op)) {
    if (segment.rope)
      return rope.emitError("cannot follow another rope in a group");
    segment.rope = rope;
    return collect(segment, rope.getInput());
  }
  if (!isa<llama::SiluOp, llama::MulOp, llama::AddOp>(op))
    return op->emitError("has no form in an epilogue");
  for (Value operand : op->getOperands())
    if (failed(collect(segment, operand)))
      return failure();
  return success();
}

Operation *RowGroup::createSkeleton() {
  Value leading = segments.front().value;
  bool rows = scope.rowValues.contains(leading);
  auto domain = rows ? kernel::Domain::rows : kernel::Domain::tokens;
  SmallVector<Type> types;
  Type kvType;
  for (Segment &segment : segments) {
    if (segment.destination == Destination::result)
      types.push_back(segment.value.getType());
    else if (segment.destination == Destination::argmax)
      types.push_back(
          RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type()));
    else
      kvType = segment.append.getKv().getType();
  }
  if (kvType)
    types.push_back(kvType);
  auto create = [&](auto skeleton) -> Operation * {
    using Skeleton = decltype(skeleton);
    auto op = Skeleton::create(builder, loc, types, label, domain,
                               kernel::ScheduleAttr());
    op.getBody().emplaceBlock();
    return op;
  };
  if (!linear)
    return create(kernel::RowwiseOp());
  int64_t bound = rows ? scope.maxRows : scope.maxTokens;
  return bound == 1 ? create(kernel::MatvecOp()) : create(kernel::MatmulOp());
}

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

void RowGroup::buildNorm(llama::RmsNormOp norm, Value source) {
  Value gamma = getParameter(scope, builder, norm.getGammaAttr());
  auto prologue = kernel::PrologueOp::create(
      builder, loc, source, Value(), ValueRange{gamma}, FlatSymbolRefAttr());
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
  int64_t k = cast<RankedTensorType>(source.getType()).getDimSize(1);
  Value mean = arith::DivFOp::create(builder, loc, scale->getArgument(0),
                                     constant(builder, loc, float(k)));
  Value shifted = arith::AddFOp::create(
      builder, loc, mean,
      constant(builder, loc, norm.getEps().convertToFloat()));
  Value inverse = math::RsqrtOp::create(builder, loc, shifted);
  kernel::YieldOp::create(builder, loc, inverse);
}

void RowGroup::buildPrologue() {
  auto mapped = [&](Value value) { return scope.mapping.lookup(value); };
  if (norm)
    return buildNorm(norm, mapped(norm.getInput()));
  Value source, rows;
  FlatSymbolRefAttr decoder;
  if (auto embedding = dyn_cast<llama::EmbeddingOp>(core)) {
    source = getParameter(scope, builder, embedding.getTableAttr());
    rows = mapped(embedding.getTokens());
    decoder = decoderOf(scope, source);
  } else if (auto select = dyn_cast<llama::SelectRowsOp>(core)) {
    source = mapped(select.getInput());
    rows = mapped(select.getRows());
  } else {
    source = mapped(linear.getInput());
  }
  kernel::PrologueOp::create(builder, loc, source, rows, ValueRange{}, decoder);
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

SmallVector<Value>
RowGroup::evaluate(const Segment &segment, Value value,
                   llvm::DenseMap<Value, SmallVector<Value>> &known,
                   ValueRange angles) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  Operation *op = value.getDefiningOp();
  SmallVector<SmallVector<Value>> operands;
  if (auto rope = dyn_cast<llama::RopeOp>(op)) {
    SmallVector<Value> pair = evaluate(segment, rope.getInput(), known, angles);
    return known[value] =
               rotate(builder, loc, pair[0], pair[1], angles[0], angles[1]);
  }
  for (Value operand : op->getOperands())
    operands.push_back(evaluate(segment, operand, known, angles));
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

LogicalResult RowGroup::buildSegment(Segment &segment) {
  bool zip = segment.core.size() == 2;
  if (segment.core.size() > 2 || (zip && segment.rope))
    return group.back()->emitError(
        "an epilogue combines at most two results of a linear, without rope");
  Couple couple = Couple::single;
  if (zip)
    couple = Couple::zip;
  else if (segment.rope)
    couple = segment.rope.getPairing() == llama::Pairing::half
                 ? Couple::half
                 : Couple::interleaved;
  IntegerAttr headDim;
  if (segment.append)
    headDim = builder.getI64IntegerAttr(
        segment.append.getKv().getType().getHeadDim());
  if (segment.rope)
    headDim = builder.getI64IntegerAttr(segment.rope.getHeadDim());

  SmallVector<Value> weights, elements, columns, angles;
  SmallVector<Attribute> decoders;
  SmallVector<OpResult> biased;
  bool anyDecoder = false;
  for (OpResult result : linear ? segment.core : SmallVector<OpResult>()) {
    unsigned i = result.getResultNumber();
    auto name = cast<FlatSymbolRefAttr>(linear.getWeights()[i]);
    weights.push_back(getParameter(scope, builder, name));
    FlatSymbolRefAttr decoder = decoderOf(scope, weights.back());
    anyDecoder |= decoder != nullptr;
    decoders.push_back(decoder ? Attribute(decoder) : builder.getUnitAttr());
    if (FlatSymbolRefAttr bias = linear.getBias(i)) {
      columns.push_back(getParameter(scope, builder, bias));
      biased.push_back(result);
    }
  }
  for (Value element : segment.elements)
    elements.push_back(scope.mapping.lookup(element));
  if (segment.rope) {
    angles.push_back(getParameter(scope, builder, segment.rope.getTableAttr()));
    angles.push_back(scope.mapping.lookup(segment.rope.getPositions()));
  }
  Value kv, slots;
  if (segment.append) {
    kv = scope.mapping.lookup(segment.append.getKv());
    slots = scope.mapping.lookup(segment.append.getSlots());
  }
  auto op = kernel::SegmentOp::create(
      builder, loc, couple, headDim, segment.destination, weights,
      anyDecoder ? builder.getArrayAttr(decoders) : ArrayAttr(), elements,
      columns, angles, kv, slots);

  OpBuilder::InsertionGuard guard(builder);
  unsigned each = segment.rope ? 2 : 1;
  unsigned coreValues = segment.core.size() * each;
  unsigned count =
      coreValues + each * (elements.size() + columns.size()) + angles.size();
  Block *block = enterPayload(builder, op.getEpilogue(), count, loc);
  llvm::DenseMap<Value, SmallVector<Value>> known;
  unsigned next = 0;
  auto take = [&] {
    SmallVector<Value> values;
    for (unsigned i = 0; i < each; ++i)
      values.push_back(block->getArgument(next++));
    return values;
  };
  for (OpResult result : segment.core)
    known[result] = take();
  for (Value element : segment.elements)
    known[element] = take();
  for (OpResult result : biased) {
    SmallVector<Value> bias = take();
    for (auto [value, addend] : llvm::zip(known[result], bias))
      value = arith::AddFOp::create(builder, loc, value, addend);
  }
  SmallVector<Value> rest(block->getArguments().drop_front(next));
  kernel::YieldOp::create(builder, loc,
                          evaluate(segment, segment.value, known, rest));
  return success();
}

LogicalResult RowGroup::build(ValueRange results) {
  if (failed(findCore()))
    return failure();
  for (Value result : results)
    if (failed(addSegments(result)))
      return failure();
  // Parameters are placed at the start of the function, outside the skeleton.
  Operation *skeleton = createSkeleton();
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&skeleton->getRegion(0).front());
    if (core)
      buildPrologue();
    for (Segment &segment : segments)
      if (failed(buildSegment(segment)))
        return failure();
  }
  unsigned next = 0;
  for (Value result : results)
    if (!isa<llama::KvType>(result.getType()))
      scope.mapping.map(result, skeleton->getResult(next++));
  for (Value result : results)
    if (isa<llama::KvType>(result.getType()))
      scope.mapping.map(result, skeleton->getResult(next));
  return success();
}

LogicalResult quipu::buildRowGroup(ConversionScope &scope, OpBuilder &builder,
                                   StringRef label, ArrayRef<Operation *> group,
                                   ValueRange results) {
  return RowGroup(scope, builder, label, group).build(results);
}
