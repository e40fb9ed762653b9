//===- Convert.h - cvt and comparisons over lanes ---------------*- C++ -*-===//
//
// Conversions clamp and treat NaN as the PTX manual's section on cvt says.
// 8-bit values live in 16-bit rows. Internal linkage: see Rows.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_CONVERT_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_CONVERT_H

#include "runtime/devices/emulator/lanes/Floats.h"

namespace quipu::emulator {
namespace {

/// A value type of PTX and the element of the row that holds it.
template <typename T> struct Held {
  using Row = T;
};
template <> struct Held<u8> {
  using Row = u16;
};
template <> struct Held<s8> {
  using Row = s16;
};

template <typename T> inline constexpr bool isSignedInt = T(-1) < T(0);
template <typename T> constexpr T greatest() {
  return isSignedInt<T> ? T((u64(1) << (sizeof(T) * 8 - 1)) - 1) : T(~u64(0));
}
template <typename T> constexpr T least() {
  return isSignedInt<T> ? T(u64(1) << (sizeof(T) * 8 - 1)) : T(0);
}

template <typename To, typename From, bool Sat> struct IntToInt {
  template <typename R> static typename Held<To>::Row of(R row) {
    From x = From(row);
    if constexpr (Sat) {
      if constexpr (isSignedInt<From>) {
        if (x < 0 && (!isSignedInt<To> || s64(x) < s64(least<To>())))
          return least<To>();
        if (x > 0 && u64(x) > u64(greatest<To>()))
          return greatest<To>();
      } else if (u64(x) > u64(greatest<To>())) {
        return greatest<To>();
      }
    }
    return To(x);
  }
};

template <Rounding R> struct ToIntegral {
  static double of(double x) {
    switch (R) {
    case Rounding::rni:
      return __builtin_rint(x);
    case Rounding::rmi:
      return __builtin_floor(x);
    case Rounding::rpi:
      return __builtin_ceil(x);
    default:
      return __builtin_trunc(x);
    }
  }
  static float of(float x) { return float(of(double(x))); }
};

template <typename To, Rounding R, bool Ftz> struct FloatToInt {
  template <typename T> static typename Held<To>::Row of(T value) {
    double x = ToIntegral<R>::of(double(flushIf<Ftz>(toFloat(value))));
    constexpr double low = double(least<To>());
    // 2^n, one above the greatest, is exact where the greatest may not be.
    constexpr double high = double(greatest<To>() / 2 + 1) * 2.0;
    if (x != x) // the top bit, if either has 64
      return sizeof(T) == 8 || sizeof(To) == 8
                 ? To(u64(1) << (8 * sizeof(To) - 1))
                 : To(0);
    if (x < low)
      return least<To>();
    return x >= high ? greatest<To>() : To(x);
  }
};

template <typename To, typename From> struct IntToFloat {
  template <typename R> static To of(R row) {
    From x = From(row);
    if constexpr (isFloating<To>)
      return To(x);
    else if constexpr (sizeof(From) < 8)
      return fromFloat<To>(roundToOdd(double(x)));
    else
      return fromFloat<To>(roundToOdd(wide(x)));
  }
  /// 64 bits as a double, rounded to odd.
  static double wide(From x) {
    bool negative = isSignedInt<From> && x < 0;
    u64 size = negative ? 0 - u64(x) : u64(x);
    if (size >> 53) // keeps a bit for all below
      size = size >> 11 << 11 | u64((size & 0x7ff) != 0) << 11;
    return negative ? -double(size) : double(size);
  }
};
/// 32-bit integers to f32, rounded in a direction.
template <Rounding R, typename From> struct IntToFloatDirected {
  template <typename Row> static float of(Row row) {
    double exact = double(From(row));
    return direct<R>(float(exact), float(exact - double(float(exact))));
  }
};

/// Between float types, and to integral values of the same type.
template <typename To, Rounding R, bool Ftz, bool Sat, bool Relu>
struct FloatToFloat {
  static To finish(float x) {
    x = saturateIf<Sat>(flushIf<Ftz>(x));
    if (Relu && x < 0)
      x = 0.0f;
    if constexpr (R == Rounding::rz && !IsSame<To, float>::value)
      return truncated(x);
    else
      return fromFloat<To>(x);
  }
  static To truncated(float x) {
    To nearest = fromFloat<To>(x);
    float back = toFloat(nearest);
    bool above = FAbs::of(back) > FAbs::of(x);
    return {u16(above ? nearest.bits - 1 : nearest.bits)};
  }
  static To of(float x) {
    x = flushIf<Ftz>(x);
    if constexpr (IsSame<To, double>::value)
      return saturateIf<Sat>(double(x));
    else if constexpr (R >= Rounding::rni)
      return finish(ToIntegral<R>::of(x));
    else
      return finish(x);
  }
  static To of(double x) {
    if constexpr (IsSame<To, double>::value)
      return saturateIf<Sat>(R >= Rounding::rni ? ToIntegral<R>::of(x) : x);
    else if constexpr (IsSame<To, float>::value)
      return finish(direct<R>(
          float(x), float((x > double(float(x))) - (x < double(float(x))))));
    else
      return finish(roundToOdd(x));
  }
  static To of(Half x) { return of(toFloat(x)); }
  static To of(Bfloat x) { return of(toFloat(x)); }
};

/// Two f32 into one register: `a` to the upper half.
template <typename To, Rounding R, bool Relu> struct FloatsToPair {
  static Pair<To> of(float a, float b) {
    using One = FloatToFloat<To, R, false, false, Relu>;
    return {One::of(b), One::of(a)};
  }
};
/// To nearest, ties away, 10 bits of mantissa.
struct ToTf32 {
  static u32 of(float x) {
    u32 bits = as<u32>(x);
    bool special = (bits & 0x7f800000u) == 0x7f800000u;
    return special ? bits : (bits + 0x1000) & ~u32(0x1fff);
  }
};

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

template <ptx::Compare C, bool Ftz = false> struct Test {
  template <typename T> static bool of(T x, T y) {
    using ptx::Compare;
    auto a = flushIf<Ftz>(number(x)), b = flushIf<Ftz>(number(y));
    bool unordered = a != a || b != b;
    switch (C) {
    case Compare::eq:
      return a == b;
    case Compare::ne:
      return !unordered && a != b;
    case Compare::lt:
    case Compare::lo:
      return a < b;
    case Compare::le:
    case Compare::ls:
      return a <= b;
    case Compare::gt:
    case Compare::hi:
      return a > b;
    case Compare::ge:
    case Compare::hs:
      return a >= b;
    case Compare::equ:
      return unordered || a == b;
    case Compare::neu:
      return a != b;
    case Compare::ltu:
      return !(a >= b);
    case Compare::leu:
      return !(a > b);
    case Compare::gtu:
      return !(a <= b);
    case Compare::geu:
      return !(a < b);
    case Compare::num:
      return !unordered;
    default:
      return unordered;
    }
  }
  template <typename T> static T number(T x) { return x; }
  static float number(Half x) { return toFloat(x); }
  static float number(Bfloat x) { return toFloat(x); }
};

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_CONVERT_H
