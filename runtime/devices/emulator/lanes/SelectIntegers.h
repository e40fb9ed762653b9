//===- SelectIntegers.h - Which integer function to call --------*- C++ -*-===//
//
// From a decoded instruction to its function, for integers and bits. Internal
// linkage: see Rows.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_SELECTINTEGERS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_SELECTINTEGERS_H

#include "runtime/devices/emulator/lanes/Integers.h"

namespace quipu::emulator {
namespace {

using ptx::Instruction;
using ptx::Mode;
using ptx::Opcode;
using ptx::Type;

template <typename T> struct Tag {
  using Value = T;
};

/// f(Tag<T>) for the integer type T, of 16 bits or more, of that name.
template <typename F> LaneFunction withInteger(Type type, F f) {
  switch (type) {
  case Type::b16:
  case Type::u16:
    return f(Tag<u16>());
  case Type::b32:
  case Type::u32:
    return f(Tag<u32>());
  case Type::b64:
  case Type::u64:
    return f(Tag<u64>());
  case Type::s16:
    return f(Tag<s16>());
  case Type::s32:
    return f(Tag<s32>());
  case Type::s64:
    return f(Tag<s64>());
  default:
    return nullptr;
  }
}
/// As above by width alone.
template <typename F> LaneFunction withBits(Type type, F f) {
  switch (type) {
  case Type::b16:
  case Type::u16:
  case Type::s16:
  case Type::f16:
  case Type::bf16:
    return f(Tag<u16>());
  case Type::b32:
  case Type::u32:
  case Type::s32:
  case Type::f32:
  case Type::f16x2:
  case Type::bf16x2:
    return f(Tag<u32>());
  case Type::b64:
  case Type::u64:
  case Type::s64:
  case Type::f64:
    return f(Tag<u64>());
  default:
    return nullptr;
  }
}

template <typename Op> LaneFunction unaryInteger(Type type) {
  return withInteger(type, [](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    return unary<Op, T, T>;
  });
}
template <typename Op> LaneFunction binaryInteger(Type type) {
  return withInteger(type, [](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    return binary<Op, T, T>;
  });
}
template <typename Op> LaneFunction binaryBits(Type type) {
  return withBits(type, [](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    return binary<Op, T, T>;
  });
}
template <typename Op> LaneFunction countBits(Type type) {
  return withInteger(type, [](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    return unary<Op, u32, T>;
  });
}

/// One predicate is a row of one u32.
template <typename Op>
void predicates(void *d, const void *a, const void *b, const void *, void *) {
  *static_cast<u32 *>(d) =
      Op::of(*static_cast<const u32 *>(a), *static_cast<const u32 *>(b));
}
struct NotFirst {
  static u32 of(u32 a, u32) { return ~a; }
};
struct First {
  static u32 of(u32 a, u32) { return a; }
};

template <bool Subtract>
LaneFunction selectCarry(Type type, bool in, bool out) {
  return withInteger(type, [=](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    if constexpr (sizeof(T) >= 4) {
      using U = typename Tag<T>::Value;
      if constexpr (U(-1) < U(0))
        return nullptr; // chosen by width: see carryType
      else if (in)
        return out ? carrying<T, Subtract, true, true>
                   : carrying<T, Subtract, true, false>;
      else
        return carrying<T, Subtract, false, true>;
    } else {
      return nullptr;
    }
  });
}
/// The unsigned type of that width.
inline Type carryType(Type type) {
  return type == Type::s32 || type == Type::b32   ? Type::u32
         : type == Type::s64 || type == Type::b64 ? Type::u64
                                                  : type;
}

template <typename T, typename U, bool High>
LaneFunction carryingMulAddOf(bool in, bool out) {
  if (in)
    return out ? carryingMulAdd<T, U, High, true, true>
               : carryingMulAdd<T, U, High, true, false>;
  return carryingMulAdd<T, U, High, false, true>;
}

inline LaneFunction selectCarryMad(const Instruction &i) {
  bool in = i.opcode == Opcode::madc, out = i.carryOut;
  if (i.mode != Mode::lo && i.mode != Mode::hi)
    return nullptr;
  return withInteger(i.type, [=, &i](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    if constexpr (sizeof(T) >= 4) {
      using W = typename Wider<T>::Type;
      using U = decltype([] {
        if constexpr (sizeof(T) == 4)
          return u32();
        else
          return u64();
      }());
      (void)sizeof(W);
      return i.mode == Mode::hi ? carryingMulAddOf<T, U, true>(in, out)
                                : carryingMulAddOf<U, U, false>(in, out);
    } else {
      return nullptr;
    }
  });
}

inline LaneFunction selectMul(const Instruction &i) {
  return withInteger(i.type, [&](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    if (i.mode == Mode::hi)
      return binary<MulHi, T, T>;
    if (i.mode == Mode::wide) {
      if constexpr (sizeof(T) < 8)
        return binary<MulWide, typename Wider<T>::Type, T>;
      else
        return nullptr;
    }
    return binary<MulLo, T, T>;
  });
}
inline LaneFunction selectMad(const Instruction &i) {
  return withInteger(i.type, [&](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    if (i.mode == Mode::hi)
      return ternary<MulAdd<MulHi>, T, T>;
    if (i.mode == Mode::wide) {
      if constexpr (sizeof(T) < 8)
        return ternary<MulAdd<MulWide>, typename Wider<T>::Type, T>;
      else
        return nullptr;
    }
    return ternary<MulAdd<MulLo>, T, T>;
  });
}

template <typename Op> LaneFunction selectMinMaxInt(const Instruction &i) {
  if (!i.relu)
    return binaryInteger<Op>(i.type);
  return i.type == Type::s32 ? binary<ReluInt<Op>, s32, s32> : nullptr;
}

inline LaneFunction selectMul24(const Instruction &i) {
  bool high = i.mode == Mode::hi, add = i.opcode == Opcode::mad24;
  auto pick = [&](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    if (add)
      return high ? ternary<MulAdd<Mul24<true>>, T, T>
                  : ternary<MulAdd<Mul24<false>>, T, T>;
    return high ? binary<Mul24<true>, T, T> : binary<Mul24<false>, T, T>;
  };
  return i.type == Type::s32 ? pick(Tag<s32>()) : pick(Tag<u32>());
}

template <typename A, typename B, typename C>
LaneFunction dotProduct(const Instruction &i) {
  if (i.opcode == Opcode::dp4a)
    return ternary<Dp4a<A, B>, C, u32>;
  using Wide = decltype([] {
    if constexpr (A(-1) < A(0))
      return s16();
    else
      return u16();
  }());
  return i.mode == Mode::hi ? ternary<Dp2a<Wide, B, true>, C, u32>
                            : ternary<Dp2a<Wide, B, false>, C, u32>;
}
inline LaneFunction selectDotProduct(const Instruction &i) {
  bool a = isSigned(i.type), b = isSigned(i.type2);
  if (a)
    return b ? dotProduct<s8, s8, s32>(i) : dotProduct<s8, u8, s32>(i);
  return b ? dotProduct<u8, s8, s32>(i) : dotProduct<u8, u8, u32>(i);
}

inline LaneFunction selectPrmt(Mode mode) {
  switch (mode) {
  case Mode::f4e:
    return ternary<Prmt<Mode::f4e>, u32, u32>;
  case Mode::b4e:
    return ternary<Prmt<Mode::b4e>, u32, u32>;
  case Mode::rc8:
    return ternary<Prmt<Mode::rc8>, u32, u32>;
  case Mode::ecl:
    return ternary<Prmt<Mode::ecl>, u32, u32>;
  case Mode::ecr:
    return ternary<Prmt<Mode::ecr>, u32, u32>;
  case Mode::rc16:
    return ternary<Prmt<Mode::rc16>, u32, u32>;
  default:
    return ternary<Prmt<Mode::none>, u32, u32>;
  }
}

inline LaneFunction selectFunnel(const Instruction &i) {
  bool wrap = i.mode2 == Mode::wrap;
  if (i.mode == Mode::left)
    return wrap ? ternary<Funnel<true, true>, u32, u32>
                : ternary<Funnel<true, false>, u32, u32>;
  return wrap ? ternary<Funnel<false, true>, u32, u32>
              : ternary<Funnel<false, false>, u32, u32>;
}

template <typename Op> LaneFunction selectShift(Type type) {
  return withInteger(type, [](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    return binary<Op, T, T, u32>;
  });
}

/// and, or, xor, not and mov, of predicates too.
template <typename Op> LaneFunction selectLogic(Type type) {
  return type == Type::pred ? predicates<Op> : binaryBits<Op>(type);
}

inline LaneFunction selectField(const Instruction &i) {
  return withInteger(i.type, [&](auto tag) -> LaneFunction {
    using T = typename decltype(tag)::Value;
    if constexpr (sizeof(T) < 4)
      return nullptr;
    else if (i.opcode == Opcode::bfe)
      return ternary<Bfe, T, T, u32, u32>;
    else
      return quaternary<Bfi, T, T, T, u32, u32>;
  });
}

inline LaneFunction selectBits(const Instruction &i) {
  switch (i.opcode) {
  case Opcode::bitAnd:
    return selectLogic<And>(i.type);
  case Opcode::bitOr:
    return selectLogic<Or>(i.type);
  case Opcode::bitXor:
    return selectLogic<Xor>(i.type);
  case Opcode::bitNot:
    if (i.type == Type::pred)
      return predicates<NotFirst>;
    return unaryInteger<Not>(i.type);
  case Opcode::cnot:
    return unaryInteger<Cnot>(i.type);
  case Opcode::lop3:
    return quaternary<Lop3, u32, u32, u32, u32, u32>;
  case Opcode::shf:
    return selectFunnel(i);
  case Opcode::shl:
    return selectShift<Shl>(i.type);
  case Opcode::shr:
    return selectShift<Shr>(i.type);
  case Opcode::prmt:
    return selectPrmt(i.mode);
  case Opcode::popc:
    return countBits<Popc>(i.type);
  case Opcode::clz:
    return countBits<Clz>(i.type);
  case Opcode::brev:
    return i.type == Type::b64 ? unary<Brev, u64, u64> : unary<Brev, u32, u32>;
  case Opcode::bfind:
    return i.mode == Mode::shiftamt ? countBits<Bfind<true>>(i.type)
                                    : countBits<Bfind<false>>(i.type);
  case Opcode::bfe:
  case Opcode::bfi:
    return selectField(i);
  case Opcode::bmsk:
    return i.mode == Mode::clamp ? binary<Bmsk<true>, u32, u32>
                                 : binary<Bmsk<false>, u32, u32>;
  default:
    return nullptr;
  }
}

inline LaneFunction selectInteger(const Instruction &i) {
  switch (i.opcode) {
  case Opcode::add:
    return i.carryOut ? selectCarry<false>(carryType(i.type), false, true)
                      : binaryInteger<Add>(i.type);
  case Opcode::addc:
    return selectCarry<false>(carryType(i.type), true, i.carryOut);
  case Opcode::sub:
    return i.carryOut ? selectCarry<true>(carryType(i.type), false, true)
                      : binaryInteger<Sub>(i.type);
  case Opcode::subc:
    return selectCarry<true>(carryType(i.type), true, i.carryOut);
  case Opcode::mul:
    return selectMul(i);
  case Opcode::mad:
    return i.carryOut ? selectCarryMad(i) : selectMad(i);
  case Opcode::madc:
    return selectCarryMad(i);
  case Opcode::mul24:
  case Opcode::mad24:
    return selectMul24(i);
  case Opcode::sad:
    return withInteger(i.type, [](auto tag) -> LaneFunction {
      using T = typename decltype(tag)::Value;
      return ternary<Sad, T, T>;
    });
  case Opcode::div:
    return binaryInteger<Div>(i.type);
  case Opcode::rem:
    return binaryInteger<Rem>(i.type);
  case Opcode::abs:
    return unaryInteger<AbsInt>(i.type);
  case Opcode::neg:
    return unaryInteger<NegInt>(i.type);
  case Opcode::min:
    return selectMinMaxInt<MinInt>(i);
  case Opcode::max:
    return selectMinMaxInt<MaxInt>(i);
  case Opcode::dp4a:
  case Opcode::dp2a:
    return selectDotProduct(i);
  default:
    return selectBits(i);
  }
}

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_SELECTINTEGERS_H
