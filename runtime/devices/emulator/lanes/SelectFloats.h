//===- SelectFloats.h - Which floating function to call ---------*- C++ -*-===//
//
// From a decoded instruction to its function, for f16 to f64. Internal linkage:
// see Rows.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_SELECTFLOATS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_SELECTFLOATS_H

#include "runtime/devices/emulator/lanes/Floats.h"
#include "runtime/devices/emulator/lanes/SelectIntegers.h"

namespace quipu::emulator {
namespace {

/// `Arity` sources of type T.
template <typename Op, typename T, int Arity> LaneFunction ofArity() {
  if constexpr (Arity == 1)
    return unary<Op, T, T>;
  else if constexpr (Arity == 2)
    return binary<Op, T, T>;
  else
    return ternary<Op, T, T>;
}

template <typename Op, int Arity>
LaneFunction wholeFloat(const Instruction &i) {
  if (i.type == Type::f64)
    return ofArity<Full<Op, false, false>, double, Arity>();
  if (i.type != Type::f32)
    return nullptr;
  if (i.ftz)
    return i.sat ? ofArity<Full<Op, true, true>, float, Arity>()
                 : ofArity<Full<Op, true, false>, float, Arity>();
  return i.sat ? ofArity<Full<Op, false, true>, float, Arity>()
               : ofArity<Full<Op, false, false>, float, Arity>();
}

/// An f32 or f64 operation in each of the four directions.
template <template <Rounding> class Op, int Arity>
LaneFunction rounded(const Instruction &i) {
  switch (i.rounding) {
  case Rounding::rz:
    return wholeFloat<Op<Rounding::rz>, Arity>(i);
  case Rounding::rm:
    return wholeFloat<Op<Rounding::rm>, Arity>(i);
  case Rounding::rp:
    return wholeFloat<Op<Rounding::rp>, Arity>(i);
  default:
    return wholeFloat<Op<Rounding::rn>, Arity>(i);
  }
}

/// An operation on one or two narrow floats.
template <typename Op, int Arity> LaneFunction narrowFloat(Type type) {
  switch (type) {
  case Type::f16:
    return ofArity<Op, Half, Arity>();
  case Type::bf16:
    return ofArity<Op, Bfloat, Arity>();
  case Type::f16x2:
    return ofArity<Both<Op>, Pair<Half>, Arity>();
  case Type::bf16x2:
    return ofArity<Both<Op>, Pair<Bfloat>, Arity>();
  default:
    return nullptr;
  }
}
inline bool isWhole(Type type) {
  return type == Type::f32 || type == Type::f64;
}

template <template <Rounding> class Op>
LaneFunction selectArithmetic(const Instruction &i) {
  if (isWhole(i.type))
    return rounded<Op, 2>(i);
  if (i.rounding != Rounding::none && i.rounding != Rounding::rn)
    return nullptr;
  return i.sat ? narrowFloat<Narrow<Op<Rounding::rn>, true>, 2>(i.type)
               : narrowFloat<Narrow<Op<Rounding::rn>>, 2>(i.type);
}

inline LaneFunction selectFma(const Instruction &i) {
  if (isWhole(i.type)) {
    bool nearest = i.rounding == Rounding::none || i.rounding == Rounding::rn;
    return i.type == Type::f64 && !nearest ? nullptr : rounded<FFma, 3>(i);
  }
  if (i.sat)
    return i.relu ? nullptr : narrowFloat<NarrowFma<true, false>, 3>(i.type);
  return i.relu ? narrowFloat<NarrowFma<false, true>, 3>(i.type)
                : narrowFloat<NarrowFma<false, false>, 3>(i.type);
}

template <bool Max> LaneFunction selectMinMaxFloat(const Instruction &i) {
  if (isWhole(i.type))
    return i.nan ? wholeFloat<FMinMax<Max, true>, 2>(i)
                 : wholeFloat<FMinMax<Max, false>, 2>(i);
  if (i.relu)
    return i.nan ? narrowFloat<Narrow<FMinMax<Max, true, true>>, 2>(i.type)
                 : narrowFloat<Narrow<FMinMax<Max, false, true>>, 2>(i.type);
  return i.nan ? narrowFloat<Narrow<FMinMax<Max, true>>, 2>(i.type)
               : narrowFloat<Narrow<FMinMax<Max, false>>, 2>(i.type);
}

/// An approximation that f32 has, and maybe the narrow types.
template <typename Op> LaneFunction selectApproximate(const Instruction &i) {
  if (i.type == Type::f64)
    return nullptr;
  return i.type == Type::f32 ? wholeFloat<Op, 1>(i)
                             : narrowFloat<Narrow<Op>, 1>(i.type);
}
template <typename Op> LaneFunction singleFloat(const Instruction &i) {
  if (i.type != Type::f32)
    return nullptr;
  return i.ftz ? unary<Full<Op, true, false>, float, float>
               : unary<Full<Op, false, false>, float, float>;
}

template <typename Op> LaneFunction selectTestp(Type type) {
  return type == Type::f64 ? compare<Op, double> : compare<Op, float>;
}
inline LaneFunction selectTestp(const Instruction &i) {
  switch (i.mode) {
  case Mode::finite:
    return selectTestp<Testp<Mode::finite>>(i.type);
  case Mode::infinite:
    return selectTestp<Testp<Mode::infinite>>(i.type);
  case Mode::number:
    return selectTestp<Testp<Mode::number>>(i.type);
  case Mode::notanumber:
    return selectTestp<Testp<Mode::notanumber>>(i.type);
  case Mode::normal:
    return selectTestp<Testp<Mode::normal>>(i.type);
  default:
    return selectTestp<Testp<Mode::subnormal>>(i.type);
  }
}

inline LaneFunction selectFunction(const Instruction &i) {
  switch (i.opcode) {
  case Opcode::rcp:
    return isWhole(i.type) ? rounded<FRcp, 1>(i) : nullptr;
  case Opcode::sqrt:
    return isWhole(i.type) ? rounded<FSqrt, 1>(i) : nullptr;
  case Opcode::rsqrt:
    return i.type == Type::f64 ? wholeFloat<Rsqrt, 1>(i)
                               : singleFloat<Rsqrt>(i);
  case Opcode::sin:
    return singleFloat<Sin>(i);
  case Opcode::cos:
    return singleFloat<Cos>(i);
  case Opcode::lg2:
    return singleFloat<Lg2>(i);
  case Opcode::ex2:
    return i.type == Type::f32 ? singleFloat<Ex2>(i)
                               : narrowFloat<Narrow<Ex2>, 1>(i.type);
  case Opcode::tanh:
    return i.type == Type::f32 ? singleFloat<Tanh>(i)
                               : narrowFloat<Narrow<Tanh>, 1>(i.type);
  case Opcode::testp:
    return selectTestp(i);
  case Opcode::copysign:
    return wholeFloat<Copysign, 2>(i);
  default:
    return nullptr;
  }
}

inline LaneFunction selectFloat(const Instruction &i) {
  switch (i.opcode) {
  case Opcode::add:
    return selectArithmetic<FAdd>(i);
  case Opcode::sub:
    return selectArithmetic<FSub>(i);
  case Opcode::mul:
    return selectArithmetic<FMul>(i);
  case Opcode::fma:
  case Opcode::mad:
    return selectFma(i);
  case Opcode::div:
    return isWhole(i.type) ? rounded<FDiv, 2>(i) : nullptr;
  case Opcode::min:
    return selectMinMaxFloat<false>(i);
  case Opcode::max:
    return selectMinMaxFloat<true>(i);
  case Opcode::abs:
    return isWhole(i.type) ? wholeFloat<FAbs, 1>(i)
                           : narrowFloat<NarrowAbs, 1>(i.type);
  case Opcode::neg:
    return isWhole(i.type) ? wholeFloat<FNeg, 1>(i)
                           : narrowFloat<NarrowNeg, 1>(i.type);
  default:
    return selectFunction(i);
  }
}

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_SELECTFLOATS_H
