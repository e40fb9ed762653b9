//===- FuseArgmax.cpp - llama-fuse-argmax ---------------------------------===//
//
// Groups a linear with the argmax of its result: the vocabulary-wide logits are
// never written, only a candidate per tile.
//
//===----------------------------------------------------------------------===//

#include "passes/llama/FusionGrowth.h"
#include "passes/llama/Passes.h"

using namespace mlir;

namespace quipu::llama {
#define GEN_PASS_DEF_FUSEARGMAX
#include "passes/llama/Passes.h.inc"

namespace {

class FuseArgmaxPass : public impl::FuseArgmaxBase<FuseArgmaxPass> {
  void runOnOperation() override {
    BucketAttr bucket = bucketOf(getOperation());
    SmallVector<ArgmaxOp> argmaxes(getOperation().getOps<ArgmaxOp>());
    for (ArgmaxOp argmax : argmaxes)
      if (auto linear = definition(argmax.getInput()).getDefiningOp<LinearOp>())
        (void)growFusion(linear, {argmax}, bucket);
  }
};

} // namespace
} // namespace quipu::llama
