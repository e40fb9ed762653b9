//===- Canonicalization.cpp - The llama dialect: simpler equal forms ------===//
//
// What becomes dead when a graph is specialized or regrouped: weights whose
// product nobody reads, and results of a fusion that nobody needs; and ops that
// change nothing. Types that follow from operands are here as well.
//
//===----------------------------------------------------------------------===//

#include "dialects/llama/Dialect.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace quipu::llama;

//===----------------------------------------------------------------------===//
// Result types
//===----------------------------------------------------------------------===//

LogicalResult ArgmaxOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> location,
                                         Adaptor operands,
                                         SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(operands.getInput().getType());
  types.push_back(RankedTensorType::get({input.getDimSize(0)},
                                        IntegerType::get(context, 32)));
  return success();
}

LogicalResult SelectRowsOp::inferReturnTypes(MLIRContext *context,
                                             std::optional<Location> location,
                                             Adaptor operands,
                                             SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(operands.getInput().getType());
  auto rows = cast<RankedTensorType>(operands.getRows().getType());
  types.push_back(RankedTensorType::get(
      {rows.getDimSize(0), input.getDimSize(1)}, input.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// Folders
//===----------------------------------------------------------------------===//

OpFoldResult AddOp::fold(FoldAdaptor) {
  // Commutative: constants stand on the right. x + -0 is x for every x.
  return matchPattern(getRhs(), m_NegZeroFloat()) ? getLhs() : Value();
}

OpFoldResult MulOp::fold(FoldAdaptor) {
  return matchPattern(getRhs(), m_OneFloat()) ? getLhs() : Value();
}

OpFoldResult SelectRowsOp::fold(FoldAdaptor operands) {
  auto rows = dyn_cast_or_null<DenseIntElementsAttr>(operands.getRows());
  if (!rows || getInput().getType().getDimSize(0) != rows.getNumElements())
    return {};
  for (auto [i, row] : llvm::enumerate(rows.getValues<int32_t>()))
    if (row != int32_t(i))
      return {};
  return getInput();
}

OpFoldResult KvAppendOp::fold(FoldAdaptor operands) {
  if (getKeys().getType().getDimSize(0) == 0)
    return getKv();
  auto slots = dyn_cast_or_null<DenseIntElementsAttr>(operands.getSlots());
  bool padding = slots && llvm::all_of(slots.getValues<int32_t>(),
                                       [](int32_t slot) { return slot == -1; });
  return padding ? getKv() : Value();
}

LogicalResult LinearOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &) {
  if (!getBiases() || !llvm::all_of(*getBiases(), llvm::IsaPred<UnitAttr>))
    return failure();
  removeBiasesAttr();
  return success();
}

LogicalResult FusionOp::fold(FoldAdaptor,
                             SmallVectorImpl<OpFoldResult> &results) {
  auto yield = cast<YieldOp>(getBody().front().getTerminator());
  if (getNumResults() == 0 || llvm::any_of(yield.getValues(), [&](Value value) {
        return getBody().isAncestor(value.getParentRegion());
      }))
    return failure();
  llvm::append_range(results, yield.getValues());
  return success();
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {

/// A linear reads only the weights whose products are used.
struct DropUnusedWeights : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Attribute> weights, biases;
    SmallVector<Value> kept;
    for (auto [i, result] : llvm::enumerate(op.getResults())) {
      if (result.use_empty())
        continue;
      kept.push_back(result);
      weights.push_back(op.getWeights()[i]);
      if (op.getBiases())
        biases.push_back((*op.getBiases())[i]);
    }
    if (kept.empty() || kept.size() == op.getNumResults())
      return rewriter.notifyMatchFailure(op, "every product is used, or none");
    auto linear = LinearOp::create(
        rewriter, op.getLoc(), TypeRange(ValueRange(kept)), op.getInput(),
        rewriter.getArrayAttr(weights),
        op.getBiases() ? rewriter.getArrayAttr(biases) : ArrayAttr());
    for (auto [from, to] : llvm::zip(kept, linear.getResults()))
      rewriter.replaceAllUsesWith(from, to);
    rewriter.eraseOp(op);
    return success();
  }
};

/// Of equal products only the first is used.
struct ShareEqualProducts : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    llvm::DenseMap<std::pair<Attribute, Attribute>, Value> first;
    bool shared = false;
    for (auto [i, result] : llvm::enumerate(op.getResults())) {
      auto [known, isNew] =
          first.insert({{op.getWeights()[i], op.getBias(i)}, result});
      if (isNew || result.use_empty())
        continue;
      rewriter.replaceAllUsesWith(result, known->second);
      shared = true;
    }
    if (!shared)
      return rewriter.notifyMatchFailure(op, "products are all different");
    return success();
  }
};

/// A fusion gives out only what is used and what it computes itself.
struct DropUnneededResults : OpRewritePattern<FusionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(FusionOp op,
                                PatternRewriter &rewriter) const override {
    auto yield = cast<YieldOp>(op.getBody().front().getTerminator());
    SmallVector<Value> yielded, kept;
    for (auto [value, result] : llvm::zip(yield.getValues(), op.getResults())) {
      if (!op.getBody().isAncestor(value.getParentRegion())) {
        rewriter.replaceAllUsesWith(result, value);
      } else if (!result.use_empty()) {
        yielded.push_back(value);
        kept.push_back(result);
      }
    }
    if (kept.size() == op.getNumResults())
      return rewriter.notifyMatchFailure(op, "every result is needed");
    auto fusion = FusionOp::create(rewriter, op.getLoc(),
                                   TypeRange(ValueRange(kept)), op.getLabel());
    rewriter.inlineRegionBefore(op.getBody(), fusion.getBody(),
                                fusion.getBody().end());
    rewriter.modifyOpInPlace(yield,
                             [&] { yield.getValuesMutable().assign(yielded); });
    for (auto [from, to] : llvm::zip(kept, fusion.getResults()))
      rewriter.replaceAllUsesWith(from, to);
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void LinearOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<DropUnusedWeights, ShareEqualProducts>(context);
}

void FusionOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<DropUnneededResults>(context);
}
