//===- FusionGrowth.cpp - Moving ops into a fusion ------------------------===//
//
// A grown fusion stands where the last of its ops stood, so that everything it
// reads is defined before it. Ops in between that read the group's results move
// behind it; if one of those feeds the group, the fusion would be a cycle.
//
//===----------------------------------------------------------------------===//

#include "passes/llama/FusionGrowth.h"

#include "dialects/kernel/Skeletons.h"
#include "passes/llama/Labels.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::llama;

BucketAttr llama::bucketOf(func::FuncOp function) {
  return function->getAttrOfType<BucketAttr>(bucketAttrName);
}

static YieldOp yieldOf(FusionOp fusion) {
  return cast<YieldOp>(fusion.getBody().front().getTerminator());
}

bool llama::inGroup(Operation *op, LinearOp linear) {
  return outermost(op) == outermost(linear);
}

/// The ops of the group of `linear`, in program order.
static SmallVector<Operation *> groupOf(LinearOp linear) {
  FusionOp fusion = fusionOf(linear);
  if (!fusion)
    return {linear};
  SmallVector<Operation *> ops;
  for (Operation &op : fusion.getBody().front().without_terminator())
    ops.push_back(&op);
  return ops;
}

static bool isBefore(Operation *a, Operation *b) {
  if (outermost(a) == outermost(b))
    return a->isBeforeInBlock(b);
  return outermost(a)->isBeforeInBlock(outermost(b));
}

/// Whether `op` or an op inside it reads a result of one of `producers`.
static bool readsFrom(Operation *op, const SetVector<Operation *> &producers) {
  WalkResult result = op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (producers.contains(operand.getDefiningOp()))
        return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return result.wasInterrupted();
}

/// Collects the ops between the first and the last of `members` that must move
/// behind the group, or says why they cannot.
static std::optional<std::string>
collectDependents(const SetVector<Operation *> &members,
                  SmallVectorImpl<Operation *> &dependents) {
  SetVector<Operation *> after, group;
  for (Operation *op : members)
    group.insert(outermost(op));
  Operation *first = *llvm::min_element(group, isBefore);
  Operation *last = *llvm::max_element(group, isBefore);
  for (Operation *op = first; op != last->getNextNode();
       op = op->getNextNode()) {
    if (group.contains(op)) {
      if (readsFrom(op, after))
        return "the group reads what is computed from its own results";
      continue;
    }
    if (readsFrom(op, group) || readsFrom(op, after))
      after.insert(op);
  }
  // A reader of the cache must stay before the append that follows it.
  for (Operation *op : members)
    if (auto append = dyn_cast<KvAppendOp>(op))
      for (Operation *reader : readers(append.getKv()))
        if (after.contains(outermost(reader)))
          return "the cache is read before the append";
  dependents.assign(after.begin(), after.end());
  return std::nullopt;
}

/// Puts the ops of `fusion` back into its block and erases it.
static void dissolve(FusionOp fusion) {
  YieldOp yield = yieldOf(fusion);
  for (auto [result, value] :
       llvm::zip_equal(fusion.getResults(), yield.getValues()))
    result.replaceAllUsesWith(value);
  yield.erase();
  Block &body = fusion.getBody().front();
  fusion->getBlock()->getOperations().splice(Block::iterator(fusion),
                                             body.getOperations());
  fusion.erase();
}

/// Wraps `ops`, which lie in one block in program order, into a fusion behind
/// the last of them.
static FusionOp wrap(ArrayRef<Operation *> ops, StringRef label) {
  auto outside = [&](OpOperand &use) {
    return !llvm::is_contained(ops, use.getOwner());
  };
  SmallVector<Value> results;
  for (Operation *op : ops)
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUses(), outside))
        results.push_back(result);

  OpBuilder builder(ops.back()->getContext());
  builder.setInsertionPointAfter(ops.back());
  auto name = builder.getStringAttr(label);
  auto fusion = FusionOp::create(builder, NameLoc::get(name),
                                 ValueRange(results).getTypes(), name);
  for (auto [result, replacement] :
       llvm::zip_equal(results, fusion.getResults()))
    result.replaceUsesWithIf(replacement, outside);

  Block &body = fusion.getBody().emplaceBlock();
  for (Operation *op : ops)
    op->moveBefore(&body, body.end());
  builder.setInsertionPointToEnd(&body);
  YieldOp::create(builder, fusion.getLoc(), results);
  return fusion;
}

std::optional<std::string> llama::tryToGrowFusion(LinearOp linear,
                                                  ArrayRef<Operation *> ops,
                                                  BucketAttr bucket) {
  std::string label = fusionOf(linear) ? fusionOf(linear).getLabel().str()
                                       : fusionLabel(linear);
  auto refuse = [&](StringRef what, const Twine &reason) {
    return (what + " not fused into \"" + label + "\": " + reason).str();
  };
  StringRef what = ops.front()->getName().getStringRef();
  for (Operation *op : ops)
    if (op->getBlock() != outermost(linear)->getBlock())
      return refuse(op->getName().getStringRef(),
                    "it is already in another group");

  SmallVector<Operation *> group = groupOf(linear);
  llvm::append_range(group, ops);
  llvm::sort(group, isBefore);
  if (std::optional<std::string> reason = kernel::refuseGroup(group, bucket))
    return refuse(what, *reason);
  SetVector<Operation *> members(group.begin(), group.end());
  SmallVector<Operation *> dependents;
  if (std::optional<std::string> reason =
          collectDependents(members, dependents))
    return refuse(what, *reason);

  if (FusionOp fusion = fusionOf(linear))
    dissolve(fusion);
  Operation *last = wrap(group, label);
  for (Operation *op : dependents) {
    op->moveAfter(last);
    last = op;
  }
  return std::nullopt;
}

LogicalResult llama::growFusion(LinearOp linear, ArrayRef<Operation *> ops,
                                BucketAttr bucket) {
  std::optional<std::string> refusal = tryToGrowFusion(linear, ops, bucket);
  if (!refusal)
    return success();
  linear.emitRemark() << *refusal;
  return failure();
}
