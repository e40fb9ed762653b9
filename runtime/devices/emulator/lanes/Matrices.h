//===- Matrices.h - mma fragments over lanes --------------------*- C++ -*-===//
//
// The warp-wide multiply-add m16n8kK. Lane 4g + t holds of A the rows g and
// g + 8, of B the column g, of D the rows g and g + 8 at columns 2t and 2t + 1
// (PTX manual, "matrix fragments for mma"). Internal linkage: see Rows.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_MATRICES_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_MATRICES_H

#include "runtime/devices/emulator/lanes/Numbers.h"

namespace quipu::emulator {
namespace {

/// tf32 as it enters a product: the low 13 bits are not looked at.
struct Tf32 {
  u32 bits;
};
inline float toFloat(Tf32 x) { return as<float>(x.bits & ~u32(0x1fff)); }

template <typename Sum, typename T> Sum toSum(T x) {
  if constexpr (IsSame<Sum, float>::value)
    return toFloat(x);
  else
    return x;
}

/// One register of a fragment: in memory its 32 lanes are 8 runs of 4E
/// elements, run g being a piece of row (or column) g.
template <typename Sum, typename T> void widen(Sum *wide, const uint32_t *row) {
  constexpr int count = laneCount * 4 / sizeof(T);
  T elements[count];
  memcpy(elements, row, sizeof elements);
  for (int i = 0; i < count; ++i)
    wide[i] = toSum<Sum>(elements[i]);
}

/// A and B in `ARegisters` and ARegisters / 2 registers of elements T, U.
template <typename Sum, typename T, typename U, int ARegisters>
struct Multiply {
  static constexpr int run = 16 / sizeof(T);         // 4E
  static constexpr int depth = run * ARegisters / 2; // K
  Sum a[16][depth], b[depth][8];

  Multiply(const uint32_t *const *aRows, const uint32_t *const *bRows) {
    Sum wide[8 * run];
    for (int r = 0; r < ARegisters; ++r) {
      widen<Sum, T>(wide, aRows[r]);
      for (int g = 0; g < 8; ++g)
        memcpy(&a[g + 8 * (r & 1)][(r >> 1) * run], &wide[g * run],
               run * sizeof(Sum));
    }
    for (int r = 0; r < ARegisters / 2; ++r) {
      widen<Sum, U>(wide, bRows[r]);
      for (int k = 0; k < run; ++k)
        for (int n = 0; n < 8; ++n)
          b[r * run + k][n] = wide[n * run + k];
    }
  }

