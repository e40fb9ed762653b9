//===- RowSegment.cpp - One segment of a row skeleton ---------------------===//
//
// The epilogue runs on as many couples at once as stay in one head (and fill a
// register at most), then on the couples left over one by one.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/RowSegment.h"

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/code/Payload.h"
#include "kernels/cpu/Activations.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;
using kernel::Couple;
using kernel::Destination;

RowSegment::RowSegment(KernelFunction &f, kernel::SegmentOp op,
                       int64_t tileCouples, unsigned resultIndex)
    : op(op), couples(op.getCouples()), tileCouples(tileCouples),
      members(kernel::rowsPerCouple(op)), resultIndex(resultIndex), f(f) {
  for (unsigned i = 0; i < op.getWeights().size(); ++i) {
    FlatSymbolRefAttr symbol = op.getDecoder(i);
    if (!symbol) {
      decoders.push_back(nullptr);
      continue;
    }
    decoders.push_back(
        std::make_unique<BlockDecoder>(lookupDecoder(op, symbol), f.variant));
  }
}

std::string RowSegment::unsupported() {
  if (op.getDestination() == Destination::argmax && members == 2 &&
      op.getCouple() != Couple::zip)
    return "argmax of paired outputs";
  if (op.getWeights().empty() && op.getCouple() == Couple::zip &&
      op.getArity() != 0)
    return "zip of one row of activations";
  bool writesKv = bool(op.getKv());
  if (writesKv && op.getHeadDim() &&
      int64_t(*op.getHeadDim()) != op.getKv().getType().getHeadDim())
    return "heads of another size than the KV cache's";
  return {};
}

/// The largest power of two, at most `most`, that divides all of `numbers`.
static int64_t commonPowerOfTwo(int64_t most, ArrayRef<int64_t> numbers) {
  int64_t power = most;
  for (int64_t number : numbers)
    while (number % power)
      power /= 2;
  return power;
}

int64_t RowSegment::alignedCouples(int64_t most) {
  most =
      llvm::bit_floor(uint64_t(std::clamp<int64_t>(most, 1, f.variant.lanes)));
  if (op.getCouple() == Couple::half)
    return commonPowerOfTwo(most, {int64_t(*op.getHeadDim()) / 2, tileCouples});
  return std::min<int64_t>(most, llvm::bit_floor(uint64_t(couples)));
}

/// Couples of one epilogue vector: within one head where heads matter.
int64_t RowSegment::epilogueLanes() {
  int64_t lanes = f.variant.lanes;
  bool pairs =
      op.getCouple() == Couple::half || op.getCouple() == Couple::interleaved;
  if (pairs)
    return commonPowerOfTwo(lanes,
                            {int64_t(*op.getHeadDim()) / 2, tileCouples});
  if (op.getKv())
    return commonPowerOfTwo(lanes,
                            {op.getKv().getType().getHeadDim(), tileCouples});
  return lanes;
}

Value RowSegment::weight(int64_t member) {
  return op.getWeights()[op.getCouple() == Couple::zip ? member : 0];
}

const BlockDecoder *RowSegment::decoder(int64_t member) {
  return decoders[op.getCouple() == Couple::zip ? member : 0].get();
}

bool RowSegment::isUniform() {
  auto stored = [](Value weight) {
    return cast<RankedTensorType>(weight.getType()).getElementType();
  };
  Type first = stored(op.getWeights().front());
  return llvm::all_of(op.getWeights(),
                      [&](Value weight) { return stored(weight) == first; });
}

WeightRows RowSegment::rows(int64_t member, Value &couple, int64_t group) {
  auto type = cast<RankedTensorType>(weight(member).getType());
  int64_t k = type.getDimSize(1);
  int64_t bytes = rowBytes(*llama::elementType(type.getElementType()), k);
  if (couples % group || tileCouples % group || couples % tileCouples)
    couple = f.minimum(couple, f.i64(couples - group));
  Value row = couple;
  int64_t spacing = 1;
  if (op.getCouple() == Couple::half) {
    int64_t half = *op.getHeadDim() / 2;
    // c + half * (head + member)
    row = f.add(couple, f.mul(f.add(f.divide(couple, half), member), half));
  } else if (op.getCouple() == Couple::interleaved) {
    row = f.add(f.mul(couple, 2), member);
    spacing = 2;
  }
  return {{f.element(f.pointer(weight(member)), row, bytes)},
          bytes * spacing,
          group,
          type.getElementType(),
          decoder(member),
          k};
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

/// `lanes` couples from `couple` on, for one token.
struct RowSegment::Lanes {
  Value token, scale;
  const Sums &sums;
  Value couple;
  int64_t lanes;
  Value keysOrValues; // address of (head 0, dimension 0) at the token's slot
};

/// Output of member 0 of `couple`.
static Value firstOutput(KernelFunction &f, kernel::SegmentOp op,
                         Value couple) {
  if (op.getCouple() == Couple::half) {
    int64_t half = *op.getHeadDim() / 2;
    return f.add(couple, f.mul(f.divide(couple, half), half));
  }
  if (op.getCouple() == Couple::interleaved)
    return f.mul(couple, 2);
  return couple;
}

/// Loads elements 0, 2, 4.. and 1, 3, 5.. from `pointer` on.
SmallVector<Value> RowSegment::loadSpaced(Value pointer, Type stored,
                                          int64_t lanes) {
  int64_t bytes = stored.getIntOrFloatBitWidth() / 8;
  Value low = f.loadFloats(pointer, stored, lanes);
  Value high = f.loadFloats(f.at(pointer, lanes * bytes), stored, lanes);
  if (lanes == 1)
    return {low, high};
  SmallVector<int64_t> even, odd;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    even.push_back(2 * lane);
    odd.push_back(2 * lane + 1);
  }
  return {f.shuffle(low, high, even), f.shuffle(low, high, odd)};
}

