//===- DecodeBlock.cpp - Runs a decoder on the bytes of a block -----------===//
//
// Every value is a list of lanes, one for a scalar. An integer lane holds its
// bits zero-extended; how wide they are is the IR type's affair.
//
//===----------------------------------------------------------------------===//

#include "interpreters/kernel/DecodeBlock.h"

#include "base/Dequantize.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

#include <bit>
#include <functional>

using namespace mlir;
using namespace quipu;
using namespace quipu::kernel;

namespace {

struct Lanes {
  SmallVector<uint64_t> bits; // integers
  SmallVector<double> floats; // floats; one of the two is empty
};

unsigned width(Value value) {
  return getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
}

uint64_t truncate(uint64_t bits, unsigned width) {
  return width == 64 ? bits : bits & ((uint64_t(1) << width) - 1);
}

int64_t signExtend(uint64_t bits, unsigned width) {
  return int64_t(bits << (64 - width)) >> (64 - width);
}

/// Runs the ops of one region; `values` holds what they defined so far.
class BlockDecoder {
public:
  explicit BlockDecoder(std::span<const std::byte> bytes) : bytes(bytes) {}

  LogicalResult run(Operation &op);
  std::vector<DecodedPart> parts(DecodedOp decoded);

private:
  using Bits = std::function<uint64_t(uint64_t, uint64_t, unsigned)>;

  Lanes load(BlockLoadOp op);
  Lanes constant(arith::ConstantOp op);
  Lanes integers(Operation &op, const Bits &combine);
  Lanes compare(arith::CmpIOp op);
  Lanes select(arith::SelectOp op);
  Lanes toFloat(Operation &op, bool isSigned);
  Lanes floats(Operation &op, llvm::function_ref<double(double, double)> f);
  Lanes shuffle(ArrayRef<Value> sources, ArrayRef<int64_t> picks);
  Lanes broadcast(vector::BroadcastOp op);
  FailureOr<Lanes> extract(vector::ExtractOp op);
  Lanes slice(vector::ExtractStridedSliceOp op);
  FailureOr<Lanes> evaluate(Operation &op);

