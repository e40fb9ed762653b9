//===- LlamaInterpreter.cpp - Runs graphs in double precision -------------===//
//
// One function an op. Shapes as in dialects/llama/Ops.td: T tokens, R rows, H
// hidden_size, D head_dim. One file, because the meaning of the dialect should
// be read in one place.
//
//===----------------------------------------------------------------------===//

#include "interpreters/llama/LlamaInterpreter.h"

#include "base/Dequantize.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace quipu;
using namespace quipu::llama;

namespace {

class Interpreter {
public:
  Interpreter(const ParameterSource &parameters, KvRounding rounding)
      : parameters(parameters), rounding(rounding) {}

  FailureOr<std::vector<StepValue>> run(func::FuncOp function,
                                        std::vector<StepValue> arguments);

private:
  LogicalResult runBlock(Block &block);
  LogicalResult runOp(Operation *op);
  LogicalResult run(EmbeddingOp op);
  LogicalResult run(RmsNormOp op);
  LogicalResult run(LinearOp op);
  LogicalResult run(RopeOp op);
  LogicalResult run(SiluOp op);
  LogicalResult run(MulOp op);
  LogicalResult run(AddOp op);
  LogicalResult run(SelectRowsOp op);
  LogicalResult run(ArgmaxOp op);
  LogicalResult run(KvAppendOp op);
  LogicalResult run(AttentionOp op);
  LogicalResult run(FusionOp op);

  /// The value of `value`; there is none after a KV value's append.
  template <typename T> const T &get(Value value) {
    const T *found = std::get_if<T>(&values.find(value)->second);
    assert(found && "checked by checkOperands");
    return *found;
  }
  const DenseTensor &dense(Value value) { return get<DenseTensor>(value); }
  void set(Value value, StepValue result) { values[value] = std::move(result); }

  LogicalResult checkOperands(Operation *op);
  FailureOr<StoredTensor> parameter(Operation *op, FlatSymbolRefAttr name);
  FailureOr<DenseTensor> vector(Operation *op, FlatSymbolRefAttr name);
  FailureOr<DenseTensor> multiply(LinearOp op, const DenseTensor &input,
                                  const std::vector<double> &columns,
                                  unsigned i);
  FailureOr<std::vector<int64_t>> visibleSlots(AttentionOp op, int64_t token);

  const ParameterSource &parameters;
  KvRounding rounding;
  llvm::DenseMap<Value, StepValue> values;
};

} // namespace

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

/// Whether `value` is of the kind that its IR type asks for.
static bool hasKind(const StepValue &value, Type type) {
  if (isa<KvType>(type))
    return std::holds_alternative<KvState>(value);
  auto tensor = dyn_cast<RankedTensorType>(type);
  const auto *dense = std::get_if<DenseTensor>(&value);
  if (!tensor || !dense || int64_t(dense->shape.size()) != tensor.getRank())
    return false;
  return llvm::all_of_zip(
      dense->shape, tensor.getShape(), [](int64_t found, int64_t expected) {
        return ShapedType::isDynamic(expected) || found == expected;
      });
}

FailureOr<std::vector<StepValue>>
Interpreter::run(func::FuncOp function, std::vector<StepValue> arguments) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitError() << "expected a function with one block";
  if (arguments.size() != function.getNumArguments())
    return function.emitError() << "expected " << function.getNumArguments()
                                << " arguments, found " << arguments.size();
  for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
    if (!hasKind(arguments[i], argument.getType()))
      return function.emitError()
             << "argument " << i << " is no " << argument.getType();
    set(argument, std::move(arguments[i]));
  }
  Block &body = function.getBody().front();
  if (failed(runBlock(body)))
    return failure();
  std::vector<StepValue> results;
  if (failed(checkOperands(body.getTerminator())))
    return failure();
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(values.find(value)->second);
  return results;
}

LogicalResult Interpreter::runBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(checkOperands(&op)) || failed(runOp(&op)))
      return failure();
  return success();
}

LogicalResult Interpreter::runOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<EmbeddingOp, RmsNormOp, LinearOp, RopeOp, SiluOp, MulOp, AddOp,
            SelectRowsOp, ArgmaxOp, KvAppendOp, AttentionOp, FusionOp>(
          [&](auto op) { return run(op); })
      .Default([](Operation *op) {
        return op->emitError()
               << "the llama interpreter cannot run '" << op->getName() << "'";
      });
}

