//===- MergeProjections.cpp - llama-merge-projections ---------------------===//
//
// Joins linears of one input. The joined linear stands where the first of them
// stood: it needs nothing but the input, so no use can precede it.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Skeletons.h"
#include "passes/llama/FusionGrowth.h"
#include "passes/llama/Labels.h"
#include "passes/llama/Passes.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace quipu::llama {
#define GEN_PASS_DEF_MERGEPROJECTIONS
#include "passes/llama/Passes.h.inc"

/// "layers.0.attn.qkv", with the locations of the parts behind it.
static Location joinedLoc(ArrayRef<LinearOp> linears) {
  SmallVector<std::string> names;
  SmallVector<Location> parts;
  for (LinearOp linear : linears) {
    names.push_back(nameOf(linear));
    parts.push_back(linear.getLoc());
  }
  MLIRContext *context = parts.front().getContext();
  return NameLoc::get(StringAttr::get(context, joinNames(names)),
                      FusedLoc::get(context, parts));
}

static void merge(ArrayRef<LinearOp> linears) {
  LinearOp first = linears.front();
  OpBuilder builder(first);
  SmallVector<Attribute> weights, biases;
  SmallVector<Value> results;
  bool anyBias = false;
  for (LinearOp linear : linears) {
    llvm::append_range(weights, linear.getWeights());
    llvm::append_range(results, linear.getResults());
    for (unsigned i = 0; i < linear.getNumResults(); ++i) {
      FlatSymbolRefAttr bias = linear.getBias(i);
      anyBias |= bool(bias);
      biases.push_back(bias ? Attribute(bias) : builder.getUnitAttr());
    }
  }
  auto merged = LinearOp::create(
      builder, joinedLoc(linears), ValueRange(results).getTypes(),
      first.getInput(), builder.getArrayAttr(weights),
      anyBias ? builder.getArrayAttr(biases) : ArrayAttr());
  for (auto [result, replacement] :
       llvm::zip_equal(results, merged.getResults()))
    result.replaceAllUsesWith(replacement);
  for (LinearOp linear : linears)
    linear.erase();
}

/// Says of linears of `input` inside fusions that they were left alone.
static void remarkOnFused(Value input) {
  for (Operation *user : input.getUsers())
    if (isa<LinearOp>(user) && isa<FusionOp>(user->getParentOp()))
      user->emitRemark() << "llama.linear not merged: it is already in a group";
}

/// Takes the linears out of `linears` that the bucket leaves to cuBLAS.
static void leaveToLibrary(SmallVectorImpl<LinearOp> &linears,
                           BucketAttr bucket) {
  if (linears.size() < 2)
    return;
  llvm::erase_if(linears, [&](LinearOp linear) {
    bool left = kernel::isLibraryProduct(linear, bucket);
    if (left)
      linear.emitRemark() << "llama.linear not merged: cuBLAS computes it";
    return left;
  });
}

namespace {

class MergeProjectionsPass
    : public impl::MergeProjectionsBase<MergeProjectionsPass> {
  void runOnOperation() override {
    llvm::MapVector<Value, SmallVector<LinearOp>> byInput;
    for (LinearOp linear : getOperation().getOps<LinearOp>())
      byInput[linear.getInput()].push_back(linear);
    for (auto &[key, linears] : byInput) {
      // The key itself may be gone: a result of linears that merged before.
      remarkOnFused(linears.front().getInput());
      leaveToLibrary(linears, bucketOf(getOperation()));
      if (linears.size() > 1)
        merge(linears);
    }
  }
};

} // namespace
} // namespace quipu::llama