  std::span<const std::byte> bytes;
  DenseMap<Value, Lanes> values;
};

Lanes BlockDecoder::load(BlockLoadOp op) {
  Type type = op.getResult().getType();
  Type element = getElementTypeOrSelf(type);
  int64_t size = element.getIntOrFloatBitWidth() / 8;
  int64_t count =
      isa<VectorType>(type) ? cast<VectorType>(type).getNumElements() : 1;
  Lanes lanes;
  for (int64_t i = 0; i < count; ++i) {
    uint64_t bits = 0;
    for (int64_t byte = size - 1; byte >= 0; --byte)
      bits = bits << 8 |
             std::to_integer<uint64_t>(bytes[op.getOffset() + i * size + byte]);
    if (element.isF16())
      lanes.floats.push_back(halfToFloat(uint16_t(bits)));
    else if (element.isF32())
      lanes.floats.push_back(std::bit_cast<float>(uint32_t(bits)));
    else
      lanes.bits.push_back(bits);
  }
  return lanes;
}

Lanes BlockDecoder::constant(arith::ConstantOp op) {
  Lanes lanes;
  if (auto dense = dyn_cast<DenseIntElementsAttr>(op.getValue()))
    for (const APInt &value : dense)
      lanes.bits.push_back(value.getZExtValue());
  else if (auto dense = dyn_cast<DenseFPElementsAttr>(op.getValue()))
    for (const APFloat &value : dense)
      lanes.floats.push_back(value.convertToDouble());
  else if (auto integer = dyn_cast<IntegerAttr>(op.getValue()))
    lanes.bits.push_back(integer.getValue().getZExtValue());
  else
    lanes.floats.push_back(cast<FloatAttr>(op.getValue()).getValueAsDouble());
  return lanes;
}

/// Lanes of a binary op on integers. `combine` also gets the width.
Lanes BlockDecoder::integers(Operation &op, const Bits &combine) {
  const Lanes &lhs = values[op.getOperand(0)];
  const Lanes &rhs = values[op.getOperand(1)];
  unsigned bits = width(op.getResult(0));
  Lanes lanes;
  for (auto [a, b] : llvm::zip(lhs.bits, rhs.bits))
    lanes.bits.push_back(truncate(combine(a, b, bits), bits));
  return lanes;
}

Lanes BlockDecoder::compare(arith::CmpIOp op) {
  unsigned bits = width(op.getLhs());
  return integers(*op, [&](uint64_t a, uint64_t b, unsigned) -> uint64_t {
    return arith::applyCmpPredicate(op.getPredicate(), APInt(bits, a),
                                    APInt(bits, b));
  });
}

Lanes BlockDecoder::select(arith::SelectOp op) {
  const Lanes &condition = values[op.getCondition()];
  const Lanes &yes = values[op.getTrueValue()];
  const Lanes &no = values[op.getFalseValue()];
  Lanes lanes;
  for (size_t i = 0; i < yes.bits.size(); ++i) {
    bool taken = condition.bits[condition.bits.size() == 1 ? 0 : i];
    lanes.bits.push_back(taken ? yes.bits[i] : no.bits[i]);
  }
  return lanes;
}

Lanes BlockDecoder::toFloat(Operation &op, bool isSigned) {
  unsigned bits = width(op.getOperand(0));
  Lanes lanes;
  for (uint64_t lane : values[op.getOperand(0)].bits)
    lanes.floats.push_back(isSigned ? double(signExtend(lane, bits))
                                    : double(lane));
  return lanes;
}

/// Lanes of a float op; a unary one gets its operand twice.
Lanes BlockDecoder::floats(Operation &op,
                           llvm::function_ref<double(double, double)> f) {
  const Lanes &lhs = values[op.getOperand(0)];
  const Lanes &rhs = values[op.getOperands().back()];
  Lanes lanes;
  for (auto [a, b] : llvm::zip(lhs.floats, rhs.floats))
    lanes.floats.push_back(f(a, b));
  return lanes;
}

Lanes BlockDecoder::shuffle(ArrayRef<Value> sources, ArrayRef<int64_t> picks) {
  Lanes all;
  for (Value source : sources) {
    llvm::append_range(all.bits, values[source].bits);
    llvm::append_range(all.floats, values[source].floats);
  }
  Lanes lanes;
  for (int64_t pick : picks)
    if (all.floats.empty())
      lanes.bits.push_back(all.bits[pick]);
    else
      lanes.floats.push_back(all.floats[pick]);
  return lanes;
}

Lanes BlockDecoder::broadcast(vector::BroadcastOp op) {
  SmallVector<int64_t> picks(op.getResultVectorType().getNumElements(), 0);
  return shuffle({op.getSource()}, picks);
}

FailureOr<Lanes> BlockDecoder::extract(vector::ExtractOp op) {
  if (op.getStaticPosition().size() != 1 || op.hasDynamicPosition())
    return op.emitOpError() << "expected one constant position in a decoder";
  return shuffle({op.getSource()}, op.getStaticPosition());
}

Lanes BlockDecoder::slice(vector::ExtractStridedSliceOp op) {
  int64_t offset = cast<IntegerAttr>(op.getOffsets()[0]).getInt();
  int64_t size = cast<IntegerAttr>(op.getSizes()[0]).getInt();
  return shuffle({op.getSource()},
                 llvm::to_vector(llvm::seq(offset, offset + size)));
}

FailureOr<Lanes> BlockDecoder::evaluate(Operation &op) {
  using Found = FailureOr<Lanes>;
  using u64 = uint64_t;
  auto ints = [&](auto combine) -> Found { return integers(op, combine); };
  return TypeSwitch<Operation *, Found>(&op)
      .Case([&](BlockLoadOp load) { return Found(this->load(load)); })
      .Case([&](arith::ConstantOp c) { return Found(constant(c)); })
      .Case([&](arith::AndIOp) {
        return ints([](u64 a, u64 b, unsigned) { return a & b; });
      })
      .Case([&](arith::OrIOp) {
        return ints([](u64 a, u64 b, unsigned) { return a | b; });
      })
      .Case([&](arith::AddIOp) {
        return ints([](u64 a, u64 b, unsigned) { return a + b; });
      })
      .Case([&](arith::SubIOp) {
        return ints([](u64 a, u64 b, unsigned) { return a - b; });
      })
      .Case([&](arith::ShLIOp) {
        return ints([](u64 a, u64 b, unsigned) { return a << b; });
      })
      .Case([&](arith::ShRUIOp) {
        return ints([](u64 a, u64 b, unsigned) { return a >> b; });
      })
      .Case([&](arith::CmpIOp cmp) { return Found(compare(cmp)); })
      .Case([&](arith::SelectOp pick) { return Found(select(pick)); })
      .Case([&](arith::UIToFPOp) { return Found(toFloat(op, false)); })
      .Case([&](arith::SIToFPOp) { return Found(toFloat(op, true)); })
      .Case([&](arith::ExtFOp) {
        return Found(floats(op, [](double a, double) { return a; }));
      })
      .Case([&](arith::NegFOp) {
        return Found(floats(op, [](double a, double) { return -a; }));
      })
      .Case([&](arith::MulFOp) {
        return Found(floats(op, [](double a, double b) { return a * b; }));
      })
      .Case([&](vector::ShuffleOp shuffled) {
        return Found(
            shuffle({shuffled.getV1(), shuffled.getV2()}, shuffled.getMask()));
      })
      .Case([&](vector::BroadcastOp b) { return Found(broadcast(b)); })
      .Case([&](vector::ExtractOp e) { return extract(e); })
      .Case([&](vector::ExtractStridedSliceOp s) { return Found(slice(s)); })
      .Default([](Operation *other) -> Found {
        return other->emitOpError() << "cannot stand in a decoder";
      });
}

LogicalResult BlockDecoder::run(Operation &op) {
  FailureOr<Lanes> lanes = evaluate(op);
  if (failed(lanes))
    return failure();
  values[op.getResult(0)] = std::move(*lanes);
  return success();
}

std::vector<DecodedPart> BlockDecoder::parts(DecodedOp decoded) {
  std::vector<DecodedPart> parts(decoded.getQuants().size());
  for (auto [i, part] : llvm::enumerate(parts)) {
    for (uint64_t lane : values[decoded.getQuants()[i]].bits)
      part.quants.push_back(int8_t(lane));
    part.scale = values[decoded.getScales()[i]].floats[0];
    if (!decoded.getOffsets().empty())
      part.offset = values[decoded.getOffsets()[i]].floats[0];
  }
  return parts;
}

} // namespace

FailureOr<std::vector<DecodedPart>>
kernel::decodeBlock(DecoderOp decoder, std::span<const std::byte> bytes) {
  BlockDecoder interpreter(bytes);
  Block &body = decoder.getBody().front();
  for (Operation &op : body.without_terminator())
    if (failed(interpreter.run(op)))
      return failure();
  return interpreter.parts(cast<DecodedOp>(body.back()));
}
