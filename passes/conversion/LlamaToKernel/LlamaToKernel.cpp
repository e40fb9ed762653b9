//===- LlamaToKernel.cpp - Groups of llama ops to skeletons ---------------===//
//
// Walks a step function in order and replaces each group by one skeleton op.
// Row skeletons are built in RowGroup.cpp; attention is one op to one op.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Dialect.h"
#include "passes/conversion/LlamaToKernel/RowGroup.h"
#include "passes/conversion/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <limits>

namespace quipu {
#define GEN_PASS_DEF_LLAMATOKERNELPASS
#include "passes/conversion/Passes.h.inc"
} // namespace quipu

using namespace mlir;
using namespace quipu;

/// The name that the graph builder gave `op` through its location.
static std::string labelOf(Operation *op) {
  if (auto fusion = dyn_cast<llama::FusionOp>(op))
    return fusion.getLabel().str();
  if (auto name = dyn_cast<NameLoc>(op->getLoc()))
    return name.getName().str();
  return op->getName().stripDialect().str();
}

/// Finds the values of `function` that count selected rows: results of
/// select_rows and what is computed from them.
static llvm::DenseSet<Value> findRowValues(func::FuncOp function) {
  llvm::DenseSet<Value> rowValues;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    bool rows = isa<llama::SelectRowsOp>(op) ||
                llvm::any_of(op->getOperands(), [&](Value operand) {
                  return rowValues.contains(operand);
                });
    if (!rows)
      return;
    if (auto yield = dyn_cast<llama::YieldOp>(op)) {
      for (auto [value, result] :
           llvm::zip(yield.getValues(), op->getParentOp()->getResults()))
        if (rowValues.contains(value))
          rowValues.insert(result);
      return;
    }
    rowValues.insert_range(op->getResults());
  });
  return rowValues;
}

static void convertAttention(ConversionScope &scope, OpBuilder &builder,
                             llama::AttentionOp op, int64_t decodeTokens) {
  auto mapped = [&](Value value) { return scope.mapping.lookup(value); };
  auto build = [&](auto skeleton) -> Value {
    using Skeleton = decltype(skeleton);
    return Skeleton::create(builder, op.getLoc(), op.getResult().getType(),
                            builder.getStringAttr(labelOf(op)),
                            mapped(op.getQuery()), mapped(op.getKv()),
                            mapped(op.getPositions()),
                            mapped(op.getSequences()), mapped(op.getPages()),
                            op.getScaleAttr(), kernel::ScheduleAttr());
  };
  Value result = scope.maxTokens <= decodeTokens
                     ? build(kernel::AttentionDecodeOp())
                     : build(kernel::AttentionPrefillOp());
  scope.mapping.map(op.getResult(), result);
}

/// Converts one top-level op of a step.
static LogicalResult convertOp(ConversionScope &scope, OpBuilder &builder,
                               Operation *op, int64_t decodeTokens) {
  if (auto attention = dyn_cast<llama::AttentionOp>(op)) {
    convertAttention(scope, builder, attention, decodeTokens);
    return success();
  }
  auto fusion = dyn_cast<llama::FusionOp>(op);
  if (!fusion)
    return buildRowGroup(scope, builder, labelOf(op), {op}, op->getResults());
  SmallVector<Operation *> group;
  for (Operation &inner : fusion.getBody().front().without_terminator())
    group.push_back(&inner);
  auto yield = cast<llama::YieldOp>(fusion.getBody().front().getTerminator());
  if (failed(
          buildRowGroup(scope, builder, labelOf(op), group, yield.getValues())))
    return failure();
  for (auto [inner, outer] : llvm::zip(yield.getValues(), fusion.getResults()))
    scope.mapping.map(outer, scope.mapping.lookup(inner));
  return success();
}

static LogicalResult convertFunction(func::FuncOp function,
                                     SymbolTable &symbols,
                                     int64_t decodeTokens) {
  auto bucket =
      function->getAttrOfType<llama::BucketAttr>(llama::bucketAttrName);
  constexpr int64_t unbounded = std::numeric_limits<int64_t>::max();
  llvm::DenseSet<Value> rowValues = findRowValues(function);
  IRMapping mapping;
  for (Value argument : function.getArguments())
    mapping.map(argument, argument);
  ConversionScope scope{function->getParentOfType<ModuleOp>(),
                        symbols,
                        &function.getBody().front(),
                        mapping,
                        rowValues,
                        {},
                        bucket ? bucket.getMaxTokens() : unbounded,
                        bucket ? bucket.getMaxRows() : unbounded};

  Block &body = function.getBody().front();
  SmallVector<Operation *> converted;
  for (Operation &op : body.without_terminator())
    converted.push_back(&op);
  OpBuilder builder(body.getTerminator());
  for (Operation *op : converted)
    if (failed(convertOp(scope, builder, op, decodeTokens)))
      return failure();
  for (OpOperand &operand : body.getTerminator()->getOpOperands())
    operand.set(mapping.lookup(operand.get()));
  for (Operation *op : llvm::reverse(converted))
    op->erase();
  return success();
}

namespace {
struct LlamaToKernel : quipu::impl::LlamaToKernelPassBase<LlamaToKernel> {
  using LlamaToKernelPassBase::LlamaToKernelPassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (!function.isExternal() &&
          failed(convertFunction(function, symbols, decodeTokens)))
        return signalPassFailure();
  }
};
} // namespace
