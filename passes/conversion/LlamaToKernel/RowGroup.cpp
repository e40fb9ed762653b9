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
#include "passes/conversion/LlamaToKernel/Payload.h"

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
  LogicalResult collect(GroupSegment &segment, Value value);
  void buildPrologue();
  LogicalResult buildSegment(GroupSegment &segment);
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
  SmallVector<GroupSegment> segments;
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
    GroupSegment segment;
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

LogicalResult RowGroup::collect(GroupSegment &segment, Value value) {
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
  for (GroupSegment &segment : segments) {
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

void RowGroup::buildPrologue() {
  auto mapped = [&](Value value) { return scope.mapping.lookup(value); };
  if (norm) {
    Value gamma = getParameter(scope, builder, norm.getGammaAttr());
    auto prologue = kernel::PrologueOp::create(
        builder, loc, mapped(norm.getInput()), Value(), ValueRange{gamma},
        FlatSymbolRefAttr());
    return buildNormPayload(builder, prologue, norm);
  }
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

/// Which outputs the epilogue of `segment` holds together.
static Couple coupleOf(const GroupSegment &segment) {
  if (segment.core.size() == 2)
    return Couple::zip;
  if (!segment.rope)
    return Couple::single;
  llama::RopeOp rope = segment.rope;
  return rope.getPairing() == llama::Pairing::half ? Couple::half
                                                   : Couple::interleaved;
}

LogicalResult RowGroup::buildSegment(GroupSegment &segment) {
  bool zip = segment.core.size() == 2;
  if (segment.core.size() > 2 || (zip && segment.rope))
    return group.back()->emitError(
        "an epilogue combines at most two results of a linear, without rope");
  Couple couple = coupleOf(segment);
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

  buildEpilogue(builder, op, segment, biased);
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
    for (GroupSegment &segment : segments)
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
