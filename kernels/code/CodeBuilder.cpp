//===- CodeBuilder.cpp - Ops that every emitter makes ---------------------===//
//
// Everything here is one or a few ops; the header says what each piece means.
//
//===----------------------------------------------------------------------===//

#include "kernels/code/CodeBuilder.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace quipu;

//===----------------------------------------------------------------------===//
// Constants and address arithmetic
//===----------------------------------------------------------------------===//

Value CodeBuilder::i64(int64_t value) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
}

Value CodeBuilder::i32(int32_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}

Value CodeBuilder::f32(float value, int64_t lanes) {
  TypedAttr attribute = b.getF32FloatAttr(value);
  if (lanes > 1)
    attribute = DenseElementsAttr::get(cast<ShapedType>(floats(lanes)),
                                       llvm::ArrayRef<float>(value));
  return arith::ConstantOp::create(b, attribute);
}

Value CodeBuilder::like(Value other, int64_t value) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(other.getType(), value));
}

/// The value of an integer constant.
static std::optional<int64_t> constant(Value value) {
  auto op = value.getDefiningOp<arith::ConstantOp>();
  if (!op)
    return std::nullopt;
  return cast<IntegerAttr>(op.getValue()).getInt();
}

Value CodeBuilder::add(Value left, Value right) {
  auto a = constant(left), c = constant(right);
  if (a && c)
    return like(left, *a + *c);
  if (a && *a == 0)
    return right;
  if (c && *c == 0)
    return left;
  return arith::AddIOp::create(b, left, right,
                               arith::IntegerOverflowFlags::nsw);
}

Value CodeBuilder::add(Value left, int64_t right) {
  return add(left, like(left, right));
}

Value CodeBuilder::sub(Value left, Value right) {
  return arith::SubIOp::create(b, left, right,
                               arith::IntegerOverflowFlags::nsw);
}

Value CodeBuilder::mul(Value left, Value right) {
  auto a = constant(left), c = constant(right);
  if (a && c)
    return like(left, *a * *c);
  if (c && *c == 1)
    return left;
  return arith::MulIOp::create(b, left, right,
                               arith::IntegerOverflowFlags::nsw);
}

Value CodeBuilder::mul(Value left, int64_t right) {
  return mul(left, like(left, right));
}

Value CodeBuilder::divide(Value left, int64_t right) {
  return right == 1 ? left : arith::DivUIOp::create(b, left, like(left, right));
}

Value CodeBuilder::modulo(Value left, int64_t right) {
  return right == 1 ? like(left, 0)
                    : arith::RemUIOp::create(b, left, like(left, right));
}

Value CodeBuilder::minimum(Value left, Value right) {
  return arith::MinSIOp::create(b, left, right);
}

Value CodeBuilder::maximum(Value left, Value right) {
  return arith::MaxSIOp::create(b, left, right);
}

Value CodeBuilder::less(Value left, Value right) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, left, right);
}

Value CodeBuilder::at(Value base, Value bytes) {
  if (auto known = constant(bytes))
    return at(base, *known);
  return LLVM::GEPOp::create(b, base.getType(), b.getI8Type(), base,
                             ValueRange{bytes});
}

Value CodeBuilder::at(Value base, int64_t bytes) {
  if (bytes == 0)
    return base;
  if (!llvm::isInt<32>(bytes))
    return LLVM::GEPOp::create(b, base.getType(), b.getI8Type(), base,
                               ValueRange{i64(bytes)});
  return LLVM::GEPOp::create(b, base.getType(), b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{int32_t(bytes)});
}

Value CodeBuilder::element(Value base, Value index, int64_t bytesEach) {
  constexpr unsigned sharedSpace = 3; // of NVPTX; below 2^31 bytes
  auto type = cast<LLVM::LLVMPointerType>(base.getType());
  if (index.getType().isInteger(32) && type.getAddressSpace() != sharedSpace) {
    if (auto known = constant(index))
      index = i64(*known);
    else
      index = arith::ExtSIOp::create(b, b.getI64Type(), index);
  }
  return at(base, mul(index, bytesEach));
}

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

/// `type`, or a vector of it for more than one lane.
static Type vectorOf(Type type, int64_t lanes) {
  return lanes == 1 ? type : VectorType::get({lanes}, type);
}