LogicalResult Interpreter::checkOperands(Operation *op) {
  for (Value operand : op->getOperands())
    if (!values.contains(operand))
      return op->emitError() << "reads a KV value after its append";
  return success();
}

LogicalResult Interpreter::run(FusionOp op) {
  Block &body = op.getBody().front();
  if (failed(runBlock(body)) || failed(checkOperands(body.getTerminator())))
    return failure();
  for (auto [result, value] :
       llvm::zip_equal(op.getResults(), body.getTerminator()->getOperands())) {
    StepValue copy = values.find(value)->second;
    set(result, std::move(copy));
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

FailureOr<StoredTensor> Interpreter::parameter(Operation *op,
                                               FlatSymbolRefAttr name) {
  auto param = SymbolTable::lookupNearestSymbolFrom<ParamOp>(op, name);
  return storedParameter(op, parameters, name.getValue(),
                         cast<RankedTensorType>(param.getType()));
}

FailureOr<DenseTensor> Interpreter::vector(Operation *op,
                                           FlatSymbolRefAttr name) {
  FailureOr<StoredTensor> stored = parameter(op, name);
  if (failed(stored))
    return failure();
  return dequantize(*stored);
}

/// `index` as an int64_t, if 0 <= index < size.
static FailureOr<int64_t> checkedIndex(Operation *op, StringRef what,
                                       double index, int64_t size) {
  if (index >= 0 && index < static_cast<double>(size))
    return static_cast<int64_t>(index);
  return op->emitError() << what << " " << static_cast<int64_t>(index)
                         << " is not in [0, " << size << ")";
}

//===----------------------------------------------------------------------===//
// Token-wise ops
//===----------------------------------------------------------------------===//

LogicalResult Interpreter::run(EmbeddingOp op) {
  const DenseTensor &tokens = dense(op.getTokens());
  FailureOr<StoredTensor> table = parameter(op, op.getTableAttr());
  if (failed(table))
    return failure();
  DenseTensor result = zeroTensor({tokens.rows(), table->columns});
  for (int64_t t = 0; t < tokens.rows(); ++t) {
    FailureOr<int64_t> token =
        checkedIndex(op, "token", tokens.values[t], table->rows);
    if (failed(token))
      return failure();
    dequantizeRow(table->type, table->row(*token), result.row(t));
  }
  set(op.getResult(), std::move(result));
  return success();
}

LogicalResult Interpreter::run(RmsNormOp op) {
  FailureOr<DenseTensor> gamma = vector(op, op.getGammaAttr());
  if (failed(gamma))
    return failure();
  double eps = op.getEps().convertToFloat();
  DenseTensor result = dense(op.getInput());
  for (int64_t t = 0; t < result.rows(); ++t) {
    double sum = 0;
    for (double x : result.row(t))
      sum += x * x;
    double rms = std::sqrt(sum / static_cast<double>(result.columns()) + eps);
    for (auto [x, g] : llvm::zip_equal(result.row(t), gamma->values))
      x = x * g / rms;
  }
  set(op.getResult(), std::move(result));
  return success();
}

/// The product with weight `i`. `columns` is the input transposed, (K, T): the
/// sums of all tokens advance together, each over k in order.
FailureOr<DenseTensor> Interpreter::multiply(LinearOp op,
                                             const DenseTensor &input,
                                             const std::vector<double> &columns,
                                             unsigned i) {
  FailureOr<StoredTensor> weight =
      parameter(op, cast<FlatSymbolRefAttr>(op.getWeights()[i]));
  if (failed(weight))
    return failure();
  DenseTensor bias = zeroTensor({weight->rows});
  if (FlatSymbolRefAttr name = op.getBias(i)) {
    FailureOr<DenseTensor> stored = vector(op, name);
    if (failed(stored))
      return failure();
    bias = std::move(*stored);
  }
  int64_t tokens = input.rows();
  DenseTensor result = zeroTensor({tokens, weight->rows});
  std::vector<double> row(weight->columns), sums(tokens);
  for (int64_t n = 0; n < weight->rows; ++n) {
    dequantizeRow(weight->type, weight->row(n), std::span<double>(row));
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int64_t k = 0; k < weight->columns; ++k)
      for (int64_t t = 0; t < tokens; ++t)
        sums[t] += columns[k * tokens + t] * row[k];
    for (int64_t t = 0; t < tokens; ++t)
      result.row(t)[n] = sums[t] + bias.values[n];
  }
  return result;
}

LogicalResult Interpreter::run(LinearOp op) {
  // By value: setting a result moves the others.
  DenseTensor input = dense(op.getInput());
  int64_t tokens = input.rows();
  std::vector<double> columns(input.values.size());
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t k = 0; k < input.columns(); ++k)
      columns[k * tokens + t] = input.row(t)[k];
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    FailureOr<DenseTensor> result = multiply(op, input, columns, i);
    if (failed(result))
      return failure();
    set(op.getResult(i), std::move(*result));
  }
  return success();
}

