//===- Numbers.h - Narrow floats and directed rounding ----------*- C++ -*-===//
//
// f16, bf16 and tf32 as PTX has them, and f32 and f64 operations rounded in
// every direction. Like Rows.h: internal linkage, no library templates.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_NUMBERS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_NUMBERS_H

#include "runtime/devices/emulator/lanes/Rows.h"

namespace quipu::emulator {
namespace {

struct Half {
  u16 bits;
};
struct Bfloat {
  u16 bits;
};

inline float toFloat(float x) { return x; }
inline double toFloat(double x) { return x; }

inline float toFloat(Half h) {
  // The exponent is rebased by a multiplication, which also makes subnormals
  // normal; infinities and NaNs get the largest exponent back.
  u32 magnitude = u32(h.bits & 0x7fff) << 13;
  float value = as<float>(magnitude) * as<float>(u32(254 - 15) << 23);
  u32 special = (h.bits & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u;
  return as<float>(as<u32>(value) | special | u32(h.bits & 0x8000) << 16);
}
inline float toFloat(Bfloat b) { return as<float>(u32(b.bits) << 16); }

/// To nearest even; NaN becomes the canonical 0x7fff, as on the hardware.
inline Half toHalf(float x) {
  u32 bits = as<u32>(x), sign = bits & 0x80000000u, magnitude = bits ^ sign;
  // Subnormal results: adding 0.5 aligns them, and rounds.
  u32 small = as<u32>(as<float>(magnitude) + 0.5f) - 0x3f000000u;
  u32 odd = magnitude >> 13 & 1;
  u32 normal = (magnitude + 0xc8000fffu + odd) >> 13;
  u32 result = magnitude < (113u << 23) ? small : normal;
  result = magnitude >= 0x477ff000u ? 0x7c00u : result; // from 65520 on
  result = magnitude > 0x7f800000u ? 0x7fffu : result;
  u32 signHalf = magnitude > 0x7f800000u ? 0 : sign >> 16;
  return {u16(result | signHalf)};
}

inline Bfloat toBfloat(float x) {
  u32 bits = as<u32>(x);
  u32 rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return {u16((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fff : rounded)};
}

template <typename T> T fromFloat(float x);
template <> inline float fromFloat<float>(float x) { return x; }
template <> inline Half fromFloat<Half>(float x) { return toHalf(x); }
template <> inline Bfloat fromFloat<Bfloat>(float x) { return toBfloat(x); }

/// A double as the f32 from which rounding to at most 16 bits of precision
/// gives what rounding the double itself would (round to odd).
inline float roundToOdd(double x) {
  float f = float(x);
  double error = x - double(f);
  u32 bits = as<u32>(f);
  if (error == 0 || (bits & 0x7f800000u) == 0x7f800000u || error != error)
    return f;
  if (!(bits & 1)) // inexact and even: the neighbour towards x is odd
    bits += ((error > 0) == !(bits >> 31)) ? 1 : -1;
  return as<float>(bits);
}

/// a * b + c as a double rounded to odd.
inline double fusedToOdd(double a, double b, double c) {
  double product = a * b; // exact for f16 and bf16 factors
  double sum = product + c;
  double other = sum - product;
  double error = (product - (sum - other)) + (c - other);
  u64 bits = as<u64>(sum);
  if (error == 0 || error != error ||
      (bits & 0x7ff0000000000000u) == 0x7ff0000000000000u)
    return sum;
  if (!(bits & 1))
    bits += ((error > 0) == !(bits >> 63)) ? 1 : -1;
  return as<double>(bits);
}

inline float flush(float x) {
  u32 bits = as<u32>(x);
  return as<float>(bits & 0x7f800000u ? bits : bits & 0x80000000u);
}
template <bool Ftz, typename T> T flushIf(T x) {
  if constexpr (Ftz && IsSame<T, float>::value)
    return flush(x);
  else
    return x;
}
/// .sat: to [0, 1], NaN to 0.
template <bool Sat, typename T> T saturateIf(T x) {
  if constexpr (Sat)
    return x > T(0) ? (x < T(1) ? x : T(1)) : T(0);
  else
    return x;
}

template <typename T> struct BitsOf {
  using Type = u32;
};
template <> struct BitsOf<double> {
  using Type = u64;
};

/// The neighbour of a finite x below (or above) it.
template <typename T> T neighbour(T x, bool up) {
  using Bits = typename BitsOf<T>::Type;
  if (x == 0)
    return as<T>(Bits(Bits(!up) << (sizeof(T) * 8 - 1) | 1));
  return as<T>(Bits(as<Bits>(x) + ((x > 0) == up ? 1 : Bits(-1))));
}

/// `nearest`, moved to where the exact value nearest + error rounds to.
template <ptx::Rounding R, typename T> T direct(T nearest, T error) {
  if constexpr (R == ptx::Rounding::rz || R == ptx::Rounding::rm ||
                R == ptx::Rounding::rp) {
    if (error == 0 || error != error)
      return nearest;
    bool down = R == ptx::Rounding::rm ||
                (R == ptx::Rounding::rz && nearest + error > 0);
    if (nearest == 0)
      down = R == ptx::Rounding::rm || (R == ptx::Rounding::rz && error > 0);
    bool towardsZeroOfZero = R == ptx::Rounding::rz && nearest == 0;
    if (!towardsZeroOfZero && (error < 0) == down)
      return neighbour(nearest, !down);
  }
  return nearest;
}

inline float fusedMultiplyAdd(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
inline double fusedMultiplyAdd(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_NUMBERS_H
