//===- BlockDecoder.cpp - Quantized blocks in registers -------------------===//
//
// Two ways from bytes to numbers. In general quants are widened, converted and
// (in a dot product) multiplied by their scale once a group:
//
//   load+extend, convert, fma             a chunk
//   splat scale, fma (and fma of offset)  a group
//
// Where quants have at most 16 values and registers hold 16 lanes, a register
// holds the table of weights scale * value + offset of a group, and vpermps,
// which looks at the low four bits of its indices only, turns bytes widened to
// 32 bits into weights: no mask, no conversion, no scale or offset after.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/BlockDecoder.h"

#include "dialects/llama/StoredTypes.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

//===----------------------------------------------------------------------===//
// BlockDecoder
//===----------------------------------------------------------------------===//

/// The value that every lane of constant `value` has, as an unsigned byte.
static std::optional<int64_t> splatByte(Value value) {
  DenseElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) || !elements.isSplat())
    return std::nullopt;
  return elements.getSplatValue<APInt>().getZExtValue();
}

/// Sees `quants` as nibbles plus a constant, if they are.
static std::optional<BlockDecoder::Nibble> asNibble(Value quants) {
  int64_t shift = 0;
  if (auto sub = quants.getDefiningOp<arith::SubIOp>()) {
    if (auto by = splatByte(sub.getRhs())) {
      shift = -*by;
      quants = sub.getLhs();
    }
  }
  if (auto mask = quants.getDefiningOp<arith::AndIOp>()) {
    auto bits = splatByte(mask.getRhs());
    if (bits && *bits < 16)
      return BlockDecoder::Nibble{mask.getLhs(), *bits, shift};
  }
  if (auto down = quants.getDefiningOp<arith::ShRUIOp>()) {
    auto by = splatByte(down.getRhs());
    if (by && *by >= 4)
      return BlockDecoder::Nibble{quants, 15, shift};
  }
  return std::nullopt;
}

static int64_t length(Value vector) {
  return cast<VectorType>(vector.getType()).getNumElements();
}

BlockDecoder::BlockDecoder(kernel::DecoderOp decoder, const CpuVariant &variant)
    : lanes(variant.lanes) {
  ElementType type = *llama::elementType(decoder.getType());
  elements = blockElements(type);
  bytes = blockBytes(type);
  auto decoded =
      cast<kernel::DecodedOp>(decoder.getBody().front().getTerminator());
  bool hasOffsets = !decoded.getOffsets().empty();
  int64_t chunk = 0;
  for (auto [i, quants] : llvm::enumerate(decoded.getQuants())) {
    assert(length(quants) % lanes == 0 && "parts are whole registers");
    Value scale = decoded.getScales()[i];
    Value offset = hasOffsets ? decoded.getOffsets()[i] : Value();
    if (groups.empty() || groups.back().scale != scale ||
        groups.back().offset != offset)
      groups.push_back({{}, {}, scale, offset, chunk, 0, lanes == 16});
    Group &group = groups.back();
    group.quants.push_back(quants);
    group.nibbles.push_back(asNibble(quants));
    group.tabled &= group.nibbles.back().has_value();
    group.chunks += length(quants) / lanes;
    chunk += length(quants) / lanes;
  }
}

int64_t BlockDecoder::sumElements() const {
  bool needed = llvm::any_of(
      groups, [](const Group &group) { return group.offset && !group.tabled; });
  return needed ? groups.front().chunks * lanes : 0;
}

//===----------------------------------------------------------------------===//
// DecodedBlock
//===----------------------------------------------------------------------===//

DecodedBlock::DecodedBlock(KernelFunction &f, const BlockDecoder &decoder,
                           Value pointer)
    : f(f), decoder(decoder), pointer(pointer) {}

