//===- FuseResidual.cpp - llama-fuse-residual -----------------------------===//
//
// Groups a linear with the add that joins its result to the residual stream.
//
//===----------------------------------------------------------------------===//

#include "passes/llama/FusionGrowth.h"
#include "passes/llama/Passes.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace quipu::llama {
#define GEN_PASS_DEF_FUSERESIDUAL
#include "passes/llama/Passes.h.inc"

/// Fuses `add` into the linear of one of its operands. The later operand is
/// tried first: the earlier one is then the tensor that is added to it. Why a
/// linear refuses is said only if all do.
static void fuseResidual(AddOp add, BucketAttr bucket) {
  llvm::SmallSetVector<LinearOp, 2> linears;
  for (Value operand : {add.getRhs(), add.getLhs()})
    if (auto linear = definition(operand).getDefiningOp<LinearOp>())
      linears.insert(linear);
  SmallVector<std::string> refusals;
  for (LinearOp linear : linears) {
    std::optional<std::string> refusal = tryToGrowFusion(linear, {add}, bucket);
    if (!refusal)
      return;
    refusals.push_back(std::move(*refusal));
  }
  for (auto [linear, refusal] : llvm::zip_equal(linears, refusals))
    LinearOp(linear).emitRemark() << refusal;
}

namespace {

class FuseResidualPass : public impl::FuseResidualBase<FuseResidualPass> {
  void runOnOperation() override {
    BucketAttr bucket = bucketOf(getOperation());
    SmallVector<AddOp> adds(getOperation().getOps<AddOp>());
    for (AddOp add : adds)
      fuseResidual(add, bucket);
  }
};

} // namespace
} // namespace quipu::llama