Type CodeBuilder::floats(int64_t lanes) {
  return vectorOf(b.getF32Type(), lanes);
}

Value CodeBuilder::load(Type type, Value pointer, int64_t alignment) {
  return LLVM::LoadOp::create(b, type, pointer, unsigned(alignment));
}

void CodeBuilder::store(Value value, Value pointer, int64_t alignment) {
  LLVM::StoreOp::create(b, value, pointer, unsigned(alignment));
}

Value CodeBuilder::loadIndex(Value array, Value index) {
  Value value = load(b.getI32Type(), element(array, index, 4), 4);
  return arith::ExtSIOp::create(b, b.getI64Type(), value);
}

Value CodeBuilder::loadFloats(Value pointer, Type stored, int64_t lanes,
                              std::optional<int64_t> valid, int64_t alignment) {
  Type type = stored.isBF16() ? b.getI16Type() : stored;
  Type vector = vectorOf(type, lanes);
  if (!valid || *valid >= lanes)
    return widen(load(vector, pointer, alignment));
  Value mask = firstLanes(lanes, *valid);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(vector));
  return widen(LLVM::MaskedLoadOp::create(b, vector, pointer, mask, zero,
                                          uint32_t(alignment)));
}

Value CodeBuilder::firstLanes(int64_t lanes, int64_t valid) {
  SmallVector<bool> used(lanes);
  for (int64_t lane = 0; lane < lanes; ++lane)
    used[lane] = lane < valid;
  auto type = VectorType::get({lanes}, b.getI1Type());
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<bool>(used)));
}

void CodeBuilder::storeFloats(Value value, Value pointer, Type stored,
                              int64_t alignment) {
  store(narrow(value, stored), pointer, alignment);
}

/// Bits of bf16 lanes (i16) as f32: the upper half of each float.
static Value floatsFromBf16(ImplicitLocOpBuilder &b, Value bits,
                            int64_t lanes) {
  Type wide = vectorOf(b.getI32Type(), lanes);
  Value extended = arith::ExtUIOp::create(b, wide, bits);
  TypedAttr sixteen = b.getI32IntegerAttr(16);
  if (lanes > 1)
    sixteen = DenseElementsAttr::get(cast<ShapedType>(wide), int32_t(16));
  Value shift = arith::ConstantOp::create(b, sixteen);
  Value shifted = arith::ShLIOp::create(b, extended, shift);
  return arith::BitcastOp::create(b, vectorOf(b.getF32Type(), lanes), shifted);
}

Value CodeBuilder::widen(Value value) {
  int64_t lanes = lanesOf(value);
  Type element = getElementTypeOrSelf(value.getType());
  if (element.isF32())
    return value;
  if (element.isF16())
    return arith::ExtFOp::create(b, floats(lanes), value);
  if (element.isBF16())
    value = arith::BitcastOp::create(b, vectorOf(b.getI16Type(), lanes), value);
  return floatsFromBf16(b, value, lanes);
}

Value CodeBuilder::narrow(Value value, Type stored) {
  if (stored.isF32())
    return value;
  if (stored.isBF16())
    return toBf16(value);
  return arith::TruncFOp::create(b, vectorOf(stored, lanesOf(value)), value);
}

