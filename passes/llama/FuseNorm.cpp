//===- FuseNorm.cpp - llama-fuse-norm -------------------------------------===//
//
// Moves an rms_norm into the group of the linear that reads it. Where several
// groups read it, each would have to repeat its work, so it stays alone.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Skeletons.h"
#include "passes/llama/FusionGrowth.h"
#include "passes/llama/Passes.h"

using namespace mlir;

namespace quipu::llama {
#define GEN_PASS_DEF_FUSENORM
#include "passes/llama/Passes.h.inc"

/// Moves `norm` into the group of its only reader, if that is a linear.
static void fuseNorm(RmsNormOp norm, BucketAttr bucket) {
  SmallVector<Operation *> found = readers(norm.getResult());
  auto linears = llvm::count_if(found, llvm::IsaPred<LinearOp>);
  if (linears == 0)
    return;
  bool left = llvm::any_of(found, [&](Operation *reader) {
    auto linear = dyn_cast<LinearOp>(reader);
    return linear && kernel::isLibraryProduct(linear, bucket);
  });
  if (left) {
    norm.emitRemark() << "llama.rms_norm not fused: cuBLAS computes a linear "
                         "that reads its result";
    return;
  }
  if (found.size() > 1) {
    norm.emitRemark() << "llama.rms_norm not fused: " << found.size()
                      << " ops read its result, and one group can hold it; "
                         "llama-merge-projections joins linears of one input";
    return;
  }
  (void)growFusion(cast<LinearOp>(found.front()), {norm}, bucket);
}

namespace {

class FuseNormPass : public impl::FuseNormBase<FuseNormPass> {
  void runOnOperation() override {
    BucketAttr bucket = bucketOf(getOperation());
    SmallVector<RmsNormOp> norms(getOperation().getOps<RmsNormOp>());
    for (RmsNormOp norm : norms)
      fuseNorm(norm, bucket);
  }
};

} // namespace
} // namespace quipu::llama
