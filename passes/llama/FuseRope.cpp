//===- FuseRope.cpp - llama-fuse-rope -------------------------------------===//
//
// Groups a linear with the ropes of its results and the kv_append of those: the
// query leaves the kernel rotated, keys and values go straight to the cache.
//
//===----------------------------------------------------------------------===//

#include "passes/llama/FusionGrowth.h"
#include "passes/llama/Passes.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace quipu::llama {
#define GEN_PASS_DEF_FUSEROPE
#include "passes/llama/Passes.h.inc"

/// Adds the readers of `value` of type `OpT` outside the group of `linear`.
template <typename OpT>
static void addReaders(Value value, LinearOp linear,
                       SetVector<Operation *> &ops) {
  for (Operation *reader : readers(value))
    if (isa<OpT>(reader) && !inGroup(reader, linear))
      ops.insert(reader);
}

static void fuseRope(LinearOp linear, BucketAttr bucket) {
  SetVector<Operation *> ropes, appends;
  for (Value result : linear.getResults()) {
    addReaders<RopeOp>(result, linear, ropes);
    addReaders<KvAppendOp>(result, linear, appends);
  }
  for (Operation *rope : ropes)
    addReaders<KvAppendOp>(rope->getResult(0), linear, appends);
  if (ropes.empty() && appends.empty())
    return;

  SmallVector<Operation *> ops = llvm::to_vector(llvm::concat<Operation *const>(
      ropes.getArrayRef(), appends.getArrayRef()));
  if (succeeded(growFusion(linear, ops, bucket)))
    return;
  // Without the append, the rotation alone still saves a pass over memory.
  if (!ropes.empty() && !appends.empty())
    (void)growFusion(linear, ropes.getArrayRef(), bucket);
}

namespace {

class FuseRopePass : public impl::FuseRopeBase<FuseRopePass> {
  void runOnOperation() override {
    BucketAttr bucket = bucketOf(getOperation());
    SmallVector<LinearOp> linears;
    getOperation().walk([&](LinearOp linear) { linears.push_back(linear); });
    for (LinearOp linear : linears)
      fuseRope(linear, bucket);
  }
};

} // namespace
} // namespace quipu::llama
