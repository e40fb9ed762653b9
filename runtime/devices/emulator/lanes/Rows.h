//===- Rows.h - Loops over the lanes of registers ---------------*- C++ -*-===//
//
// Shapes that lane functions have. Included once by each level's source file,
// inside of its compile flags: everything here has internal linkage, and no
// library template is used, so that no code of a level leaks into another.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_ROWS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_ROWS_H

#include "runtime/devices/emulator/lanes/Lanes.h"

#include <cstdint>
#include <cstring>

// A row is read and written at the same lane only, so d == a is no hazard.
#if defined(__clang__)
#define QUIPU_LANE_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define QUIPU_LANE_LOOP _Pragma("GCC ivdep")
#endif

namespace quipu::emulator {
namespace {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s8 = int8_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;

/// Bits of T as U.
template <typename U, typename T> U as(T value) {
  static_assert(sizeof(U) == sizeof(T));
  U result;
  __builtin_memcpy(&result, &value, sizeof(U));
  return result;
}

template <typename T, typename U> struct IsSame {
  static constexpr bool value = false;
};
template <typename T> struct IsSame<T, T> {
  static constexpr bool value = true;
};
template <typename T>
inline constexpr bool isFloating =
    IsSame<T, float>::value || IsSame<T, double>::value;

/// Op::of(A) -> D, and so on for more sources.
template <typename Op, typename D, typename A>
void unary(void *d, const void *a, const void *, const void *, void *) {
  auto *to = static_cast<D *>(d);
  auto *x = static_cast<const A *>(a);
  QUIPU_LANE_LOOP
  for (int l = 0; l < laneCount; ++l)
    to[l] = Op::of(x[l]);
}

template <typename Op, typename D, typename A, typename B = A>
void binary(void *d, const void *a, const void *b, const void *, void *) {
  auto *to = static_cast<D *>(d);
  auto *x = static_cast<const A *>(a);
  auto *y = static_cast<const B *>(b);
  QUIPU_LANE_LOOP
  for (int l = 0; l < laneCount; ++l)
    to[l] = Op::of(x[l], y[l]);
}

template <typename Op, typename D, typename A, typename B = A, typename C = D>
void ternary(void *d, const void *a, const void *b, const void *c, void *) {
  auto *to = static_cast<D *>(d);
  auto *x = static_cast<const A *>(a);
  auto *y = static_cast<const B *>(b);
  auto *z = static_cast<const C *>(c);
  QUIPU_LANE_LOOP
  for (int l = 0; l < laneCount; ++l)
    to[l] = Op::of(x[l], y[l], z[l]);
}

template <typename Op, typename D, typename A, typename B, typename C,
          typename E>
void quaternary(void *d, const void *a, const void *b, const void *c, void *e) {
  auto *to = static_cast<D *>(d);
  auto *x = static_cast<const A *>(a);
  auto *y = static_cast<const B *>(b);
  auto *z = static_cast<const C *>(c);
  auto *w = static_cast<const E *>(e);
  QUIPU_LANE_LOOP
  for (int l = 0; l < laneCount; ++l)
    to[l] = Op::of(x[l], y[l], z[l], w[l]);
}

/// Truth of 32 lanes as one bit each.
inline u32 packMask(const u8 *truth) {
#if defined(__clang__)
  typedef u8 Bytes __attribute__((ext_vector_type(32)));
  typedef bool Bits __attribute__((ext_vector_type(32)));
  Bytes bytes;
  __builtin_memcpy(&bytes, truth, sizeof bytes);
  Bits bits = __builtin_convertvector(bytes, Bits);
  u32 mask;
  __builtin_memcpy(&mask, &bits, sizeof mask);
  return mask;
#else
  u32 mask = 0;
  for (int l = 0; l < laneCount; ++l)
    mask |= u32(truth[l]) << l;
  return mask;
#endif
}

template <typename Op, typename A>
void compare(void *d, const void *a, const void *b, const void *, void *) {
  auto *x = static_cast<const A *>(a);
  auto *y = static_cast<const A *>(b);
  u8 truth[laneCount];
  QUIPU_LANE_LOOP
  for (int l = 0; l < laneCount; ++l)
    truth[l] = Op::of(x[l], y[l]);
  *static_cast<u32 *>(d) = packMask(truth);
}

/// A mask as a row of 0 and ~0.
template <typename T> void expandMask(T *row, u32 mask) {
  for (int l = 0; l < laneCount; ++l)
    row[l] = T(0) - T(mask >> l & 1);
}

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_ROWS_H