Value CodeBuilder::toBf16(Value value) {
  int64_t lanes = lanesOf(value);
  Type result = vectorOf(b.getBF16Type(), lanes);
  // bits + 0x7fff + (the last kept bit), then the upper half; a NaN keeps its
  // upper half, made quiet.
  Type integers = vectorOf(b.getI32Type(), lanes);
  auto splatInt = [&](int32_t number) -> Value {
    TypedAttr attribute = b.getI32IntegerAttr(number);
    if (lanes > 1)
      attribute = DenseElementsAttr::get(cast<ShapedType>(integers), number);
    return arith::ConstantOp::create(b, attribute);
  };
  Value bits = arith::BitcastOp::create(b, integers, value);
  Value sixteen = splatInt(16);
  Value upper = arith::ShRUIOp::create(b, bits, sixteen);
  Value odd = arith::AndIOp::create(b, upper, splatInt(1));
  Value bias = arith::AddIOp::create(b, odd, splatInt(0x7fff));
  Value rounded =
      arith::ShRUIOp::create(b, arith::AddIOp::create(b, bits, bias), sixteen);
  Value quiet = arith::OrIOp::create(b, upper, splatInt(0x40));
  Value isNan =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  Value chosen = arith::SelectOp::create(b, isNan, quiet, rounded);
  Value half =
      arith::TruncIOp::create(b, vectorOf(b.getI16Type(), lanes), chosen);
  return arith::BitcastOp::create(b, result, half);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

int64_t CodeBuilder::lanesOf(Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? vector.getNumElements() : 1;
}

Value CodeBuilder::splat(Value scalar, int64_t lanes) {
  if (lanes == 1)
    return scalar;
  return vector::BroadcastOp::create(b, vectorOf(scalar.getType(), lanes),
                                     scalar);
}

Value CodeBuilder::fma(Value left, Value right, Value addend) {
  return LLVM::FMAOp::create(b, left, right, addend);
}

Value CodeBuilder::shuffle(Value left, Value right, ArrayRef<int64_t> lanes) {
  return vector::ShuffleOp::create(b, left, right, lanes);
}

Value CodeBuilder::slice(Value vector, int64_t offset, int64_t count) {
  if (count == lanesOf(vector))
    return vector;
  if (count == 1)
    return vector::ExtractOp::create(b, vector, offset);
  auto lanes = llvm::to_vector(llvm::seq<int64_t>(offset, offset + count));
  return shuffle(vector, vector, lanes);
}

Value CodeBuilder::sum(Value vector) {
  // Halves are added until few lanes are left: a fixed order on every target.
  while (lanesOf(vector) > 1) {
    int64_t half = lanesOf(vector) / 2;
    vector = arith::AddFOp::create(b, slice(vector, 0, half),
                                   slice(vector, half, half));
  }
  return vector;
}

Value CodeBuilder::largest(Value vector) {
  while (lanesOf(vector) > 1) {
    int64_t half = lanesOf(vector) / 2;
    vector = arith::MaxNumFOp::create(b, slice(vector, 0, half),
                                      slice(vector, half, half));
  }
  return vector;
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void CodeBuilder::loop(Value from, Value to, int64_t step,
                       llvm::function_ref<void(Value)> body) {
  loop(from, to, step, {}, [&](Value index, ValueRange) {
    body(index);
    return SmallVector<Value>();
  });
}

SmallVector<Value> CodeBuilder::loop(
    Value from, Value to, int64_t step, ValueRange initial,
    llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  return loop(from, to, like(from, step), initial, body);
}

SmallVector<Value> CodeBuilder::loop(
    Value from, Value to, Value step, ValueRange initial,
    llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loopOp = scf::ForOp::create(b, from, to, step, initial);
  OpBuilder::InsertionGuard guard(b);
  Block *block = loopOp.getBody();
  if (!block->empty()) // the terminator of a loop without results
    block->back().erase();
  b.setInsertionPointToStart(block);
  SmallVector<Value> next =
      body(loopOp.getInductionVar(), loopOp.getRegionIterArgs());
  scf::YieldOp::create(b, next);
  return SmallVector<Value>(loopOp.getResults());
}

void CodeBuilder::when(Value condition, llvm::function_ref<void()> then,
                       llvm::function_ref<void()> otherwise) {
  auto ifOp =
      scf::IfOp::create(b, condition, /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&ifOp.getThenRegion().front());
  then();
  if (!otherwise)
    return;
  b.setInsertionPointToStart(&ifOp.getElseRegion().front());
  otherwise();
}

SmallVector<Value>
CodeBuilder::dispatch(Value index, int64_t cases, ValueRange like,
                      llvm::function_ref<SmallVector<Value>(int64_t)> body) {
  SmallVector<int64_t> numbers(cases - 1); // the last is the default
  std::iota(numbers.begin(), numbers.end(), 0);
  Value number = arith::IndexCastOp::create(b, b.getIndexType(), index);
  auto choice = scf::IndexSwitchOp::create(b, TypeRange(like), number, numbers,
                                           unsigned(numbers.size()));
  OpBuilder::InsertionGuard guard(b);
  for (int64_t i = 0; i < cases; ++i) {
    Region &region =
        i + 1 == cases ? choice.getDefaultRegion() : choice.getCaseRegions()[i];
    b.setInsertionPointToStart(&region.emplaceBlock());
    scf::YieldOp::create(b, body(i));
  }
  return SmallVector<Value>(choice.getResults());
}