/// Clones what computes `value`, once.
Value DecodedBlock::inlined(Value value) {
  if (Value known = map.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  if (auto load = dyn_cast<kernel::BlockLoadOp>(op)) {
    Value result = f.load(value.getType(), f.at(pointer, load.getOffset()));
    map.map(value, result);
    return result;
  }
  for (Value operand : op->getOperands())
    inlined(operand);
  f.b.clone(*op, map);
  return map.lookup(value);
}

/// Lanes [offset, offset + lanes) of a byte vector.
Value DecodedBlock::bytesAt(Value vector, int64_t offset) {
  if (auto part = vector.getDefiningOp<vector::ExtractStridedSliceOp>())
    return bytesAt(part.getSource(),
                   offset + cast<IntegerAttr>(part.getOffsets()[0]).getInt());
  Value &known = loaded[{vector, offset}];
  if (known)
    return known;
  if (auto load = vector.getDefiningOp<kernel::BlockLoadOp>()) {
    auto type = VectorType::get({decoder.lanes}, f.b.getI8Type());
    known = f.load(type, f.at(pointer, load.getOffset() + offset));
  } else {
    known = f.slice(inlined(vector), offset, decoder.lanes);
  }
  return known;
}

/// The same bytes as i32 lanes, not negative.
Value DecodedBlock::wideIndex(Value vector, int64_t offset) {
  auto type = VectorType::get({decoder.lanes}, f.b.getI32Type());
  if (auto part = vector.getDefiningOp<vector::ExtractStridedSliceOp>())
    return wideIndex(part.getSource(),
                     offset + cast<IntegerAttr>(part.getOffsets()[0]).getInt());
  if (auto down = vector.getDefiningOp<arith::ShRUIOp>()) {
    if (auto by = splatByte(down.getRhs())) {
      Value shift = arith::ConstantOp::create(
          f.b, DenseElementsAttr::get(type, int32_t(*by)));
      return arith::ShRUIOp::create(f.b, wideIndex(down.getLhs(), offset),
                                    shift);
    }
  }
  return arith::ExtUIOp::create(f.b, type, bytesAt(vector, offset));
}

/// A scale or offset in every lane.
Value DecodedBlock::splat(Value scalar) {
  Value &known = splats[scalar];
  if (known)
    return known;
  // A stored f16 is broadcast as it is loaded, and converted after.
  auto extend = scalar.getDefiningOp<arith::ExtFOp>();
  if (extend && extend.getIn().getDefiningOp<kernel::BlockLoadOp>())
    return known = f.widen(f.splat(inlined(extend.getIn()), decoder.lanes));
  return known = f.splat(inlined(scalar), decoder.lanes);
}

/// The part of `group` that holds `chunk`, and the chunk's place in it.
static std::pair<size_t, int64_t> partOf(const BlockDecoder::Group &group,
                                         int64_t chunk, int64_t lanes) {
  int64_t offset = (chunk - group.firstChunk) * lanes;
  size_t part = 0;
  while (offset >= length(group.quants[part]))
    offset -= length(group.quants[part++]);
  return {part, offset};
}

/// Quants of a chunk as f32.
Value DecodedBlock::quants(const BlockDecoder::Group &group, int64_t chunk) {
  auto [part, offset] = partOf(group, chunk, decoder.lanes);
  auto type = VectorType::get({decoder.lanes}, f.b.getI32Type());
  Value wide =
      arith::ExtSIOp::create(f.b, type, bytesAt(group.quants[part], offset));
  return arith::SIToFPOp::create(f.b, f.floats(decoder.lanes), wide);
}

/// The weights of the 16 indices.
Value DecodedBlock::table(const BlockDecoder::Group &group,
                          const BlockDecoder::Nibble &nibble) {
  Value &known = tables[{group.scale, {nibble.mask, nibble.shift}}];
  if (known)
    return known;
  SmallVector<float> values;
  for (int64_t index = 0; index < 16; ++index)
    values.push_back(float((index & nibble.mask) + nibble.shift));
  Value quants = arith::ConstantOp::create(
      f.b, DenseElementsAttr::get(cast<ShapedType>(f.floats(16)),
                                  ArrayRef<float>(values)));
  if (group.offset)
    return known = f.fma(quants, splat(group.scale), splat(group.offset));
  return known = arith::MulFOp::create(f.b, quants, splat(group.scale));
}

Value DecodedBlock::weights(const BlockDecoder::Group &group, int64_t chunk) {
  if (group.tabled) {
    auto [part, offset] = partOf(group, chunk, decoder.lanes);
    const BlockDecoder::Nibble &nibble = *group.nibbles[part];
    Value index = wideIndex(nibble.index, offset);
    return LLVM::CallIntrinsicOp::create(
               f.b, f.floats(16),
               f.b.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
               ValueRange{table(group, nibble), index})
        .getResult(0);
  }
  Value values = quants(group, chunk);
  if (group.offset)
    return f.fma(values, splat(group.scale), splat(group.offset));
  return arith::MulFOp::create(f.b, values, splat(group.scale));
}

Value DecodedBlock::dot(const BlockDecoder::Group &group, Value sum,
                        ArrayRef<Value> activations,
                        llvm::function_ref<Value()> activationSum) {
  Value products;
  for (int64_t i = 0; i < group.chunks; ++i) {
    int64_t chunk = group.firstChunk + i;
    if (group.tabled)
      sum = f.fma(weights(group, chunk), activations[i], sum);
    else if (products)
      products = f.fma(quants(group, chunk), activations[i], products);
    else
      products =
          arith::MulFOp::create(f.b, quants(group, chunk), activations[i]);
  }
  if (group.tabled)
    return sum;
  sum = f.fma(products, splat(group.scale), sum);
  if (group.offset)
    sum = f.fma(activationSum(), splat(group.offset), sum);
  return sum;
}
