//===- SelectConversions.h - Which cvt or comparison to call ----*- C++ -*-===//
//
// From a decoded instruction to its function, for cvt, setp, selp and mov.
// Internal linkage: see Rows.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_SELECTCONVERSIONS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_SELECTCONVERSIONS_H

#include "runtime/devices/emulator/lanes/Convert.h"
#include "runtime/devices/emulator/lanes/SelectFloats.h"

namespace quipu::emulator {
namespace {

using ptx::Compare;

/// f(Tag<T>) for any integer type.
template <typename F> LaneFunction withAnyInteger(Type type, F f) {
  if (type == Type::u8 || type == Type::b8)
    return f(Tag<u8>());
  return type == Type::s8 ? f(Tag<s8>()) : withInteger(type, f);
}
template <typename F> LaneFunction withFloat(Type type, F f) {
  switch (type) {
  case Type::f16:
    return f(Tag<Half>());
  case Type::bf16:
    return f(Tag<Bfloat>());
  case Type::f32:
    return f(Tag<float>());
  case Type::f64:
    return f(Tag<double>());
  default:
    return nullptr;
  }
}

inline LaneFunction integerToInteger(const Instruction &i) {
  return withAnyInteger(i.type2, [&](auto from) {
    return withAnyInteger(i.type, [&](auto to) -> LaneFunction {
      using From = typename decltype(from)::Value;
      using To = typename decltype(to)::Value;
      using D = typename Held<To>::Row;
      using A = typename Held<From>::Row;
      return i.sat ? unary<IntToInt<To, From, true>, D, A>
                   : unary<IntToInt<To, From, false>, D, A>;
    });
  });
}

template <typename From, typename To, bool Ftz>
LaneFunction floatToIntegerOf(Rounding rounding) {
  using D = typename Held<To>::Row;
  switch (rounding) {
  case Rounding::rni:
  case Rounding::rn:
    return unary<FloatToInt<To, Rounding::rni, Ftz>, D, From>;
  case Rounding::rmi:
    return unary<FloatToInt<To, Rounding::rmi, Ftz>, D, From>;
  case Rounding::rpi:
    return unary<FloatToInt<To, Rounding::rpi, Ftz>, D, From>;
  default:
    return unary<FloatToInt<To, Rounding::rzi, Ftz>, D, From>;
  }
}
inline LaneFunction floatToInteger(const Instruction &i) {
  return withFloat(i.type2, [&](auto from) {
    return withAnyInteger(i.type, [&](auto to) -> LaneFunction {
      using From = typename decltype(from)::Value;
      using To = typename decltype(to)::Value;
      return floatToIntegerOf<From, To, false>(i.rounding);
    });
  });
}

template <typename From> LaneFunction toFloatDirected(Rounding rounding) {
  using A = typename Held<From>::Row;
  switch (rounding) {
  case Rounding::rz:
    return unary<IntToFloatDirected<Rounding::rz, From>, float, A>;
  case Rounding::rm:
    return unary<IntToFloatDirected<Rounding::rm, From>, float, A>;
  default:
    return unary<IntToFloatDirected<Rounding::rp, From>, float, A>;
  }
}
inline LaneFunction integerToFloat(const Instruction &i) {
  bool nearest = i.rounding == Rounding::none || i.rounding == Rounding::rn;
  return withAnyInteger(i.type2, [&](auto from) -> LaneFunction {
    using From = typename decltype(from)::Value;
    using A = typename Held<From>::Row;
    if (!nearest) {
      if constexpr (sizeof(From) < 8)
        return i.type == Type::f32 ? toFloatDirected<From>(i.rounding)
                                   : nullptr;
      else
        return nullptr;
    }
    return withFloat(i.type, [&](auto to) -> LaneFunction {
      using To = typename decltype(to)::Value;
      return unary<IntToFloat<To, From>, To, A>;
    });
  });
}

template <typename From, typename To, Rounding R>
LaneFunction floatToFloatOf(const Instruction &i) {
  if (i.relu)
    return unary<FloatToFloat<To, R, false, false, true>, To, From>;
  if (i.ftz)
    return i.sat ? unary<FloatToFloat<To, R, true, true, false>, To, From>
                 : unary<FloatToFloat<To, R, true, false, false>, To, From>;
  return i.sat ? unary<FloatToFloat<To, R, false, true, false>, To, From>
               : unary<FloatToFloat<To, R, false, false, false>, To, From>;
}
inline LaneFunction floatToFloat(const Instruction &i) {
  return withFloat(i.type2, [&](auto from) {
    return withFloat(i.type, [&](auto to) -> LaneFunction {
      using From = typename decltype(from)::Value;
      using To = typename decltype(to)::Value;
      constexpr bool wide = isFloating<From> && isFloating<To>;
      switch (i.rounding) {
      case Rounding::none:
      case Rounding::rn:
        return floatToFloatOf<From, To, Rounding::rn>(i);
      case Rounding::rz:
        return floatToFloatOf<From, To, Rounding::rz>(i);
      case Rounding::rm:
        if constexpr (wide)
          return floatToFloatOf<From, To, Rounding::rm>(i);
        return nullptr;
      case Rounding::rp:
        if constexpr (wide)
          return floatToFloatOf<From, To, Rounding::rp>(i);
        return nullptr;
      case Rounding::rni:
        return floatToFloatOf<From, To, Rounding::rni>(i);
      case Rounding::rzi:
        return floatToFloatOf<From, To, Rounding::rzi>(i);
      case Rounding::rmi:
        return floatToFloatOf<From, To, Rounding::rmi>(i);
      case Rounding::rpi:
        return floatToFloatOf<From, To, Rounding::rpi>(i);
      default:
        return nullptr;
      }
    });
  });
}

template <typename To> LaneFunction floatsToPair(const Instruction &i) {
  using D = Pair<To>;
  if (i.sat || i.type2 != Type::f32)
    return nullptr;
  if (i.rounding == Rounding::rz)
    return i.relu ? binary<FloatsToPair<To, Rounding::rz, true>, D, float>
                  : binary<FloatsToPair<To, Rounding::rz, false>, D, float>;
  return i.relu ? binary<FloatsToPair<To, Rounding::rn, true>, D, float>
                : binary<FloatsToPair<To, Rounding::rn, false>, D, float>;
}

inline bool isScalarFloat(Type type) {
  return type == Type::f16 || type == Type::bf16 || isWhole(type);
}
inline LaneFunction selectCvt(const Instruction &i) {
  if (i.type == Type::f16x2)
    return floatsToPair<Half>(i);
  if (i.type == Type::bf16x2)
    return floatsToPair<Bfloat>(i);
  if (i.type == Type::tf32)
    return i.rounding == Rounding::rna && !i.relu ? unary<ToTf32, u32, float>
                                                  : nullptr;
  if (isScalarFloat(i.type2))
    return isScalarFloat(i.type) ? floatToFloat(i) : floatToInteger(i);
  return isScalarFloat(i.type) ? integerToFloat(i) : integerToInteger(i);
}

template <Compare C> LaneFunction comparison(Type type, bool ftz) {
  switch (type) {
  case Type::f16:
    return compare<Test<C>, Half>;
  case Type::bf16:
    return compare<Test<C>, Bfloat>;
  case Type::f32:
    return ftz ? compare<Test<C, true>, float> : compare<Test<C>, float>;
  case Type::f64:
    return compare<Test<C>, double>;
  default:
    return nullptr;
  }
}
template <Compare C>
LaneFunction anyComparison(const Instruction &i, Type type) {
  if (isFloat(type))
    return comparison<C>(type, i.ftz);
  return withInteger(type, [](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    return compare<Test<C>, T>;
  });
}
/// The type of each half of a pair; of another type, itself.
inline Type halfOf(Type type) {
  return type == Type::f16x2    ? Type::f16
         : type == Type::bf16x2 ? Type::bf16
                                : type;
}
/// The mask of a comparison, for setp and set; `type` of the sources.
inline LaneFunction selectCompare(const Instruction &i, Type type) {
  switch (i.compare) {
  case Compare::eq:
    return anyComparison<Compare::eq>(i, type);
  case Compare::ne:
    return anyComparison<Compare::ne>(i, type);
  case Compare::lt:
  case Compare::lo:
    return anyComparison<Compare::lt>(i, type);
  case Compare::le:
  case Compare::ls:
    return anyComparison<Compare::le>(i, type);
  case Compare::gt:
  case Compare::hi:
    return anyComparison<Compare::gt>(i, type);
  case Compare::ge:
  case Compare::hs:
    return anyComparison<Compare::ge>(i, type);
  case Compare::equ:
    return comparison<Compare::equ>(type, i.ftz);
  case Compare::neu:
    return comparison<Compare::neu>(type, i.ftz);
  case Compare::ltu:
    return comparison<Compare::ltu>(type, i.ftz);
  case Compare::leu:
    return comparison<Compare::leu>(type, i.ftz);
  case Compare::gtu:
    return comparison<Compare::gtu>(type, i.ftz);
  case Compare::geu:
    return comparison<Compare::geu>(type, i.ftz);
  case Compare::num:
    return comparison<Compare::num>(type, i.ftz);
  case Compare::nan:
    return comparison<Compare::nan>(type, i.ftz);
  default:
    return nullptr;
  }
}

/// d = bit l of the mask at c ? a : b.
template <typename T>
void choose(void *d, const void *a, const void *b, const void *c, void *) {
  auto *to = static_cast<T *>(d);
  auto *x = static_cast<const T *>(a);
  auto *y = static_cast<const T *>(b);
  T take[laneCount];
  expandMask(take, *static_cast<const u32 *>(c));
  QUIPU_LANE_LOOP
  for (int l = 0; l < laneCount; ++l)
    to[l] = T((x[l] & take[l]) | (y[l] & ~take[l]));
}
struct Slct {
  template <typename T, typename C> static T of(T a, T b, C c) {
    return c >= 0 ? a : b;
  }
};

inline LaneFunction selectMovement(const Instruction &i) {
  switch (i.opcode) {
  case Opcode::mov:
    return i.type == Type::pred
               ? predicates<First>
               : withBits(i.type, [](auto tag) -> LaneFunction {
                   using T = typename decltype(tag)::Value;
                   return unary<Copy, T, T>;
                 });
  case Opcode::selp:
    return withBits(i.type, [](auto tag) -> LaneFunction {
      return choose<typename decltype(tag)::Value>;
    });
  case Opcode::slct:
    return withBits(i.type, [&](auto tag) -> LaneFunction {
      using T = typename decltype(tag)::Value;
      return i.type2 == Type::f32 ? ternary<Slct, T, T, T, float>
                                  : ternary<Slct, T, T, T, s32>;
    });
  default:
    return nullptr;
  }
}

inline LaneFunction selectLane(const Instruction &i) {
  switch (i.opcode) {
  case Opcode::mov:
  case Opcode::selp:
  case Opcode::slct:
    return selectMovement(i);
  case Opcode::cvt:
    return selectCvt(i);
  case Opcode::setp: // pairs are compared half by half
    return selectCompare(i, halfOf(i.type));
  case Opcode::set:
    return selectCompare(i, halfOf(i.type2));
  case Opcode::bitAnd:
  case Opcode::bitOr:
  case Opcode::bitXor:
  case Opcode::bitNot:
    return selectBits(i);
  default:
    return isFloat(i.type) ? selectFloat(i) : selectInteger(i);
  }
}

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_SELECTCONVERSIONS_H
