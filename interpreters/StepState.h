//===- StepState.h - What a step reads and leaves behind --------*- C++ -*-===//
//
// The values that both interpreters, of the llama and of the kernel dialect,
// work on: dense tensors of doubles, the inputs of a step, KV caches and the
// stored bytes of parameters. One set of structs, so that one test drives both.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_INTERPRETERS_STEPSTATE_H
#define QUIPU_INTERPRETERS_STEPSTATE_H

#include "base/ElementType.h"
#include "dialects/llama/Dialect.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace quipu {

/// A tensor at run time, row-major; i32 elements are doubles too.
struct DenseTensor {
  std::vector<int64_t> shape;
  std::vector<double> values;

  int64_t rows() const { return shape[0]; }
  /// Elements of one row, the product of the other dimensions.
  int64_t columns() const {
    int64_t product = 1;
    for (size_t i = 1; i < shape.size(); ++i)
      product *= shape[i];
    return product;
  }
  std::span<const double> row(int64_t i) const {
    return {values.data() + i * columns(), size_t(columns())};
  }
  std::span<double> row(int64_t i) {
    return {values.data() + i * columns(), size_t(columns())};
  }
};

/// A zero tensor of `shape`.
DenseTensor zeroTensor(std::vector<int64_t> shape);

/// A tensor of i32 elements.
DenseTensor indexTensor(std::vector<int64_t> shape,
                        std::span<const int32_t> values);

/// A parameter as it lies in a model file: rows of stored elements.
struct StoredTensor {
  ElementType type;
  int64_t rows, columns;
  std::span<const std::byte> bytes; // rows * rowBytes(type, columns)

  std::span<const std::byte> row(int64_t i) const;
};

/// All elements of `stored` as numbers, (rows, columns).
DenseTensor dequantize(const StoredTensor &stored);

/// KV cache of one layer: (slots, heads * head_dim) each, whatever the page
/// size, since pages only say where slots lie.
struct KvState {
  DenseTensor keys, values;
};

/// A cache of zeros with `slots` slots for a value of type `type`.
KvState emptyKv(llama::KvType type, int64_t slots);

/// Whether values are rounded to the cache's element type when they are stored.
enum class KvRounding { stored, exact };

/// `value` as a cache of `type` keeps it.
double roundKv(double value, mlir::Type type, KvRounding rounding);

/// A value of a step function: one of its arguments, results or constants.
using StepValue = std::variant<DenseTensor, StoredTensor, KvState>;

/// The index inputs of a step, as frontends/graph/GraphBuilder.h lists them.
struct StepIndices {
  std::vector<int32_t> tokens, positions, slots, sequences; // (T) each
  std::vector<int32_t> pages; // (sequences, pagesPerSequence)
  int64_t pagesPerSequence = 0;
  std::vector<int32_t> rows; // (R)
};

/// The arguments of a step function: the inputs in order, then `kv`, a cache a
/// layer.
std::vector<StepValue> stepArguments(const StepIndices &inputs,
                                     std::vector<KvState> kv);

/// Where the bytes of llama.param ops come from.
class ParameterSource {
public:
  virtual ~ParameterSource() = default;

  /// The stored bytes of parameter `name`, row by row; empty if there is none.
  virtual std::span<const std::byte> bytes(std::string_view name) const = 0;
};

/// Parameters that are held in memory, for tests.
class OwnedParameters : public ParameterSource {
public:
  void set(std::string name, std::vector<std::byte> bytes) {
    parameters[std::move(name)] = std::move(bytes);
  }
  std::span<const std::byte> bytes(std::string_view name) const override;

private:
  std::map<std::string, std::vector<std::byte>, std::less<>> parameters;
};

/// Parameter `name` of tensor type `type`, with the error at `op` if `source`
/// has no such parameter or one of another size.
mlir::FailureOr<StoredTensor> storedParameter(mlir::Operation *op,
                                              const ParameterSource &source,
                                              std::string_view name,
                                              mlir::RankedTensorType type);

/// Rows 0 .. positions - 1 of a rope table: (positions, pairs, 2), cos first.
/// As in the runtime, the angle and the products are f32.
DenseTensor ropeTable(llama::RopeTableOp table, int64_t positions);

} // namespace quipu

#endif // QUIPU_INTERPRETERS_STEPSTATE_H
