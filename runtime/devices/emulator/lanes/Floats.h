//===- Floats.h - Floating-point instructions over lanes --------*- C++ -*-===//
//
// Exact where PTX says so (add, mul, fma, div.rn, sqrt.rn); the approximate
// ones are better than hardware's. Internal linkage: see Rows.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_FLOATS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_FLOATS_H

#include "runtime/devices/emulator/lanes/Numbers.h"

namespace quipu::emulator {
namespace {

using ptx::Rounding;

/// a + b - (the rounded sum): exact, but where the sum overflows.
template <typename T> T sumError(T a, T b, T sum) {
  T other = sum - a;
  return (a - (sum - other)) + (b - other);
}

template <Rounding R> struct FAdd {
  template <typename T> static T of(T a, T b) {
    T sum = a + b;
    return direct<R>(sum, sumError(a, b, sum));
  }
};
template <Rounding R> struct FSub {
  template <typename T> static T of(T a, T b) { return FAdd<R>::of(a, -b); }
};
template <Rounding R> struct FMul {
  template <typename T> static T of(T a, T b) {
    T product = a * b;
    if constexpr (R == Rounding::rn)
      return product;
    else
      return direct<R>(product, fusedMultiplyAdd(a, b, -product));
  }
};
template <Rounding R> struct FFma {
  static float of(float a, float b, float c) {
    if constexpr (R == Rounding::rn)
      return fusedMultiplyAdd(a, b, c);
    double product = double(a) * double(b), sum = product + double(c);
    float nearest = float(sum);
    double error = (sum - double(nearest)) + sumError(product, double(c), sum);
    return direct<R>(nearest, float(error > 0) - float(error < 0));
  }
  static double of(double a, double b, double c) {
    return fusedMultiplyAdd(a, b, c);
  }
};
template <Rounding R> struct FDiv {
  template <typename T> static T of(T a, T b) {
    T q = a / b;
    if constexpr (R == Rounding::rn)
      return q;
    else
      return direct<R>(q, fusedMultiplyAdd(-q, b, a) / b);
  }
};
template <Rounding R> struct FSqrt {
  static float root(float a) { return __builtin_sqrtf(a); }
  static double root(double a) { return __builtin_sqrt(a); }
  template <typename T> static T of(T a) {
    T r = root(a);
    if constexpr (R == Rounding::rn)
      return r;
    else
      return direct<R>(r, fusedMultiplyAdd(-r, r, a));
  }
};
template <Rounding R> struct FRcp {
  template <typename T> static T of(T a) { return FDiv<R>::of(T(1), a); }
};

struct FAbs {
  template <typename T> static T of(T a) {
    using Bits = typename BitsOf<T>::Type;
    return as<T>(Bits(as<Bits>(a) << 1 >> 1));
  }
};
struct FNeg {
  template <typename T> static T of(T a) { return -a; }
};
/// Of two numbers; a NaN loses to a number unless `Nan`. -0 is below +0.
template <bool Max, bool Nan, bool Relu = false> struct FMinMax {
  template <typename T> static T of(T a, T b) {
    using Bits = typename BitsOf<T>::Type;
    T canonical = as<T>(Bits(~Bits(0) >> 1));
    T r = Max ? (a > b ? a : b) : (a < b ? a : b);
    Bits zero = Max ? as<Bits>(a) & as<Bits>(b) : as<Bits>(a) | as<Bits>(b);
    r = a == b && a == 0 ? as<T>(zero) : r;
    r = b != b ? (Nan ? canonical : a) : r;
    r = a != a ? (Nan ? canonical : b) : r;
    r = a != a && b != b ? canonical : r;
    return Relu ? (r < 0 ? T(0) : r) : r;
  }
};
struct Copysign {
  template <typename T> static T of(T a, T b) { // sign of a, size of b
    using Bits = typename BitsOf<T>::Type;
    constexpr Bits sign = Bits(1) << (sizeof(T) * 8 - 1);
    return as<T>(Bits((as<Bits>(a) & sign) | (as<Bits>(b) & ~sign)));
  }
};

/// 2^x in double precision (relative error below 1e-9), rounded once.
struct Ex2 {
  static float of(float value) {
    double x = value < -200.0f ? -200.0 : value > 200.0f ? 200.0 : value;
    constexpr double shift = 6755399441055744.0; // 1.5 * 2^52: rounds to an int
    double shifted = x + shift;
    double f = (x - (shifted - shift)) * 0.69314718055994530942;
    double p = 1.0 / 3628800;
    p = p * f + 1.0 / 362880;
    p = p * f + 1.0 / 40320;
    p = p * f + 1.0 / 5040;
    p = p * f + 1.0 / 720;
    p = p * f + 1.0 / 120;
    p = p * f + 1.0 / 24;
    p = p * f + 1.0 / 6;
    p = p * f + 0.5;
    p = p * f + 1.0;
    p = p * f + 1.0;
    return float(p * as<double>((as<u64>(shifted) + 1023) << 52));
  }
};
struct Lg2 {
  static float of(float x) { return __builtin_log2f(x); }
};
struct Sin {
  static float of(float x) { return __builtin_sinf(x); }
};
struct Cos {
  static float of(float x) { return __builtin_cosf(x); }
};
struct Tanh {
  static float of(float x) { return __builtin_tanhf(x); }
};
struct Rsqrt {
  static float of(float x) { return float(1.0 / __builtin_sqrt(double(x))); }
  static double of(double x) { return 1.0 / __builtin_sqrt(x); }
};

/// An f32 or f64 operation with flushes around and saturation behind it.
template <typename Op, bool Ftz, bool Sat> struct Full {
  template <typename T> static T of(T a) {
    return saturateIf<Sat>(flushIf<Ftz>(T(Op::of(flushIf<Ftz>(a)))));
  }
  template <typename T> static T of(T a, T b) {
    return saturateIf<Sat>(
        flushIf<Ftz>(T(Op::of(flushIf<Ftz>(a), flushIf<Ftz>(b)))));
  }
  template <typename T> static T of(T a, T b, T c) {
    return saturateIf<Sat>(flushIf<Ftz>(
        T(Op::of(flushIf<Ftz>(a), flushIf<Ftz>(b), flushIf<Ftz>(c)))));
  }
};

/// An operation on narrow floats through f32, whose 24 bits make the second
/// rounding harmless for one addition or multiplication of 11-bit numbers.
template <typename Op, bool Sat = false> struct Narrow {
  template <typename T> static T of(T a) {
    return fromFloat<T>(saturateIf<Sat>(float(Op::of(toFloat(a)))));
  }
  template <typename T> static T of(T a, T b) {
    return fromFloat<T>(saturateIf<Sat>(float(Op::of(toFloat(a), toFloat(b)))));
  }
};
template <bool Sat, bool Relu> struct NarrowFma {
  template <typename T> static T of(T a, T b, T c) {
    float r = roundToOdd(fusedToOdd(toFloat(a), toFloat(b), toFloat(c)));
    r = saturateIf<Sat>(r);
    return fromFloat<T>(Relu && r < 0 ? 0.0f : r);
  }
};
/// Sign operations leave the bits of NaNs alone.
struct NarrowAbs {
  template <typename T> static T of(T a) { return {u16(a.bits & 0x7fff)}; }
};
struct NarrowNeg {
  template <typename T> static T of(T a) { return {u16(a.bits ^ 0x8000)}; }
};

template <typename T> struct Pair {
  T low, high;
};
/// An operation on both halves of a register.
template <typename Op> struct Both {
  template <typename T> static Pair<T> of(Pair<T> a) {
    return {Op::of(a.low), Op::of(a.high)};
  }
  template <typename T> static Pair<T> of(Pair<T> a, Pair<T> b) {
    return {Op::of(a.low, b.low), Op::of(a.high, b.high)};
  }
  template <typename T> static Pair<T> of(Pair<T> a, Pair<T> b, Pair<T> c) {
    return {Op::of(a.low, b.low, c.low), Op::of(a.high, b.high, c.high)};
  }
};

template <ptx::Mode M> struct Testp {
  template <typename T> static bool of(T a) {
    using Bits = typename BitsOf<T>::Type;
    constexpr Bits exponent =
        sizeof(T) == 8 ? Bits(0x7ffull << 52) : Bits(0x7f800000u);
    Bits size = as<Bits>(a) << 1 >> 1;
    switch (M) {
    case ptx::Mode::finite:
      return size < exponent;
    case ptx::Mode::infinite:
      return size == exponent;
    case ptx::Mode::number:
      return size <= exponent;
    case ptx::Mode::notanumber:
      return size > exponent;
    case ptx::Mode::normal:
      return (size & exponent) != 0 && size < exponent;
    default:
      return size != 0 && (size & exponent) == 0;
    }
  }
  template <typename T> static bool of(T a, T) { return of(a); }
};

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_FLOATS_H
