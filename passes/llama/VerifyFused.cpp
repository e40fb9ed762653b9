//===- VerifyFused.cpp - llama-verify-fused -------------------------------===//
//
// States what the next stage may rely on after fusion, and changes nothing.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Skeletons.h"
#include "passes/llama/FusionGrowth.h"
#include "passes/llama/Passes.h"

using namespace mlir;

namespace quipu::llama {
#define GEN_PASS_DEF_VERIFYFUSED
#include "passes/llama/Passes.h.inc"

/// A fusion holds one group that a skeleton can build.
static LogicalResult verifyFusion(FusionOp fusion, BucketAttr bucket) {
  SmallVector<Operation *> group;
  for (Operation &op : fusion.getBody().front().without_terminator())
    group.push_back(&op);
  if (std::optional<std::string> reason = kernel::refuseGroup(group, bucket))
    return fusion.emitOpError() << "no skeleton builds it: " << *reason;
  return success();
}

/// A KV value has one append at most, and its readers precede it.
static LogicalResult verifyLinearKv(Value kv) {
  SmallVector<Operation *> appends =
      llvm::filter_to_vector(readers(kv), llvm::IsaPred<KvAppendOp>);
  if (appends.empty())
    return success();
  llvm::sort(appends, [](Operation *a, Operation *b) {
    return outermost(a)->isBeforeInBlock(outermost(b));
  });
  Operation *append = appends.front();
  if (appends.size() > 1)
    return appends[1]
               ->emitOpError("expected one append to a KV value")
               .attachNote(append->getLoc())
           << "another append is here";
  for (Operation *reader : readers(kv))
    if (isa<AttentionOp>(reader) &&
        !outermost(reader)->isBeforeInBlock(outermost(append)))
      return reader
                 ->emitOpError("expected to precede the append to the KV "
                               "value that it reads")
                 .attachNote(append->getLoc())
             << "the append is here";
  return success();
}

namespace {

class VerifyFusedPass : public impl::VerifyFusedBase<VerifyFusedPass> {
  void runOnOperation() override {
    if (failed(verifyStep(getOperation())))
      signalPassFailure();
    markAllAnalysesPreserved();
  }

  LogicalResult verifyStep(func::FuncOp step) {
    BucketAttr bucket = bucketOf(step);
    if (!bucket)
      return step.emitError()
             << "expected attribute '" << bucketAttrName
             << "', found none; llama-specialize-buckets sets it";
    for (Value argument : step.getArguments())
      if (isa<KvType>(argument.getType()) && failed(verifyLinearKv(argument)))
        return failure();
    WalkResult result = step.walk([&](Operation *op) {
      return WalkResult(op == step.getOperation() ? success()
                                                  : verifyOp(op, bucket));
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult verifyOp(Operation *op, BucketAttr bucket) {
    if (!isa<LlamaDialect>(op->getDialect()) && !isa<func::ReturnOp>(op))
      return op->emitError()
             << "expected llama ops, found '" << op->getName() << "'";
    if (auto fusion = dyn_cast<FusionOp>(op))
      return verifyFusion(fusion, bucket);
    if (auto append = dyn_cast<KvAppendOp>(op))
      return verifyLinearKv(append.getResult());
    return success();
  }
};

} // namespace
} // namespace quipu::llama
