//===- Activations.cpp - What a prologue reads on a GPU -------------------===//
//
// Loads of 16 bytes at most. Whoever takes quantized rows decodes them.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/Activations.h"

#include "dialects/llama/StoredTypes.h"
#include "kernels/code/Payload.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

static RankedTensorType sourceType(kernel::PrologueOp prologue) {
  return cast<RankedTensorType>(prologue.getSource().getType());
}

Activations::Activations(KernelFunction &f, kernel::PrologueOp prologue)
    : columns(sourceType(prologue).getDimSize(1)), f(f), prologue(prologue),
      type(sourceType(prologue)) {}

int64_t Activations::blockElements() const {
  return quipu::blockElements(*llama::elementType(type.getElementType()));
}

Value Activations::source() { return prologue.getSource(); }

kernel::DecoderOp Activations::decoder() {
  if (!prologue.getDecoderAttr())
    return {};
  return SymbolTable::lookupNearestSymbolFrom<kernel::DecoderOp>(
      prologue, prologue.getDecoderAttr());
}

Value Activations::rowIndex(Value token) {
  return prologue.getRows() ? f.loadI32(f.pointer(prologue.getRows()), token)
                            : token;
}

Value Activations::row(Value token) {
  int64_t bytes = rowBytes(*llama::elementType(type.getElementType()), columns);
  return f.element(f.pointer(source()), rowIndex(token), bytes);
}

SmallVector<Value> Activations::loadFrom(Value row, Type stored, Value at,
                                         int64_t count) {
  int64_t bytes = stored.getIntOrFloatBitWidth() / 8;
  int64_t once = std::min(count, 16 / bytes);
  Value from = f.element(row, at, bytes);
  SmallVector<Value> elements;
  for (int64_t first = 0; first < count; first += once) {
    Value vector =
        f.loadFloats(f.at(from, first * bytes), stored, once, {}, once * bytes);
    for (int64_t i = 0; i < once; ++i)
      elements.push_back(f.slice(vector, i, 1));
  }
  return elements;
}

SmallVector<Value> Activations::load(Value row, Value at, int64_t count) {
  return loadFrom(row, type.getElementType(), at, count);
}

bool Activations::hasMap() { return !prologue.getMap().empty(); }

SmallVector<Value> Activations::map(ValueRange x, Value at) {
  if (!hasMap())
    return SmallVector<Value>(x);
  auto count = int64_t(x.size());
  SmallVector<SmallVector<Value>> columnValues;
  for (Value column : prologue.getColumns()) {
    Type stored = cast<RankedTensorType>(column.getType()).getElementType();
    columnValues.push_back(loadFrom(f.pointer(column), stored, at, count));
  }
  SmallVector<Value> mapped;
  for (int64_t i = 0; i < count; ++i) {
    SmallVector<Value> arguments = {x[i]};
    for (const SmallVector<Value> &values : columnValues)
      arguments.push_back(values[i]);
    mapped.push_back(inlinePayload(f, prologue.getMap(), arguments, 1).front());
  }
  return mapped;
}

bool Activations::hasStatistic() { return !prologue.getStatistic().empty(); }

Value Activations::addStatistic(Value sum, ValueRange x) {
  for (Value element : x)
    sum = arith::AddFOp::create(
        f.b, sum,
        inlinePayload(f, prologue.getStatistic(), element, 1).front());
  return sum;
}

Value Activations::scale(Value sum) {
  return inlinePayload(f, prologue.getScale(), sum, 1).front();
}
