//===- RowSegment.cpp - One segment of a row skeleton on a GPU ------------===//
//
// Everything is scalar: neighbouring threads hold neighbouring couples, so
// their loads and stores fall together.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/RowSegment.h"

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/code/Payload.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Couple;
using kernel::Destination;

RowSegment::RowSegment(KernelFunction &f, kernel::SegmentOp op,
                       unsigned resultIndex)
    : op(op), couples(op.getCouples()), members(kernel::rowsPerCouple(op)),
      resultIndex(resultIndex), f(f) {}

std::string RowSegment::unsupported() {
  if (op.getDestination() == Destination::argmax && members == 2 &&
      op.getCouple() != Couple::zip)
    return "argmax of paired outputs";
  if (op.getWeights().empty() && op.getCouple() == Couple::zip &&
      op.getArity() != 0)
    return "zip of one row of activations";
  if (op.getKv() && op.getHeadDim() &&
      int64_t(*op.getHeadDim()) != op.getKv().getType().getHeadDim())
    return "heads of another size than the KV cache's";
  return {};
}

Value RowSegment::weight(int64_t member) {
  return op.getWeights()[op.getCouple() == Couple::zip ? member : 0];
}

kernel::DecoderOp RowSegment::decoder(int64_t member) {
  FlatSymbolRefAttr name =
      op.getDecoder(op.getCouple() == Couple::zip ? unsigned(member) : 0);
  if (!name)
    return {};
  return SymbolTable::lookupNearestSymbolFrom<kernel::DecoderOp>(op, name);
}

int64_t RowSegment::outputSpacing() {
  return op.getCouple() == Couple::half ? int64_t(*op.getHeadDim()) / 2 : 1;
}

Value RowSegment::firstOutput(Value couple) {
  if (op.getCouple() == Couple::half) {
    int64_t half = outputSpacing();
    return f.add(couple, f.mul(f.divide(couple, half), half));
  }
  if (op.getCouple() == Couple::interleaved)
    return f.mul(couple, 2);
  return couple;
}

Value RowSegment::row(int64_t member, Value couple) {
  Value output = firstOutput(couple);
  if (op.getCouple() == Couple::zip || member == 0)
    return output;
  return f.add(output, outputSpacing());
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

/// Values of a row (`row` addresses output 0) at the couple's outputs; one for
/// zip.
void RowSegment::loadCouple(Value row, Value couple, Type stored,
                            SmallVectorImpl<Value> &values) {
  int64_t bytes = stored.getIntOrFloatBitWidth() / 8;
  Value first = f.element(row, firstOutput(couple), bytes);
  values.push_back(f.loadFloats(first, stored, 1, {}, bytes));
  if (members == 2 && op.getCouple() != Couple::zip)
    values.push_back(f.loadFloats(f.at(first, outputSpacing() * bytes), stored,
                                  1, {}, bytes));
}

/// cos and sin of the couple's pair, from the table (positions, D / 2, 2).
void RowSegment::loadAngles(Value token, Value couple,
                            SmallVectorImpl<Value> &values) {
  int64_t half = int64_t(*op.getHeadDim()) / 2;
  Value position = f.loadI32(f.pointer(op.getAngles()[1]), token);
  Value entry = f.add(f.mul(position, half), f.modulo(couple, half));
  Value pair =
      f.load(f.floats(2), f.element(f.pointer(op.getAngles()[0]), entry, 8), 8);
  values.push_back(f.slice(pair, 0, 1));
  values.push_back(f.slice(pair, 1, 1));
}

void RowSegment::store(Value token, Value couple, ValueRange values) {
  Value output = firstOutput(couple);
  auto put = [&](Value pointer, Type stored) {
    int64_t bytes = stored.getIntOrFloatBitWidth() / 8;
    f.storeFloats(values[0], pointer, stored, bytes);
    if (values.size() == 2)
      f.storeFloats(values[1], f.at(pointer, outputSpacing() * bytes), stored,
                    bytes);
  };
  if (!op.getKv()) {
    Value row =
        f.element(f.resultPointer(resultIndex), token, op.getOutputs() * 4);
    return put(f.element(row, output, 4), f.b.getF32Type());
  }
  // Pages are (KV heads, page size, head_dim); slot -1 stores nothing.
  llama::KvType kv = op.getKv().getType();
  int64_t bytes = kv.getElementType().getIntOrFloatBitWidth() / 8;
  int64_t rowBytes = kv.getHeadDim() * bytes;
  Value slot = f.loadI32(f.pointer(op.getSlots()), token);
  Value stored =
      arith::CmpIOp::create(f.b, arith::CmpIPredicate::sge, slot, f.i32(0));
  f.when(stored, [&] {
    Value base = op.getDestination() == Destination::keys
                     ? f.pointer(op.getKv())
                     : f.valuesPointer(op.getKv());
    Value page = f.element(base, f.divide(slot, kv.getPageSize()),
                           kv.getHeads() * kv.getPageSize() * rowBytes);
    Value inPage = f.element(page, f.modulo(slot, kv.getPageSize()), rowBytes);
    Value head = f.element(inPage, f.divide(output, kv.getHeadDim()),
                           kv.getPageSize() * rowBytes);
    put(f.element(head, f.modulo(output, kv.getHeadDim()), bytes),
        kv.getElementType());
  });
}

Value RowSegment::epilogue(Value token, Value couple, ValueRange y) {
  SmallVector<Value> arguments(y);
  for (Value elements : op.getElements()) {
    auto type = cast<RankedTensorType>(elements.getType());
    Value row = f.element(f.pointer(elements), token, type.getDimSize(1) * 4);
    loadCouple(row, couple, type.getElementType(), arguments);
  }
  for (Value column : op.getColumns()) {
    auto type = cast<RankedTensorType>(column.getType());
    loadCouple(f.pointer(column), couple, type.getElementType(), arguments);
  }
  if (!op.getAngles().empty())
    loadAngles(token, couple, arguments);
  SmallVector<Value> outputs = inlinePayload(f, op.getEpilogue(), arguments, 1);
  if (op.getDestination() == Destination::argmax)
    return outputs.front();
  store(token, couple, outputs);
  return {};
}

//===----------------------------------------------------------------------===//
// Segments of a skeleton
//===----------------------------------------------------------------------===//

std::vector<RowSegment> gpu::makeSegments(KernelFunction &f, Operation *op) {
  std::vector<RowSegment> segments;
  unsigned result = 0;
  for (kernel::SegmentOp segment : kernel::getSegments(op)) {
    bool isResult = segment.getDestination() == Destination::result ||
                    segment.getDestination() == Destination::argmax;
    segments.emplace_back(f, segment, result);
    result += isResult;
  }
  return segments;
}

LogicalResult gpu::checkSegments(MutableArrayRef<RowSegment> segments) {
  for (RowSegment &segment : segments)
    if (std::string why = segment.unsupported(); !why.empty())
      return segment.op.emitOpError() << "has no GPU code: " << why;
  return success();
}
