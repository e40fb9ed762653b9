//===- StepState.cpp - What a step reads and leaves behind ----------------===//
//
// Making and reading the values of StepState.h.
//
//===----------------------------------------------------------------------===//

#include "interpreters/StepState.h"

#include "base/Dequantize.h"
#include "dialects/llama/StoredTypes.h"

#include <cmath>

using namespace mlir;
using namespace quipu;

DenseTensor quipu::zeroTensor(std::vector<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return {std::move(shape), std::vector<double>(count)};
}

DenseTensor quipu::indexTensor(std::vector<int64_t> shape,
                               std::span<const int32_t> values) {
  DenseTensor tensor = zeroTensor(std::move(shape));
  assert(tensor.values.size() == values.size() && "shape has another size");
  llvm::copy(values, tensor.values.begin());
  return tensor;
}

std::span<const std::byte> StoredTensor::row(int64_t i) const {
  int64_t size = rowBytes(type, columns);
  return bytes.subspan(i * size, size);
}

DenseTensor quipu::dequantize(const StoredTensor &stored) {
  DenseTensor tensor = zeroTensor({stored.rows, stored.columns});
  for (int64_t i = 0; i < stored.rows; ++i)
    dequantizeRow(stored.type, stored.row(i), tensor.row(i));
  return tensor;
}

KvState quipu::emptyKv(llama::KvType type, int64_t slots) {
  int64_t width = type.getHeads() * type.getHeadDim();
  return {zeroTensor({slots, width}), zeroTensor({slots, width})};
}

double quipu::roundKv(double value, Type type, KvRounding rounding) {
  if (rounding == KvRounding::exact)
    return value;
  auto single = static_cast<float>(value);
  if (type.isF16())
    return halfToFloat(floatToHalf(single));
  if (type.isBF16())
    return bfloat16ToFloat(floatToBfloat16(single));
  return single;
}

std::vector<StepValue> quipu::stepArguments(const StepIndices &inputs,
                                            std::vector<KvState> kv) {
  std::vector<StepValue> arguments;
  auto add = [&](const std::vector<int32_t> &values) {
    arguments.push_back(indexTensor({int64_t(values.size())}, values));
  };
  add(inputs.tokens);
  add(inputs.positions);
  add(inputs.slots);
  add(inputs.sequences);
  int64_t width = inputs.pagesPerSequence;
  int64_t sequences = width ? int64_t(inputs.pages.size()) / width : 0;
  arguments.push_back(indexTensor({sequences, width}, inputs.pages));
  add(inputs.rows);
  for (KvState &cache : kv)
    arguments.push_back(std::move(cache));
  return arguments;
}

std::span<const std::byte> OwnedParameters::bytes(std::string_view name) const {
  auto found = parameters.find(name);
  return found == parameters.end() ? std::span<const std::byte>()
                                   : found->second;
}

FailureOr<StoredTensor> quipu::storedParameter(Operation *op,
                                               const ParameterSource &source,
                                               std::string_view name,
                                               RankedTensorType type) {
  std::optional<ElementType> stored = llama::elementType(type.getElementType());
  if (!stored || !type.hasStaticShape())
    return op->emitError() << "expected a stored parameter, found " << type;
  int64_t columns = type.getShape().back();
  int64_t rows = type.getRank() == 1 ? 1 : type.getDimSize(0);
  int64_t expected = rows * rowBytes(*stored, columns);
  std::span<const std::byte> bytes = source.bytes(name);
  if (int64_t(bytes.size()) != expected)
    return op->emitError() << "expected " << expected << " bytes of '" << name
                           << "', found " << bytes.size();
  return StoredTensor{*stored, rows, columns, bytes};
}

DenseTensor quipu::ropeTable(llama::RopeTableOp table, int64_t positions) {
  ArrayRef<float> frequencies = table.getInverseFrequencies();
  float scale = table.getScale().convertToFloat();
  DenseTensor angles = zeroTensor({positions, int64_t(frequencies.size()), 2});
  double *next = angles.values.data();
  for (int64_t position = 0; position < positions; ++position)
    for (float frequency : frequencies) {
      float angle = static_cast<float>(position) * frequency;
      *next++ = static_cast<float>(std::cos(double(angle))) * scale;
      *next++ = static_cast<float>(std::sin(double(angle))) * scale;
    }
  return angles;
}
