//===- Ops.cpp - The llama dialect: verifiers -----------------------------===//
//
// Shapes against parameters. A mismatch says both sides and points at the
// parameter with a note.
//
//===----------------------------------------------------------------------===//

#include "dialects/llama/Dialect.h"
#include "dialects/llama/StoredTypes.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::llama;

#define GET_OP_CLASSES
#include "dialects/llama/Ops.cpp.inc"

/// Columns of an activation, (T, columns).
static int64_t columns(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

/// Checks that `symbol` is a llama.param of shape `expected`.
static LogicalResult verifyParam(Operation *op, SymbolTableCollection &tables,
                                 FlatSymbolRefAttr symbol,
                                 ArrayRef<int64_t> expected) {
  auto param = tables.lookupNearestSymbolFrom<ParamOp>(op, symbol);
  if (!param)
    return op->emitOpError() << "expected " << symbol << " to be a llama.param";
  auto type = cast<RankedTensorType>(param.getType());
  if (type.getShape() == expected)
    return success();
  auto diagnostic = op->emitOpError()
                    << "expected " << symbol << " of shape " << expected
                    << ", found " << type.getShape();
  diagnostic.attachNote(param.getLoc()) << "declared here";
  return diagnostic;
}

LogicalResult ParamOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  std::optional<ElementType> stored = elementType(type.getElementType());
  if (!stored)
    return emitOpError() << "has no stored form for elements of type "
                         << type.getElementType();
  if (!type.hasStaticShape() || type.getRank() < 1 || type.getRank() > 2)
    return emitOpError() << "expected a static vector or matrix, found "
                         << type;
  if (int64_t block = blockElements(*stored);
      type.getShape().back() % block != 0)
    return emitOpError() << "expected rows of a multiple of " << block
                         << " elements, found " << type.getShape().back();
  return success();
}

LogicalResult EmbeddingOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto param = tables.lookupNearestSymbolFrom<ParamOp>(*this, getTableAttr());
  if (!param)
    return emitOpError() << "expected " << getTableAttr()
                         << " to be a llama.param";
  auto table = cast<RankedTensorType>(param.getType());
  if (table.getRank() != 2)
    return emitOpError() << "expected " << getTableAttr()
                         << " to be a matrix, found " << table;
  return verifyParam(*this, tables, getTableAttr(),
                     {table.getDimSize(0), columns(getResult())});
}

LogicalResult RmsNormOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifyParam(*this, tables, getGammaAttr(), {columns(getInput())});
}

LogicalResult LinearOp::verify() {
  if (getWeights().empty())
    return emitOpError() << "expected at least one weight";
  if (getWeights().size() != getNumResults())
    return emitOpError() << "expected one result a weight, found "
                         << getWeights().size() << " weights and "
                         << getNumResults() << " results";
  if (!getBiases())
    return success();
  if (getBiases()->size() != getWeights().size())
    return emitOpError() << "expected one bias a weight, found "
                         << getWeights().size() << " weights and "
                         << getBiases()->size() << " biases";
  for (Attribute bias : getBiasesAttr())
    if (!isa<FlatSymbolRefAttr, UnitAttr>(bias))
      return emitOpError() << "expected a bias to be a symbol or unit, found "
                           << bias;
  return success();
}

FlatSymbolRefAttr LinearOp::getBias(unsigned i) {
  if (!getBiases())
    return {};
  return dyn_cast<FlatSymbolRefAttr>((*getBiases())[i]);
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &tables) {
  for (auto [i, weight, result] : llvm::enumerate(
           getWeights().getAsRange<FlatSymbolRefAttr>(), getResults())) {
    if (failed(verifyParam(*this, tables, weight,
                           {columns(result), columns(getInput())})))
      return failure();
    FlatSymbolRefAttr bias = getBias(i);
    if (bias && failed(verifyParam(*this, tables, bias, {columns(result)})))
      return failure();
  }
  return success();
}

LogicalResult RopeOp::verify() {
  if (getHeadDim() <= 0 || getHeadDim() % 2 != 0)
    return emitOpError() << "expected an even head_dim, found " << getHeadDim();
  if (columns(getInput()) % getHeadDim() != 0)
    return emitOpError() << "expected whole heads of " << getHeadDim()
                         << " columns, found " << columns(getInput());
  return success();
}

LogicalResult RopeOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto table =
      tables.lookupNearestSymbolFrom<RopeTableOp>(*this, getTableAttr());
  if (!table)
    return emitOpError() << "expected " << getTableAttr()
                         << " to be a llama.rope_table";
  int64_t pairs = table.getInverseFrequencies().size();
  if (pairs * 2 == int64_t(getHeadDim()))
    return success();
  auto diagnostic = emitOpError()
                    << "expected " << getTableAttr() << " with "
                    << getHeadDim() / 2 << " frequencies, found " << pairs;
  diagnostic.attachNote(table.getLoc()) << "declared here";
  return diagnostic;
}

LogicalResult KvAppendOp::verify() {
  KvType kv = getKv().getType();
  int64_t expected = kv.getHeads() * kv.getHeadDim();
  for (Value value : {getKeys(), getValues()})
    if (columns(value) != expected)
      return emitOpError() << "expected keys and values of " << expected
                           << " columns, found " << columns(value);
  return success();
}

LogicalResult AttentionOp::verify() {
  KvType kv = getKv().getType();
  int64_t group = kv.getHeads() * kv.getHeadDim();
  if (columns(getQuery()) % group != 0)
    return emitOpError() << "expected query columns in groups of " << group
                         << " (kv heads * head_dim), found "
                         << columns(getQuery());
  return success();
}

LogicalResult FusionOp::verifyRegions() {
  auto yield = cast<YieldOp>(getBody().front().getTerminator());
  if (yield.getValues().getTypes() != getResultTypes())
    return yield.emitOpError()
           << "expected values of types " << getResultTypes() << ", found "
           << yield.getValues().getTypes();
  for (Operation &op : getBody().front())
    if (isa<FusionOp>(op))
      return op.emitOpError() << "cannot be nested in a fusion";
  return success();
}