/// Values of a row (`row` addresses output 0) at the couple's outputs.
SmallVector<Value> RowSegment::loadCouple(const Lanes &at, Value row,
                                          Type stored) {
  int64_t bytes = stored.getIntOrFloatBitWidth() / 8;
  Value pointer = f.element(row, firstOutput(f, op, at.couple), bytes);
  if (op.getCouple() == Couple::interleaved)
    return loadSpaced(pointer, stored, at.lanes);
  SmallVector<Value> values = {f.loadFloats(pointer, stored, at.lanes)};
  if (op.getCouple() == Couple::half)
    values.push_back(
        f.loadFloats(f.at(pointer, int64_t(*op.getHeadDim()) / 2 * bytes),
                     stored, at.lanes));
  return values;
}

SmallVector<Value> RowSegment::loadSums(const Lanes &at) {
  SmallVector<Value> values;
  if (op.getArity() == 0)
    return values;
  if (at.sums.byOutput) {
    values = loadCouple(at, at.sums.first, f.b.getF32Type());
  } else {
    Value from =
        f.element(at.sums.first, f.sub(at.couple, at.sums.firstCouple), 4);
    for (int64_t member = 0; member < members; ++member)
      values.push_back(f.load(f.floats(at.lanes),
                              f.at(from, member * at.sums.memberStride * 4)));
  }
  if (at.scale)
    for (Value &value : values)
      value = arith::MulFOp::create(f.b, value, f.splat(at.scale, at.lanes));
  return values;
}

/// cos and sin of the couples' pairs, from the table (positions, D / 2, 2).
SmallVector<Value> RowSegment::loadAngles(const Lanes &at) {
  int64_t half = *op.getHeadDim() / 2;
  Value position = f.loadIndex(f.pointer(op.getAngles()[1]), at.token);
  Value entry = f.add(f.mul(position, half), f.modulo(at.couple, half));
  return loadSpaced(f.element(f.pointer(op.getAngles()[0]), entry, 8),
                    f.b.getF32Type(), at.lanes);
}

void RowSegment::storeCouple(const Lanes &at, ArrayRef<Value> values) {
  if (op.getDestination() == Destination::argmax) {
    f.store(
        values.front(),
        f.element(at.sums.outputs(), f.sub(at.couple, at.sums.firstCouple), 4));
    return;
  }
  Value output = firstOutput(f, op, at.couple);
  Type stored = f.b.getF32Type();
  Value pointer;
  if (op.getKv()) {
    llama::KvType kv = op.getKv().getType();
    stored = kv.getElementType();
    int64_t bytes = stored.getIntOrFloatBitWidth() / 8, d = kv.getHeadDim();
    Value inHead = f.modulo(output, d), head = f.divide(output, d);
    pointer =
        f.element(at.keysOrValues,
                  f.add(f.mul(head, kv.getPageSize() * d), inHead), bytes);
  } else {
    auto type = cast<RankedTensorType>(
        op->getParentOp()->getResult(resultIndex).getType());
    stored = type.getElementType();
    int64_t bytes = stored.getIntOrFloatBitWidth() / 8;
    Value row = f.element(f.resultPointer(resultIndex), at.token,
                          op.getOutputs() * bytes);
    pointer = f.element(row, output, bytes);
  }
  int64_t bytes = stored.getIntOrFloatBitWidth() / 8;
  if (op.getCouple() != Couple::interleaved) {
    f.storeFloats(values[0], pointer, stored);
    if (op.getCouple() == Couple::half)
      f.storeFloats(values[1],
                    f.at(pointer, int64_t(*op.getHeadDim()) / 2 * bytes),
                    stored);
    return;
  }
  if (at.lanes == 1) {
    f.storeFloats(values[0], pointer, stored);
    f.storeFloats(values[1], f.at(pointer, bytes), stored);
    return;
  }
  for (int64_t part = 0; part < 2; ++part) {
    SmallVector<int64_t> pick;
    for (int64_t lane = 0; lane < at.lanes; ++lane)
      pick.push_back((part * at.lanes + lane) / 2 + lane % 2 * at.lanes);
    f.storeFloats(f.shuffle(values[0], values[1], pick),
                  f.at(pointer, part * at.lanes * bytes), stored);
  }
}

