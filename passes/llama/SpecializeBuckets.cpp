//===- SpecializeBuckets.cpp - llama-specialize-buckets -------------------===//
//
// Clones @step for every bucket and entry, so that each clone is fused and
// scheduled for its own bounds.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Skeletons.h"
#include "passes/llama/Passes.h"

using namespace mlir;

namespace quipu::llama {
#define GEN_PASS_DEF_SPECIALIZEBUCKETS
#include "passes/llama/Passes.h.inc"

/// Steps of more tokens than this can be left to cuBLAS. Below, linears are
/// bound by reading weights, and groups save launches that count there.
static constexpr int64_t fewTokens = 8;

/// What @step returns first; the KV caches follow.
enum : unsigned { logitsResult, argmaxResult, firstKvResult };

/// Makes `step` return one of logits and argmax, and drops what only the other
/// needed.
static void keepEntry(func::FuncOp step, StringRef entry) {
  auto terminator =
      cast<func::ReturnOp>(step.getBody().front().getTerminator());
  unsigned dropped = entry == "logits" ? argmaxResult : logitsResult;
  terminator->eraseOperand(dropped);
  step.setFunctionType(FunctionType::get(step.getContext(),
                                         step.getArgumentTypes(),
                                         terminator->getOperandTypes()));
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(step.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

/// Checks that `step` returns (logits, argmax, kv...).
static LogicalResult checkStep(func::FuncOp step) {
  ArrayRef<Type> results = step.getResultTypes();
  auto element = [](Type type) -> Type {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor ? tensor.getElementType() : Type();
  };
  bool expected =
      results.size() >= firstKvResult && !step.isExternal() &&
      element(results[logitsResult]) &&
      element(results[logitsResult]).isF32() &&
      element(results[argmaxResult]) &&
      element(results[argmaxResult]).isInteger(32) &&
      llvm::all_of(results.drop_front(firstKvResult), llvm::IsaPred<KvType>);
  if (expected)
    return success();
  return step.emitError() << "expected @step to return logits, argmax and KV "
                             "caches, found "
                          << step.getFunctionType();
}

/// Says of the linears of `step` that stay with generated kernels why they do.
static void remarkOnRefused(func::FuncOp step) {
  step.walk([](LinearOp linear) {
    if (auto reason = kernel::refuseLibraryProduct(linear))
      linear.emitRemark() << "llama.linear not left to cuBLAS: " << *reason;
  });
}

namespace {

class SpecializeBucketsPass
    : public impl::SpecializeBucketsBase<SpecializeBucketsPass> {
public:
  using Base::Base;

private:
  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>("step");
    if (!step) {
      getOperation().emitError() << "expected a function @step";
      return signalPassFailure();
    }
    if (failed(checkStep(step)) || failed(checkOptions()))
      return signalPassFailure();
    for (DeviceKind device : deviceKinds)
      for (const Bounds &bounds : bucketOptions())
        for (const std::string &entry : entryOptions())
          specialize(step, bounds, entry, device);
    step.erase();
  }

  SmallVector<Bounds> bucketOptions() {
    if (!buckets.empty())
      return SmallVector<Bounds>(buckets.begin(), buckets.end());
    return {{"decode", 1, 1},
            {"small", 8, 8},
            {"batch", 64, 64},
            {"prefill", 512, 16}};
  }

  SmallVector<std::string> entryOptions() {
    if (!entries.empty())
      return SmallVector<std::string>(entries.begin(), entries.end());
    return {"logits", "argmax"};
  }

  LogicalResult checkOptions() {
    llvm::SmallDenseSet<StringRef> seen;
    for (const Bounds &bounds : buckets)
      if (!seen.insert(bounds.name).second)
        return getOperation().emitError()
               << "expected buckets of different names, found '" << bounds.name
               << "' twice";
    seen.clear();
    for (const std::string &entry : entries) {
      if (entry != "logits" && entry != "argmax")
        return getOperation().emitError()
               << "expected entry logits or argmax, found '" << entry << "'";
      if (!seen.insert(entry).second)
        return getOperation().emitError()
               << "expected each entry once, found '" << entry << "' twice";
    }
    std::optional<Gemm> kind = symbolizeGemm(gemm);
    if (!kind)
      return getOperation().emitError()
             << "expected gemm generated or cublas, found '" << gemm << "'";
    gemmKind = *kind;
    return readDevices();
  }

  LogicalResult readDevices() {
    deviceKinds.clear();
    for (const std::string &name : devices) {
      std::optional<DeviceKind> kind = symbolizeDeviceKind(name);
      if (!kind)
        return getOperation().emitError()
               << "expected device cpu or gpu, found '" << name << "'";
      if (llvm::is_contained(deviceKinds, *kind))
        return getOperation().emitError()
               << "expected each device once, found '" << name << "' twice";
      deviceKinds.push_back(*kind);
    }
    if (deviceKinds.empty())
      deviceKinds.push_back(DeviceKind::cpu);
    return success();
  }

  void specialize(func::FuncOp step, const Bounds &bounds, StringRef entry,
                  DeviceKind device) {
    OpBuilder builder(step);
    auto clone = cast<func::FuncOp>(builder.clone(*step));
    StringRef suffix = device == DeviceKind::gpu ? "_gpu" : "";
    clone.setName((bounds.name + "_" + entry + suffix).str());
    bool large = device == DeviceKind::gpu && bounds.maxTokens > fewTokens;
    Gemm chosen = large ? gemmKind : Gemm::generated;
    clone->setAttr(bucketAttrName,
                   BucketAttr::get(&getContext(), bounds.name, entry,
                                   bounds.maxTokens, bounds.maxRows, device,
                                   chosen));
    keepEntry(clone, entry);
    if (chosen == Gemm::cublas)
      remarkOnRefused(clone);
  }

  SmallVector<DeviceKind> deviceKinds;
  Gemm gemmKind = Gemm::generated;
};

} // namespace
} // namespace quipu::llama
