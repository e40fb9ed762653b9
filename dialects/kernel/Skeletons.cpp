//===- Skeletons.cpp - What one kernel can hold ---------------------------===//
//
// The structural rules that every target shares: one matrix, an optional norm
// before it, one kind of epilogue after it, and nothing that the group consumes
// is needed elsewhere.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Skeletons.h"

#include "dialects/llama/FusionBoundary.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::llama;

using Refusal = std::optional<std::string>;

namespace {

/// The ops of a group by their role, and the rules between them.
class Group {
public:
  explicit Group(ArrayRef<Operation *> ops) : members(ops.begin(), ops.end()) {}

  Refusal refuse(ArrayRef<Operation *> ops);

private:
  Refusal classify(ArrayRef<Operation *> ops);
  Refusal refuseNorm();
  Refusal refuseRope();
  Refusal refuseAppend();
  Refusal refuseSwiglu();
  Refusal refuseResidual();
  Refusal refuseArgmax();

  /// Refuses when an op outside the group, or one inside other than `reader`,
  /// reads `value`: a skeleton never writes what its epilogue consumes.
  Refusal refuseOtherReaders(Value value, Operation *reader);
  bool isResultOfLinear(Value value) {
    return definition(value).getDefiningOp() == linear;
  }

  llvm::SmallPtrSet<Operation *, 8> members;
  LinearOp linear;
  SmallVector<RmsNormOp> norms;
  SmallVector<RopeOp> ropes;
  SmallVector<KvAppendOp> appends;
  SmallVector<SiluOp> silus;
  SmallVector<MulOp> muls;
  SmallVector<AddOp> adds;
  SmallVector<ArgmaxOp> argmaxes;
};

} // namespace

Refusal Group::classify(ArrayRef<Operation *> ops) {
  auto linears = llvm::count_if(ops, llvm::IsaPred<LinearOp>);
  if (linears != 1)
    return ("a group has exactly one linear, found " + Twine(linears)).str();
  for (Operation *op : ops) {
    bool known =
        llvm::TypeSwitch<Operation *, bool>(op)
            .Case([&](LinearOp op) { return linear = op, true; })
            .Case([&](RmsNormOp op) { return norms.push_back(op), true; })
            .Case([&](RopeOp op) { return ropes.push_back(op), true; })
            .Case([&](KvAppendOp op) { return appends.push_back(op), true; })
            .Case([&](SiluOp op) { return silus.push_back(op), true; })
            .Case([&](MulOp op) { return muls.push_back(op), true; })
            .Case([&](AddOp op) { return adds.push_back(op), true; })
            .Case([&](ArgmaxOp op) { return argmaxes.push_back(op), true; })
            .Default([](Operation *) { return false; });
    if (!known)
      return ("no skeleton holds a " + op->getName().getStringRef() +
              " beside a linear")
          .str();
  }
  return std::nullopt;
}

Refusal Group::refuse(ArrayRef<Operation *> ops) {
  if (Refusal refusal = classify(ops))
    return refusal;
  if (Refusal refusal = refuseNorm())
    return refusal;

  bool rope = !ropes.empty() || !appends.empty();
  bool swiglu = !silus.empty() || !muls.empty();
  bool residual = !adds.empty();
  bool argmax = !argmaxes.empty();
  if (rope + swiglu + residual + argmax > 1) {
    SmallVector<StringRef> kinds;
    if (rope)
      kinds.push_back("rope and kv_append");
    if (swiglu)
      kinds.push_back("silu and mul");
    if (residual)
      kinds.push_back("add");
    if (argmax)
      kinds.push_back("argmax");
    return "a linear has one kind of epilogue, found " +
           llvm::join(kinds, " with ");
  }
  if (rope)
    return refuseRope();
  if (swiglu)
    return refuseSwiglu();
  if (residual)
    return refuseResidual();
  if (argmax)
    return refuseArgmax();
  return std::nullopt;
}

Refusal Group::refuseOtherReaders(Value value, Operation *reader) {
  for (Operation *user : readers(value))
    if (user != reader)
      return ("the result of " +
              value.getDefiningOp()->getName().getStringRef() +
              " is also read by a " + user->getName().getStringRef())
          .str();
  return std::nullopt;
}

// A norm prologue is allowed for any number of tokens: on a CPU, preparing a
// row costs as much before the kernel as inside it.
Refusal Group::refuseNorm() {
  if (norms.empty())
    return std::nullopt;
  if (norms.size() > 1)
    return ("a linear has one input, found " + Twine(norms.size()) +
            " rms_norms")
        .str();
  Value normed = norms.front().getResult();
  if (definition(linear.getInput()) != normed)
    return "the rms_norm does not feed the linear";
  return refuseOtherReaders(normed, linear);
}

Refusal Group::refuseRope() {
  SmallVector<Value> rotated;
  for (RopeOp rope : ropes) {
    if (!isResultOfLinear(rope.getInput()))
      return "a rope rotates something other than a result of the linear";
    Value input = definition(rope.getInput());
    if (llvm::is_contained(rotated, input))
      return "two ropes rotate one result";
    rotated.push_back(input);
    if (Refusal refusal = refuseOtherReaders(input, rope))
      return refusal;
    RopeOp first = ropes.front();
    if (rope.getPositions() != first.getPositions() ||
        rope.getTableAttr() != first.getTableAttr() ||
        rope.getPairing() != first.getPairing())
      return "ropes of one group share positions, table and pairing";
    if (rope.getHeadDim() != first.getHeadDim())
      return ("ropes of one group share head_dim, found " +
              Twine(first.getHeadDim()) + " and " + Twine(rope.getHeadDim()))
          .str();
  }
  return refuseAppend();
}

