//===- WeightRow.cpp - A weight's row as a kernel sees it -----------------===//
//
// Blocks go through the decoder region of the module, not base/Dequantize: the
// region is what emitters compile.
//
//===----------------------------------------------------------------------===//

#include "interpreters/kernel/WeightRow.h"

#include "base/Dequantize.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::kernel;

double WeightRow::dot(std::span<const double> x) const {
  double sum = 0;
  for (auto [w, value] : llvm::zip(values, x))
    sum += w * value;
  size_t k = 0;
  for (const DecodedPart &part : parts) {
    double products = 0, activations = 0;
    for (int8_t quant : part.quants) {
      products += quant * x[k];
      activations += x[k++];
    }
    sum += part.scale * products + part.offset * activations;
  }
  return sum;
}

std::vector<double> WeightRow::elements() const {
  std::vector<double> elements = values;
  for (const DecodedPart &part : parts)
    for (int8_t quant : part.quants)
      elements.push_back(part.scale * quant + part.offset);
  return elements;
}

FailureOr<WeightRow> kernel::readRow(const StepValue &matrix, int64_t i,
                                     DecoderOp decoder) {
  WeightRow row;
  if (const auto *dense = std::get_if<DenseTensor>(&matrix)) {
    row.values.assign(dense->row(i).begin(), dense->row(i).end());
    return row;
  }
  const auto &stored = std::get<StoredTensor>(matrix);
  std::span<const std::byte> bytes = stored.row(i);
  if (!isQuantized(stored.type)) {
    row.values.resize(stored.columns);
    dequantizeRow(stored.type, bytes, row.values);
    return row;
  }
  assert(decoder && "a quantized weight has a decoder");
  int64_t size = blockBytes(stored.type);
  for (int64_t at = 0; at < int64_t(bytes.size()); at += size) {
    auto parts = decodeBlock(decoder, bytes.subspan(at, size));
    if (failed(parts))
      return failure();
    llvm::append_range(row.parts, *parts);
  }
  return row;
}

FailureOr<DecoderOp> kernel::findDecoder(Operation *op,
                                         FlatSymbolRefAttr symbol) {
  if (!symbol)
    return DecoderOp();
  if (auto found = SymbolTable::lookupNearestSymbolFrom<DecoderOp>(op, symbol))
    return found;
  return op->emitError() << "expected " << symbol << " to be a kernel.decoder";
}
