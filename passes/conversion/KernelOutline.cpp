//===- KernelOutline.cpp - One function per distinct kernel ---------------===//
//
// A skeleton's captured values become arguments in order of first use. Two
// skeletons are one kernel when their functions print alike without labels and
// locations, which leaves parameters' names out, since they are arguments.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Dialect.h"
#include "passes/conversion/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/SetVector.h"

namespace quipu {
#define GEN_PASS_DEF_KERNELOUTLINEPASS
#include "passes/conversion/Passes.h.inc"
} // namespace quipu

using namespace mlir;
using namespace quipu;

/// Values that `skeleton` uses and that are defined outside it, by first use.
static llvm::SetVector<Value> capturedValues(Operation *skeleton) {
  llvm::SetVector<Value> captured;
  skeleton->walk<WalkOrder::PreOrder>([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (!skeleton->isAncestor(operand.getParentBlock()->getParentOp()))
        captured.insert(operand);
  });
  return captured;
}

/// Builds a detached function that holds a copy of `skeleton`.
static func::FuncOp outline(Operation *skeleton, ValueRange captured,
                            llama::DeviceKind device) {
  OpBuilder builder(skeleton->getContext());
  auto type =
      builder.getFunctionType(captured.getTypes(), skeleton->getResultTypes());
  auto function = func::FuncOp::create(skeleton->getLoc(), "kernel", type);
  function.setPrivate();
  if (device != llama::DeviceKind::cpu)
    function->setAttr(kernel::deviceAttrName,
                      llama::DeviceKindAttr::get(builder.getContext(), device));
  Block *body = function.addEntryBlock();
  IRMapping mapping;
  mapping.map(captured, body->getArguments());
  builder.setInsertionPointToEnd(body);
  Operation *copy = builder.clone(*skeleton, mapping);
  copy->setAttr("label", builder.getStringAttr(""));
  func::ReturnOp::create(builder, skeleton->getLoc(), copy->getResults());
  return function;
}

/// The text that is equal for equal kernels.
static std::string structureOf(func::FuncOp function) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  function.print(stream, OpPrintingFlags().useLocalScope());
  return text;
}

namespace {
struct KernelOutline : quipu::impl::KernelOutlinePassBase<KernelOutline> {
  void runOnOperation() override {
    SmallVector<Operation *> skeletons;
    getOperation().walk([&](Operation *op) {
      if (kernel::isSkeleton(op))
        skeletons.push_back(op);
    });
    for (Operation *skeleton : skeletons)
      replaceByCall(skeleton);
  }

  void replaceByCall(Operation *skeleton) {
    llvm::SetVector<Value> captured = capturedValues(skeleton);
    func::FuncOp function =
        outline(skeleton, captured.getArrayRef(),
                llama::deviceOf(skeleton->getParentOfType<func::FuncOp>()));
    auto [known, isNew] = kernels.try_emplace(structureOf(function), nullptr);
    if (isNew) {
      StringRef kind = skeleton->getName().stripDialect();
      function.setSymName((kind + "_" + Twine(counts[kind]++)).str());
      getOperation().push_back(function);
      known->second = function;
    } else {
      function.erase();
    }
    OpBuilder builder(skeleton);
    auto call = func::CallOp::create(builder, skeleton->getLoc(), known->second,
                                     captured.getArrayRef());
    call->setAttr("label", skeleton->getAttr("label"));
    skeleton->replaceAllUsesWith(call);
    skeleton->erase();
  }

  llvm::StringMap<func::FuncOp> kernels;
  llvm::StringMap<unsigned> counts;
};
} // namespace
