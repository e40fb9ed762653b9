//===- Canonicalization.cpp - The kernel dialect: simpler equal forms -----===//
//
// A payload that changes nothing is left out, so that emitters have one form of
// it to look for.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Dialect.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace quipu::kernel;

namespace {

/// A prologue whose map yields its first argument has none, and no columns.
struct DropIdentityMap : OpRewritePattern<PrologueOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PrologueOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getMap().empty())
      return rewriter.notifyMatchFailure(op, "there is no map");
    Block &map = op.getMap().front();
    auto yield = cast<YieldOp>(map.getTerminator());
    if (yield.getValues().front() != map.getArgument(0))
      return rewriter.notifyMatchFailure(op, "the map does something");
    rewriter.modifyOpInPlace(op, [&] { op.getColumnsMutable().clear(); });
    rewriter.eraseBlock(&map);
    return success();
  }
};

} // namespace

void PrologueOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *context) {
  patterns.add<DropIdentityMap>(context);
}