Refusal Group::refuseAppend() {
  if (appends.empty())
    return std::nullopt;
  if (appends.size() > 1)
    return "a group appends to one KV cache";
  KvAppendOp append = appends.front();

  Value keys = definition(append.getKeys());
  auto rope = keys.getDefiningOp<RopeOp>();
  bool rotated = rope && members.contains(rope);
  if (!rotated && !isResultOfLinear(keys))
    return "keys come from outside the group";
  if (rotated &&
      rope.getHeadDim() !=
          static_cast<uint64_t>(append.getKv().getType().getHeadDim()))
    return ("keys are rotated with head_dim " + Twine(rope.getHeadDim()) +
            ", the KV cache has " +
            Twine(append.getKv().getType().getHeadDim()))
        .str();
  if (!isResultOfLinear(append.getValues()))
    return "values are no result of the group's linear";
  Value values = definition(append.getValues());
  if (keys == values)
    return "keys and values are one result";

  if (Refusal refusal = refuseOtherReaders(keys, append))
    return refusal;
  return refuseOtherReaders(values, append);
}

Refusal Group::refuseSwiglu() {
  if (silus.size() != 1 || muls.size() != 1)
    return ("a gated epilogue has one silu and one mul, found " +
            Twine(silus.size()) + " and " + Twine(muls.size()))
        .str();
  if (linear.getNumResults() != 2)
    return ("a gated epilogue takes a linear with two results, found " +
            Twine(linear.getNumResults()))
        .str();
  SiluOp silu = silus.front();
  MulOp mul = muls.front();
  if (!isResultOfLinear(silu.getInput()))
    return "the silu reads something other than a result of the linear";
  Value gate = definition(silu.getInput());
  Value up = linear.getResult(gate == linear.getResult(0) ? 1 : 0);
  Value lhs = definition(mul.getLhs()), rhs = definition(mul.getRhs());
  if (!((lhs == silu.getResult() && rhs == up) ||
        (rhs == silu.getResult() && lhs == up)))
    return "the mul does not join the silu with the linear's other result";
  for (auto [value, reader] : {std::pair<Value, Operation *>{gate, silu},
                               {up, mul},
                               {silu.getResult(), mul}})
    if (Refusal refusal = refuseOtherReaders(value, reader))
      return refusal;
  return std::nullopt;
}

Refusal Group::refuseResidual() {
  if (adds.size() != 1)
    return ("a residual epilogue has one add, found " + Twine(adds.size()))
        .str();
  if (linear.getNumResults() != 1)
    return ("a residual epilogue takes a linear with one result, found " +
            Twine(linear.getNumResults()))
        .str();
  AddOp add = adds.front();
  bool left = isResultOfLinear(add.getLhs());
  bool right = isResultOfLinear(add.getRhs());
  if (left == right)
    return left ? "the add takes the linear's result twice"
                : "the add does not take the linear's result";
  Value residual = definition(left ? add.getRhs() : add.getLhs());
  if (members.contains(residual.getDefiningOp()))
    return "the residual is computed in the group";
  return refuseOtherReaders(linear.getResult(0), add);
}

Refusal Group::refuseArgmax() {
  if (argmaxes.size() != 1)
    return "a group has one argmax";
  if (linear.getNumResults() != 1)
    return ("an argmax takes a linear with one result, found " +
            Twine(linear.getNumResults()))
        .str();
  ArgmaxOp argmax = argmaxes.front();
  if (!isResultOfLinear(argmax.getInput()))
    return "the argmax reads something other than the linear's result";
  return refuseOtherReaders(linear.getResult(0), argmax);
}

Refusal kernel::refuseLibraryProduct(LinearOp linear) {
  if (linear.getNumResults() != 1)
    return ("it has " + Twine(linear.getNumResults()) +
            " weights, expected one")
        .str();
  if (linear.getBias(0))
    return "it has a bias";
  auto weight = cast<FlatSymbolRefAttr>(linear.getWeights()[0]);
  auto param = SymbolTable::lookupNearestSymbolFrom<ParamOp>(linear, weight);
  if (!param)
    return ("there is no " + weight.getValue()).str();
  Type type = cast<RankedTensorType>(param.getType()).getElementType();
  if (type.isF32() || type.isF16() || type.isBF16())
    return std::nullopt;
  std::string found;
  llvm::raw_string_ostream(found) << type;
  return ("expected a weight of f32, f16 or bf16, found " + found);
}

bool kernel::isLibraryProduct(LinearOp linear, BucketAttr bucket) {
  return bucket && bucket.getGemm() == Gemm::cublas &&
         !refuseLibraryProduct(linear);
}

Refusal kernel::refuseGroup(ArrayRef<Operation *> group, BucketAttr bucket) {
  if (Refusal refusal = Group(group).refuse(group))
    return refusal;
  for (Operation *op : group)
    if (auto linear = dyn_cast<LinearOp>(op);
        linear && group.size() > 1 && isLibraryProduct(linear, bucket))
      return "cuBLAS computes the linear, and nothing beside it";
  return std::nullopt;
}