void RowSegment::chunk(const Lanes &at) {
  SmallVector<Value> arguments = loadSums(at);
  for (Value elements : op.getElements()) {
    auto type = cast<RankedTensorType>(elements.getType());
    Value row =
        f.element(f.pointer(elements), at.token, type.getDimSize(1) * 4);
    llvm::append_range(arguments, loadCouple(at, row, type.getElementType()));
  }
  for (Value column : op.getColumns()) {
    auto type = cast<RankedTensorType>(column.getType());
    llvm::append_range(
        arguments, loadCouple(at, f.pointer(column), type.getElementType()));
  }
  if (!op.getAngles().empty())
    llvm::append_range(arguments, loadAngles(at));
  storeCouple(at, inlinePayload(f, op.getEpilogue(), arguments, at.lanes));
}

void RowSegment::epilogue(Value token, Value scale, const Sums &sums,
                          Value first, Value count) {
  int64_t lanes = epilogueLanes();
  Value end = f.add(first, count);
  auto all = [&](Value keysOrValues) {
    Value rest = first;
    if (lanes > 1) {
      rest = f.add(first, f.mul(f.divide(count, lanes), lanes));
      f.loop(first, rest, lanes, [&](Value couple) {
        chunk({token, scale, sums, couple, lanes, keysOrValues});
      });
    }
    if (lanes == 1 || couples % lanes || tileCouples % lanes)
      f.loop(rest, end, 1, [&](Value couple) {
        chunk({token, scale, sums, couple, 1, keysOrValues});
      });
  };
  if (!op.getKv())
    return all({});
  // Pages are (KV heads, page size, head_dim); slot -1 stores nothing.
  llama::KvType kv = op.getKv().getType();
  Value slot = f.loadIndex(f.pointer(op.getSlots()), token);
  Value stored =
      arith::CmpIOp::create(f.b, arith::CmpIPredicate::sge, slot, f.i64(0));
  f.when(stored, [&] {
    int64_t bytes = kv.getElementType().getIntOrFloatBitWidth() / 8;
    int64_t rowBytes = kv.getHeadDim() * bytes;
    Value base = op.getDestination() == Destination::keys
                     ? f.pointer(op.getKv())
                     : f.valuesPointer(op.getKv());
    Value page = f.element(base, f.divide(slot, kv.getPageSize()),
                           kv.getHeads() * kv.getPageSize() * rowBytes);
    all(f.element(page, f.modulo(slot, kv.getPageSize()), rowBytes));
  });
}

//===----------------------------------------------------------------------===//
// Argmax
//===----------------------------------------------------------------------===//

std::pair<Value, Value> RowSegment::largest(const Sums &sums, Value first,
                                            Value count) {
  int64_t lanes = f.variant.lanes;
  constexpr float lowest = -std::numeric_limits<float>::infinity();
  auto indices = VectorType::get({lanes}, f.b.getI32Type());
  auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, int32_t(lanes)));
  Value step = arith::ConstantOp::create(
      f.b, DenseElementsAttr::get(indices, ArrayRef<int32_t>(numbers)));
  auto indicesFrom = [&](Value start) -> Value {
    Value narrow = arith::TruncIOp::create(f.b, f.b.getI32Type(), start);
    return arith::AddIOp::create(f.b, f.splat(narrow, lanes), step);
  };
  Value values = f.element(sums.outputs(), f.sub(first, sums.firstCouple), 4);
  f.store(f.f32(lowest, lanes), f.element(values, count, 4)); // fills the tail
  SmallVector<Value> best = {f.f32(lowest, lanes), indicesFrom(first)};
  best = f.loop(f.i64(0), count, lanes, best, [&](Value at, ValueRange was) {
    Value value = f.load(f.floats(lanes), f.element(values, at, 4));
    Value more =
        arith::CmpFOp::create(f.b, arith::CmpFPredicate::OGT, value, was[0]);
    Value index = indicesFrom(f.add(first, at));
    return SmallVector<Value>{
        arith::SelectOp::create(f.b, more, value, was[0]),
        arith::SelectOp::create(f.b, more, index, was[1])};
  });
  Value value = f.largest(best[0]);
  Value isBest = arith::CmpFOp::create(f.b, arith::CmpFPredicate::OEQ, best[0],
                                       f.splat(value, lanes));
  Value others = f.splat(f.i32(std::numeric_limits<int32_t>::max()), lanes);
  Value candidates = arith::SelectOp::create(f.b, isBest, best[1], others);
  while (f.lanesOf(candidates) > 1) {
    int64_t half = f.lanesOf(candidates) / 2;
    candidates = arith::MinSIOp::create(f.b, f.slice(candidates, 0, half),
                                        f.slice(candidates, half, half));
  }
  return {value, candidates};
}
