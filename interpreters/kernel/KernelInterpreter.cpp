//===- KernelInterpreter.cpp - Runs skeletons in double precision ---------===//
//
// Walks a function's body in order; what a skeleton does is in Skeletons.h.
//
//===----------------------------------------------------------------------===//

#include "interpreters/kernel/KernelInterpreter.h"

#include "interpreters/kernel/Skeletons.h"

#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <numeric>
#include <random>

using namespace mlir;
using namespace quipu;
using namespace quipu::kernel;

ScheduleAttr Frame::schedule(Operation *skeleton) const {
  if (ScheduleAttr schedule = getSchedule(skeleton))
    return schedule;
  return ScheduleAttr::get(skeleton->getContext(), options.rowTile,
                           options.tokenTile, options.kvTile, 0, 0, 0,
                           Arithmetic::f32);
}

std::vector<int64_t> Frame::tileOrder(int64_t count) const {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  if (options.shuffleSeed)
    std::shuffle(order.begin(), order.end(),
                 std::mt19937_64(*options.shuffleSeed));
  return order;
}

namespace {

/// Runs functions; parameters and options are the same for all of them.
class Interpreter {
public:
  Interpreter(const ParameterSource &parameters,
              const KernelInterpreterOptions &options)
      : parameters(parameters), options(options) {}

  FailureOr<SmallVector<Frame::Shared>> run(func::FuncOp function,
                                            ArrayRef<Frame::Shared> arguments);

private:
  LogicalResult run(Operation *op, Frame &frame);
  LogicalResult run(ParamOp op, Frame &frame);
  LogicalResult run(func::CallOp op, Frame &frame);

  const ParameterSource &parameters;
  const KernelInterpreterOptions &options;
};

} // namespace

/// Whether `value` can stand for a value of type `type`.
static bool fits(const StepValue &value, Type type) {
  if (isa<llama::KvType>(type))
    return std::holds_alternative<KvState>(value);
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || std::holds_alternative<KvState>(value))
    return false;
  const auto *dense = std::get_if<DenseTensor>(&value);
  return !dense || int64_t(dense->shape.size()) == tensor.getRank();
}

FailureOr<SmallVector<Frame::Shared>>
Interpreter::run(func::FuncOp function, ArrayRef<Frame::Shared> arguments) {
  if (function.isExternal() || function.getNumArguments() != arguments.size())
    return function.emitError()
           << "expected a body and " << arguments.size() << " arguments, found "
           << function.getNumArguments();
  Frame frame(options);
  for (auto [i, argument, value] :
       llvm::enumerate(function.getArguments(), arguments)) {
    if (!fits(*value, argument.getType()))
      return function.emitError()
             << "argument " << i << " cannot be a " << argument.getType();
    frame.set(argument, value);
  }
  Block &body = function.getBody().front();
  for (Operation &op : body.without_terminator())
    if (failed(run(&op, frame)))
      return failure();
  SmallVector<Frame::Shared> results;
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(frame.shared(value));
  return results;
}

LogicalResult Interpreter::run(ParamOp op, Frame &frame) {
  auto table = SymbolTable::lookupNearestSymbolFrom<llama::RopeTableOp>(
      op, op.getNameAttr());
  if (table) {
    frame.set(op.getResult(), ropeTable(table, options.maxPositions));
    return success();
  }
  auto type = cast<RankedTensorType>(op.getResult().getType());
  FailureOr<StoredTensor> stored =
      storedParameter(op, parameters, op.getName(), type);
  if (failed(stored))
    return failure();
  frame.set(op.getResult(), StepValue(*stored));
  return success();
}

LogicalResult Interpreter::run(func::CallOp op, Frame &frame) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      op, op.getCalleeAttr());
  if (!callee)
    return op.emitError() << "expected " << op.getCalleeAttr()
                          << " to be a function";
  SmallVector<Frame::Shared> arguments;
  for (Value operand : op.getOperands())
    arguments.push_back(frame.shared(operand));
  FailureOr<SmallVector<Frame::Shared>> results = run(callee, arguments);
  if (failed(results))
    return failure();
  for (auto [result, value] : llvm::zip(op.getResults(), *results))
    frame.set(result, value);
  return success();
}

LogicalResult Interpreter::run(Operation *op, Frame &frame) {
  auto attention = [&](FailureOr<StepValue> result) -> LogicalResult {
    if (failed(result))
      return failure();
    frame.set(op->getResult(0), std::move(*result));
    return success();
  };
  auto rows = [&]() -> LogicalResult {
    FailureOr<std::vector<StepValue>> results = runRowSkeleton(op, frame);
    if (failed(results))
      return failure();
    for (auto [result, value] : llvm::zip(op->getResults(), *results))
      frame.set(result, std::move(value));
    return success();
  };
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](ParamOp param) { return run(param, frame); })
      .Case([&](func::CallOp call) { return run(call, frame); })
      .Case<MatvecOp, MatmulOp, RowwiseOp>([&](auto) { return rows(); })
      .Case([&](AttentionDecodeOp decode) {
        return attention(runAttentionDecode(decode, frame));
      })
      .Case([&](AttentionPrefillOp prefill) {
        return attention(runAttentionPrefill(prefill, frame));
      })
      .Default([](Operation *other) {
        return other->emitOpError() << "cannot be interpreted";
      });
}

FailureOr<std::vector<StepValue>>
kernel::interpretKernels(func::FuncOp function,
                         std::vector<StepValue> arguments,
                         const ParameterSource &parameters,
                         const KernelInterpreterOptions &options) {
  SmallVector<Frame::Shared> shared;
  for (StepValue &argument : arguments)
    shared.push_back(std::make_shared<const StepValue>(std::move(argument)));
  auto results = Interpreter(parameters, options).run(function, shared);
  if (failed(results))
    return failure();
  std::vector<StepValue> values;
  for (const Frame::Shared &result : *results)
    values.push_back(*result);
  return values;
}
