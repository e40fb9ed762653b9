//===- Integers.h - Integer and bit instructions over lanes -----*- C++ -*-===//
//
// Semantics are those of the PTX manual's sections on integer arithmetic, on
// extended precision, and on logic and shifts. Internal linkage: see Rows.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_INTEGERS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_INTEGERS_H

#include "runtime/devices/emulator/lanes/Rows.h"

namespace quipu::emulator {
namespace {

template <typename T> struct Wider;
template <> struct Wider<u16> {
  using Type = u32;
};
template <> struct Wider<s16> {
  using Type = s32;
};
template <> struct Wider<u32> {
  using Type = u64;
};
template <> struct Wider<s32> {
  using Type = s64;
};
template <> struct Wider<u64> {
  using Type = unsigned __int128;
};
template <> struct Wider<s64> {
  using Type = __int128;
};

template <typename T> inline constexpr int bitCount = int(sizeof(T) * 8);

struct Add {
  template <typename T> static T of(T a, T b) { return T(a + b); }
};
struct Sub {
  template <typename T> static T of(T a, T b) { return T(a - b); }
};
struct MulLo {
  // Through u32 for u16, whose product would overflow an int.
  static u16 of(u16 a, u16 b) { return u16(u32(a) * b); }
  template <typename T> static T of(T a, T b) { return T(a * b); }
};
struct MulHi {
  template <typename T> static T of(T a, T b) {
    using W = typename Wider<T>::Type;
    return T((W(a) * W(b)) >> bitCount<T>);
  }
};
struct MulWide {
  template <typename T> static typename Wider<T>::Type of(T a, T b) {
    using W = typename Wider<T>::Type;
    return W(a) * W(b);
  }
};
template <typename Mul> struct MulAdd {
  template <typename T, typename C> static C of(T a, T b, C c) {
    return C(u64(Mul::of(a, b)) + u64(c));
  }
};
/// The low 24 bits of both; the product's low or high 32 of 48 bits.
template <bool High> struct Mul24 {
  static u32 of(u32 a, u32 b) {
    u64 product = u64(a & 0xffffff) * (b & 0xffffff);
    return u32(product >> (High ? 16 : 0));
  }
  static s32 of(s32 a, s32 b) {
    s64 product = s64(s32(u32(a) << 8) >> 8) * (s32(u32(b) << 8) >> 8);
    return s32(product >> (High ? 16 : 0));
  }
};
struct Sad {
  template <typename T> static T of(T a, T b, T c) {
    return T(u64(c) + (a < b ? u64(b) - u64(a) : u64(a) - u64(b)));
  }
};
/// Division by zero gives all ones, as on the hardware.
struct Div {
  template <typename T> static T of(T a, T b) {
    if (b == 0)
      return T(-1);
    if (T(-1) < T(0) && b == T(-1))
      return T(0 - u64(a));
    return T(a / b);
  }
};
struct Rem {
  template <typename T> static T of(T a, T b) {
    if (b == 0)
      return a;
    if (T(-1) < T(0) && b == T(-1))
      return 0;
    return T(a % b);
  }
};
struct AbsInt {
  template <typename T> static T of(T a) { return a < 0 ? T(0 - u64(a)) : a; }
};
struct NegInt {
  template <typename T> static T of(T a) { return T(0 - u64(a)); }
};
struct MinInt {
  template <typename T> static T of(T a, T b) { return a < b ? a : b; }
};
struct MaxInt {
  template <typename T> static T of(T a, T b) { return a > b ? a : b; }
};
template <typename Op> struct ReluInt {
  template <typename T> static T of(T a, T b) {
    T r = Op::of(a, b);
    return r < 0 ? T(0) : r;
  }
};

struct And {
  template <typename T> static T of(T a, T b) { return a & b; }
};
struct Or {
  template <typename T> static T of(T a, T b) { return a | b; }
};
struct Xor {
  template <typename T> static T of(T a, T b) { return a ^ b; }
};
struct Not {
  template <typename T> static T of(T a) { return T(~a); }
};
struct Cnot {
  template <typename T> static T of(T a) { return a == 0; }
};
struct Copy {
  template <typename T> static T of(T a) { return a; }
};
struct Lop3 {
  static u32 of(u32 a, u32 b, u32 c, u32 table) {
    u32 r = 0;
    for (u32 i = 0; i < 8; ++i) {
      u32 term = (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
      r |= (0 - (table >> i & 1)) & term;
    }
    return r;
  }
};

/// Shifts clamp: an amount of the width or more empties the value.
struct Shl {
  template <typename T> static T of(T a, u32 n) {
    return n >= bitCount<T> ? T(0) : T(a << n);
  }
};
struct Shr {
  template <typename T> static T of(T a, u32 n) {
    if (T(-1) < T(0))
      return T(a >> (n >= bitCount<T> ? bitCount<T> - 1 : n));
    return n >= bitCount<T> ? T(0) : T(a >> n);
  }
};
template <bool Left, bool Wrap> struct Funnel {
  static u32 of(u32 a, u32 b, u32 c) {
    u32 n = Wrap ? c & 31 : (c < 32 ? c : 32);
    u64 both = u64(b) << 32 | a;
    return Left ? u32((both << n) >> 32) : u32(both >> n);
  }
};

struct Popc {
  template <typename T> static u32 of(T a) {
    return u32(__builtin_popcountll(a));
  }
};
struct Clz {
  template <typename T> static u32 of(T a) {
    return a ? u32(__builtin_clzll(a) - (64 - bitCount<T>)) : bitCount<T>;
  }
};
struct Brev {
  template <typename T> static T of(T a) {
    T r = 0;
    for (int i = 0; i < bitCount<T>; ++i)
      r |= T(a >> i & 1) << (bitCount<T> - 1 - i);
    return r;
  }
};
template <bool ShiftAmount> struct Bfind {
  template <typename T> static u32 of(T a) {
    if (T(-1) < T(0) && a < 0)
      a = T(~a);
    if (a == 0)
      return u32(-1);
    u32 at = 63 - u32(__builtin_clzll(u64(a)));
    return ShiftAmount ? bitCount<T> - 1 - at : at;
  }
};
struct Bfe {
  template <typename T> static T of(T a, u32 b, u32 c) {
    constexpr u32 width = bitCount<T>;
    u32 pos = b & 0xff, len = c & 0xff;
    constexpr bool isSigned = T(-1) < T(0);
    u32 last = pos + len > width ? width - 1 : pos + len - 1;
    u64 sign = isSigned && len ? u64(a) >> (last & 63) & 1 : 0;
    u64 bits = pos < width ? (u64(a) & (~u64(0) >> (64 - width))) >> pos : 0;
    u32 taken = pos >= width ? 0 : (len < width - pos ? len : width - pos);
    u64 keep = taken >= 64 ? ~u64(0) : (u64(1) << taken) - 1;
    return T((bits & keep) | (sign ? ~keep : 0));
  }
};
struct Bfi {
  template <typename T> static T of(T a, T b, u32 c, u32 d) {
    u32 pos = c & 0xff, len = d & 0xff;
    if (pos >= bitCount<T>)
      return b;
    T keep = len >= bitCount<T> ? T(-1) : T((T(1) << len) - 1);
    keep = T(keep << pos);
    return T((b & ~keep) | (T(a << pos) & keep));
  }
};
template <bool Clamp> struct Bmsk {
  static u32 of(u32 a, u32 b) {
    u32 pos = Clamp ? (a < 32 ? a : 32) : a & 31;
    u32 len = Clamp ? (b < 32 ? b : 32) : b & 31;
    u64 ones = ((u64(1) << len) - 1) << pos;
    return u32(ones);
  }
};

template <ptx::Mode M> struct Prmt {
  static u32 of(u32 a, u32 b, u32 c) {
    u64 bytes = u64(b) << 32 | a;
    u32 r = 0;
    for (u32 i = 0; i < 4; ++i) {
      u32 pick = select(c, i);
      u32 byte = u32(bytes >> (8 * (pick & 7))) & 0xff;
      if (M == ptx::Mode::none && (pick & 8))
        byte = byte & 0x80 ? 0xff : 0;
      r |= byte << (8 * i);
    }
    return r;
  }
  static u32 select(u32 c, u32 i) {
    u32 s = c & 3;
    switch (M) {
    case ptx::Mode::f4e:
      return s + i;
    case ptx::Mode::b4e:
      return (s - i) & 7;
    case ptx::Mode::rc8:
      return s;
    case ptx::Mode::ecl:
      return i > s ? i : s;
    case ptx::Mode::ecr:
      return i < s ? i : s;
    case ptx::Mode::rc16:
      return (s & 1) * 2 + (i & 1);
    default:
      return c >> (4 * i) & 15;
    }
  }
};

/// Sum of the products of four bytes.
template <typename A, typename B> struct Dp4a {
  template <typename C> static C of(u32 a, u32 b, C c) {
    for (int i = 0; i < 4; ++i)
      c += C(s32(A(a >> (8 * i))) * s32(B(b >> (8 * i))));
    return c;
  }
};
template <typename A, typename B, bool High> struct Dp2a {
  template <typename C> static C of(u32 a, u32 b, C c) {
    for (int i = 0; i < 2; ++i)
      c += C(s32(A(a >> (16 * i))) * s32(B(b >> (8 * i + 16 * High))));
    return c;
  }
};

/// d = a +- b +- carry in, with the carry flags in the u32 at e.
template <typename T, bool Subtract, bool In, bool Out>
void carrying(void *d, const void *a, const void *b, const void *, void *e) {
  auto *to = static_cast<T *>(d);
  auto *x = static_cast<const T *>(a);
  auto *y = static_cast<const T *>(b);
  u32 flags = *static_cast<u32 *>(e), next = 0;
  for (int l = 0; l < laneCount; ++l) {
    T in = In ? flags >> l & 1 : 0, r = 0, half = 0;
    bool out;
    if (Subtract) {
      out = __builtin_sub_overflow(x[l], y[l], &half);
      out |= __builtin_sub_overflow(half, in, &r);
    } else {
      out = __builtin_add_overflow(x[l], y[l], &half);
      out |= __builtin_add_overflow(half, in, &r);
    }
    to[l] = r;
    next |= u32(out) << l;
  }
  if (Out)
    *static_cast<u32 *>(e) = next;
}

/// d = low or high part of a * b, + c, + carry in.
template <typename T, typename U, bool High, bool In, bool Out>
void carryingMulAdd(void *d, const void *a, const void *b, const void *c,
                    void *e) {
  auto *x = static_cast<const T *>(a);
  auto *y = static_cast<const T *>(b);
  U product[laneCount];
  for (int l = 0; l < laneCount; ++l)
    product[l] = U(High ? MulHi::of(x[l], y[l]) : MulLo::of(x[l], y[l]));
  carrying<U, false, In, Out>(d, product, c, nullptr, e);
}

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_INTEGERS_H