  void add(Sum (*d)[8]) const {
    for (int m = 0; m < 16; ++m) {
      Sum sum[8];
      memcpy(sum, d[m], sizeof sum);
      for (int k = 0; k < depth; ++k)
        for (int n = 0; n < 8; ++n)
          sum[n] = Sum(sum[n] + a[m][k] * b[k][n]);
      memcpy(d[m], sum, sizeof sum);
    }
  }
};

/// With accumulators of 32 bits, four registers each.
template <typename Sum, typename T, typename U, int ARegisters>
void multiplyAdd(uint32_t *const *d, const uint32_t *const *a,
                 const uint32_t *const *b, const uint32_t *const *c) {
  Multiply<Sum, T, U, ARegisters> factors(a, b);
  Sum sums[16][8];
  for (int r = 0; r < 4; ++r)
    for (int l = 0; l < laneCount; ++l)
      sums[l / 4 + 8 * (r >> 1)][l % 4 * 2 + (r & 1)] = as<Sum>(c[r][l]);
  factors.add(sums);
  for (int r = 0; r < 4; ++r)
    for (int l = 0; l < laneCount; ++l)
      d[r][l] = as<u32>(sums[l / 4 + 8 * (r >> 1)][l % 4 * 2 + (r & 1)]);
}

/// With f16 accumulators, two registers of two; rounded once, at the end.
template <typename T, int ARegisters>
void multiplyAddHalf(uint32_t *const *d, const uint32_t *const *a,
                     const uint32_t *const *b, const uint32_t *const *c) {
  Multiply<float, T, T, ARegisters> factors(a, b);
  float sums[16][8];
  for (int r = 0; r < 2; ++r)
    for (int l = 0; l < laneCount; ++l)
      for (int i = 0; i < 2; ++i)
        sums[l / 4 + 8 * r][l % 4 * 2 + i] =
            toFloat(Half{u16(c[r][l] >> (16 * i))});
  factors.add(sums);
  for (int r = 0; r < 2; ++r)
    for (int l = 0; l < laneCount; ++l)
      d[r][l] = toHalf(sums[l / 4 + 8 * r][l % 4 * 2]).bits |
                u32(toHalf(sums[l / 4 + 8 * r][l % 4 * 2 + 1]).bits) << 16;
}

template <typename T, typename U>
MatrixFunction integerMatrix(ptx::Shape shape) {
  if (shape == ptx::Shape::m16n8k32)
    return multiplyAdd<s32, T, U, 4>;
  if (shape == ptx::Shape::m16n8k16)
    return multiplyAdd<s32, T, U, 2>;
  return nullptr;
}

template <typename T> MatrixFunction floatMatrix(ptx::Shape shape, bool half) {
  if (shape == ptx::Shape::m16n8k16)
    return half ? multiplyAddHalf<T, 4> : multiplyAdd<float, T, T, 4>;
  if (shape == ptx::Shape::m16n8k8)
    return half ? multiplyAddHalf<T, 2> : multiplyAdd<float, T, T, 2>;
  return nullptr;
}

/// A wmma fragment of A or B as a 16 x 16 matrix: see ExecuteFragments.cpp.
template <typename T, bool IsColumn>
void readFragment(float (*to)[16], const uint32_t *const *rows) {
  constexpr int perLane = IsSame<T, Half>::value ? 16 : 8;
  for (int lane = 0; lane < 16 * 16 / perLane; ++lane)
    for (int n = 0; n < perLane; ++n) {
      float value = toFloat(T{u16(rows[n / 2][lane] >> (16 * (n & 1)))});
      int run = lane / (16 / perLane);
      int inRun = lane % (16 / perLane) * perLane + n;
      (IsColumn ? to[inRun][run] : to[run][inRun]) = value;
    }
}

/// wmma m16n16k16, with accumulators of f32 or f16: half a row in each lane.
template <typename T, bool AColumn, bool BColumn, bool HalfSums>
void multiplyFragments(uint32_t *const *d, const uint32_t *const *a,
                       const uint32_t *const *b, const uint32_t *const *c) {
  float left[16][16], right[16][16];
  readFragment<T, AColumn>(left, a);
  readFragment<T, BColumn>(right, b);
  for (int lane = 0; lane < laneCount; ++lane)
    for (int n = 0; n < 8; ++n) {
      int shift = HalfSums ? 16 * (n & 1) : 0;
      int place = HalfSums ? n / 2 : n;
      u32 old = c[place][lane] >> shift;
      float sum = HalfSums ? toFloat(Half{u16(old)}) : as<float>(old);
      for (int k = 0; k < 16; ++k)
        sum += left[lane / 2][k] * right[k][lane % 2 * 8 + n];
      u32 bits = HalfSums ? toHalf(sum).bits : as<u32>(sum);
      d[place][lane] = shift ? d[place][lane] | bits << shift : bits;
    }
}

template <typename T, bool HalfSums>
MatrixFunction fragmentProduct(const ptx::Instruction &i) {
  bool bColumn = i.mode2 == ptx::Mode::columnMajor;
  if (i.mode == ptx::Mode::columnMajor)
    return bColumn ? multiplyFragments<T, true, true, HalfSums>
                   : multiplyFragments<T, true, false, HalfSums>;
  return bColumn ? multiplyFragments<T, false, true, HalfSums>
                 : multiplyFragments<T, false, false, HalfSums>;
}

MatrixFunction selectMatrix(const ptx::Instruction &i) {
  using ptx::Type;
  if (i.opcode == ptx::Opcode::wmmaMma)
    return i.type2 == Type::bf16 ? fragmentProduct<Bfloat, false>(i)
           : i.type == Type::f16 ? fragmentProduct<Half, true>(i)
                                 : fragmentProduct<Half, false>(i);
  bool half = i.type == Type::f16 || i.type == Type::f16x2;
  if (i.sat)
    return nullptr;
  switch (i.type2) {
  case Type::f16:
  case Type::f16x2:
    return floatMatrix<Half>(i.shape, half);
  case Type::bf16:
  case Type::bf16x2:
    return half ? nullptr : floatMatrix<Bfloat>(i.shape, false);
  case Type::tf32:
    if (i.shape == ptx::Shape::m16n8k8)
      return multiplyAdd<float, Tf32, Tf32, 4>;
    return i.shape == ptx::Shape::m16n8k4 ? multiplyAdd<float, Tf32, Tf32, 2>
                                          : nullptr;
  case Type::s8:
    return i.type3 == Type::s8 ? integerMatrix<s8, s8>(i.shape)
                               : integerMatrix<s8, u8>(i.shape);
  case Type::u8:
    return i.type3 == Type::s8 ? integerMatrix<u8, s8>(i.shape)
                               : integerMatrix<u8, u8>(i.shape);
  default:
    return nullptr;
  }
}

//===----------------------------------------------------------------------===//
// Registers <-> memory
//===----------------------------------------------------------------------===//

template <typename T, unsigned N>
void spread(void *const *rows, const void *packed) {
  auto *from = static_cast<const T *>(packed);
  for (unsigned n = 0; n < N; ++n) {
    auto *to = static_cast<T *>(rows[n]);
    QUIPU_LANE_LOOP
    for (int l = 0; l < laneCount; ++l)
      to[l] = from[l * N + n];
  }
}
template <typename T, unsigned N>
void pack(void *packed, const void *const *rows) {
  auto *to = static_cast<T *>(packed);
  for (unsigned n = 0; n < N; ++n) {
    auto *from = static_cast<const T *>(rows[n]);
    QUIPU_LANE_LOOP
    for (int l = 0; l < laneCount; ++l)
      to[l * N + n] = from[l];
  }
}

template <typename T> SpreadFunction spreadOf(unsigned count) {
  switch (count) {
  case 1:
    return spread<T, 1>;
  case 2:
    return spread<T, 2>;
  case 4:
    return spread<T, 4>;
  case 8:
    return spread<T, 8>;
  default:
    return nullptr;
  }
}
template <typename T> PackFunction packOf(unsigned count) {
  switch (count) {
  case 1:
    return pack<T, 1>;
  case 2:
    return pack<T, 2>;
  case 4:
    return pack<T, 4>;
  case 8:
    return pack<T, 8>;
  default:
    return nullptr;
  }
}

SpreadFunction selectSpread(unsigned bytes, unsigned count) {
  switch (bytes) {
  case 1:
    return spreadOf<u8>(count);
  case 2:
    return spreadOf<u16>(count);
  case 4:
    return spreadOf<u32>(count);
  case 8:
    return spreadOf<u64>(count);
  default:
    return nullptr;
  }
}
PackFunction selectPack(unsigned bytes, unsigned count) {
  switch (bytes) {
  case 1:
    return packOf<u8>(count);
  case 2:
    return packOf<u16>(count);
  case 4:
    return packOf<u32>(count);
  case 8:
    return packOf<u64>(count);
  default:
    return nullptr;
  }
}

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_MATRICES_H