LogicalResult Interpreter::run(RopeOp op) {
  const DenseTensor &positions = dense(op.getPositions());
  DenseTensor result = dense(op.getInput());
  double longest = 0;
  for (double position : positions.values) {
    // Angles are f32, which holds every integer below 2^24.
    if (failed(checkedIndex(op, "position", position, 1 << 24)))
      return failure();
    longest = std::max(longest, position);
  }
  auto symbol =
      SymbolTable::lookupNearestSymbolFrom<RopeTableOp>(op, op.getTableAttr());
  DenseTensor table = ropeTable(symbol, static_cast<int64_t>(longest) + 1);

  int64_t headDim = op.getHeadDim(), pairs = headDim / 2;
  bool half = op.getPairing() == Pairing::half;
  for (int64_t t = 0; t < result.rows(); ++t) {
    std::span<const double> angles =
        std::as_const(table).row(static_cast<int64_t>(positions.values[t]));
    for (int64_t head = 0; head < result.columns(); head += headDim)
      for (int64_t i = 0; i < pairs; ++i) {
        double &a = result.row(t)[head + (half ? i : 2 * i)];
        double &b = result.row(t)[head + (half ? i + pairs : 2 * i + 1)];
        double cos = angles[2 * i], sin = angles[2 * i + 1];
        double rotated = a * cos - b * sin;
        b = b * cos + a * sin;
        a = rotated;
      }
  }
  set(op.getResult(), std::move(result));
  return success();
}

LogicalResult Interpreter::run(SiluOp op) {
  DenseTensor result = dense(op.getInput());
  for (double &x : result.values)
    x = x / (1 + std::exp(-x));
  set(op.getResult(), std::move(result));
  return success();
}

LogicalResult Interpreter::run(MulOp op) {
  DenseTensor result = dense(op.getLhs());
  for (auto [x, y] : llvm::zip_equal(result.values, dense(op.getRhs()).values))
    x *= y;
  set(op.getResult(), std::move(result));
  return success();
}

LogicalResult Interpreter::run(AddOp op) {
  DenseTensor result = dense(op.getLhs());
  for (auto [x, y] : llvm::zip_equal(result.values, dense(op.getRhs()).values))
    x += y;
  set(op.getResult(), std::move(result));
  return success();
}

LogicalResult Interpreter::run(SelectRowsOp op) {
  const DenseTensor &input = dense(op.getInput());
  const DenseTensor &rows = dense(op.getRows());
  DenseTensor result = zeroTensor({rows.rows(), input.columns()});
  for (int64_t r = 0; r < rows.rows(); ++r) {
    FailureOr<int64_t> row =
        checkedIndex(op, "row", rows.values[r], input.rows());
    if (failed(row))
      return failure();
    llvm::copy(input.row(*row), result.row(r).begin());
  }
  set(op.getResult(), std::move(result));
  return success();
}

