//===- FuseSwiglu.cpp - llama-fuse-swiglu ---------------------------------===//
//
// Groups the linear of gate and up with silu and mul: the two wide halves meet
// in registers and one of them is written.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Skeletons.h"
#include "passes/llama/FusionGrowth.h"
#include "passes/llama/Passes.h"

using namespace mlir;

namespace quipu::llama {
#define GEN_PASS_DEF_FUSESWIGLU
#include "passes/llama/Passes.h.inc"

/// Fuses `mul` if it is silu(gate) * up, both from linears.
static void fuseSwiglu(MulOp mul, BucketAttr bucket) {
  Value activated = mul.getLhs(), up = mul.getRhs();
  if (!definition(activated).getDefiningOp<SiluOp>())
    std::swap(activated, up);
  auto silu = definition(activated).getDefiningOp<SiluOp>();
  if (!silu)
    return;
  auto gateLinear = definition(silu.getInput()).getDefiningOp<LinearOp>();
  auto upLinear = definition(up).getDefiningOp<LinearOp>();
  if (!gateLinear || !upLinear) {
    mul.emitRemark() << "llama.mul not fused: " << (gateLinear ? "up" : "gate")
                     << " is no linear";
    return;
  }
  if (kernel::isLibraryProduct(gateLinear, bucket) ||
      kernel::isLibraryProduct(upLinear, bucket)) {
    mul.emitRemark() << "llama.mul not fused: cuBLAS computes gate or up";
    return;
  }
  if (gateLinear != upLinear) {
    mul.emitRemark() << "llama.mul not fused: gate and up come from two "
                        "linears; llama-merge-projections joins linears of one "
                        "input";
    return;
  }
  (void)growFusion(gateLinear, {silu, mul}, bucket);
}

namespace {

class FuseSwigluPass : public impl::FuseSwigluBase<FuseSwigluPass> {
  void runOnOperation() override {
    BucketAttr bucket = bucketOf(getOperation());
    SmallVector<MulOp> muls(getOperation().getOps<MulOp>());
    for (MulOp mul : muls)
      fuseSwiglu(mul, bucket);
  }
};

} // namespace
} // namespace quipu::llama