LogicalResult Interpreter::run(ArgmaxOp op) {
  const DenseTensor &input = dense(op.getInput());
  DenseTensor result = zeroTensor({input.rows()});
  for (int64_t r = 0; r < input.rows(); ++r) {
    std::span<const double> row = input.row(r);
    // max_element gives the first of equal elements.
    result.values[r] = static_cast<double>(
        std::max_element(row.begin(), row.end()) - row.begin());
  }
  set(op.getResult(), std::move(result));
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult Interpreter::run(KvAppendOp op) {
  const DenseTensor &slots = dense(op.getSlots());
  const DenseTensor &keys = dense(op.getKeys());
  const DenseTensor &added = dense(op.getValues());
  // The append ends the old value's life: its state moves to the new one.
  auto old = values.find(op.getKv());
  KvState kv = std::move(*std::get_if<KvState>(&old->second));
  Type type = op.getKv().getType().getElementType();

  llvm::SmallDenseSet<int64_t> written;
  for (int64_t t = 0; t < slots.rows(); ++t) {
    if (slots.values[t] == -1)
      continue;
    FailureOr<int64_t> slot =
        checkedIndex(op, "slot", slots.values[t], kv.keys.rows());
    if (failed(slot))
      return failure();
    if (!written.insert(*slot).second)
      return op.emitError() << "slot " << *slot << " is written twice";
    for (auto [stored, value] :
         llvm::zip_equal(kv.keys.row(*slot), keys.row(t)))
      stored = roundKv(value, type, rounding);
    for (auto [stored, value] :
         llvm::zip_equal(kv.values.row(*slot), added.row(t)))
      stored = roundKv(value, type, rounding);
  }
  values.erase(old);
  set(op.getResult(), std::move(kv));
  return success();
}

/// The slots of positions 0 .. positions[token], through the page table.
FailureOr<std::vector<int64_t>> Interpreter::visibleSlots(AttentionOp op,
                                                          int64_t token) {
  const DenseTensor &pages = dense(op.getPages());
  int64_t pageSize = op.getKv().getType().getPageSize();
  auto last = static_cast<int64_t>(dense(op.getPositions()).values[token]);
  std::vector<int64_t> slots;
  if (last < 0)
    return slots;
  FailureOr<int64_t> sequence = checkedIndex(
      op, "sequence", dense(op.getSequences()).values[token], pages.rows());
  if (failed(sequence))
    return failure();
  for (int64_t position = 0; position <= last; ++position) {
    int64_t page = position / pageSize;
    if (failed(checkedIndex(op, "page", page, pages.columns())))
      return failure();
    FailureOr<int64_t> slot = checkedIndex(
        op, "slot", pages.row(*sequence)[page] * pageSize + position % pageSize,
        get<KvState>(op.getKv()).keys.rows());
    if (failed(slot))
      return failure();
    slots.push_back(*slot);
  }
  return slots;
}

/// out = softmax(scale * q . keys) * values, for one head; vectors are (D).
static void attend(std::span<const double> query, const KvState &kv,
                   ArrayRef<int64_t> slots, int64_t column, double scale,
                   std::span<double> out) {
  if (slots.empty())
    return;
  std::vector<double> scores;
  for (int64_t slot : slots) {
    std::span<const double> key =
        kv.keys.row(slot).subspan(column, query.size());
    double dot = 0;
    for (auto [q, k] : llvm::zip_equal(query, key))
      dot += q * k;
    scores.push_back(scale * dot);
  }
  double maximum = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double &score : scores)
    sum += score = std::exp(score - maximum);
  for (auto [slot, score] : llvm::zip_equal(slots, scores)) {
    std::span<const double> value =
        kv.values.row(slot).subspan(column, query.size());
    for (auto [o, v] : llvm::zip_equal(out, value))
      o += score / sum * v;
  }
}

LogicalResult Interpreter::run(AttentionOp op) {
  const DenseTensor &query = dense(op.getQuery());
  const auto &kv = get<KvState>(op.getKv());
  KvType type = op.getKv().getType();
  int64_t headDim = type.getHeadDim();
  int64_t group = query.columns() / (type.getHeads() * headDim);
  double scale = op.getScale().convertToFloat();

  DenseTensor result = zeroTensor(query.shape);
  for (int64_t t = 0; t < query.rows(); ++t) {
    FailureOr<std::vector<int64_t>> slots = visibleSlots(op, t);
    if (failed(slots))
      return failure();
    for (int64_t head = 0; head < type.getHeads() * group; ++head)
      attend(query.row(t).subspan(head * headDim, headDim), kv, *slots,
             head / group * headDim, scale,
             result.row(t).subspan(head * headDim, headDim));
  }
  set(op.getResult(), std::move(result));
  return success();
}

FailureOr<std::vector<StepValue>>
llama::interpretLlama(func::FuncOp function, std::vector<StepValue> arguments,
                      const ParameterSource &parameters, KvRounding rounding) {
  return Interpreter(parameters, rounding).run(function, std::move(arguments));
}
