//===- Quantize.cpp - Numbers as stored elements --------------------------===//
//
// One function a block type, the inverse of those in Dequantize.cpp, whose
// comments draw the layouts. Each block is fitted to its least and greatest
// value; quants are rounded against the scales as they are stored.
//
//===----------------------------------------------------------------------===//

#include "base/Quantize.h"
#include "base/Dequantize.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace quipu {
namespace {

/// The bytes of one block, all zero before they are written.
struct Block {
  std::byte *bytes;

  /// Sets bits of the byte at `at`.
  void set(int64_t at, int bits) { bytes[at] |= std::byte(bits); }
  template <typename T> void store(int64_t at, T value) {
    std::memcpy(bytes + at, &value, sizeof(T));
  }
  /// Stores `value` as f16 and returns what it became.
  float half(int64_t at, float value) {
    uint16_t bits = floatToHalf(value);
    store(at, bits);
    return halfToFloat(bits);
  }
};

/// value / scale to the nearest integer within [low, high].
int quant(float value, float scale, int low, int high) {
  if (scale == 0)
    return std::clamp(0, low, high);
  return int(
      std::clamp(std::nearbyint(value / scale), float(low), float(high)));
}

/// The value of largest magnitude, with its sign.
float extreme(const float *values, int count) {
  float found = 0;
  for (int i = 0; i < count; ++i)
    if (std::fabs(values[i]) > std::fabs(found))
      found = values[i];
  return found;
}

struct Extent {
  float least, greatest;
};
Extent extent(const float *values, int count) {
  auto [least, greatest] = std::minmax_element(values, values + count);
  return {*least, *greatest};
}

void encodeQ8_0(const float *values, Block block) {
  float d = block.half(0, std::fabs(extreme(values, 32)) / 127);
  for (int i = 0; i < 32; ++i)
    block.store(2 + i, int8_t(quant(values[i], d, -127, 127)));
}

/// The low four bits of 32 quants: i in the low, i + 16 in the high half.
void setSplitNibble(Block block, int64_t quants, int i, int value) {
  block.set(quants + i % 16, (value & 0xf) << (i / 16 * 4));
}

/// Q4_0, Q5_0: the value of largest magnitude becomes the lowest quant, which
/// has no positive partner.
void encodeSymmetric(const float *values, Block block, int bits) {
  int zero = 1 << (bits - 1);
  float d = block.half(0, extreme(values, 32) / float(-zero));
  for (int i = 0; i < 32; ++i) {
    int value = quant(values[i], d, -zero, zero - 1) + zero;
    setSplitNibble(block, bits == 4 ? 2 : 6, i, value);
    if (bits == 5)
      block.set(2 + i / 8, (value >> 4) << (i % 8));
  }
}

/// Q4_1, Q5_1: the least value is the offset.
void encodeOffset(const float *values, Block block, int bits) {
  auto [least, greatest] = extent(values, 32);
  int most = (1 << bits) - 1;
  float d = block.half(0, (greatest - least) / float(most));
  float m = block.half(2, least);
  for (int i = 0; i < 32; ++i) {
    int value = quant(values[i] - m, d, 0, most);
    setSplitNibble(block, bits == 4 ? 4 : 8, i, value);
    if (bits == 5)
      block.set(4 + i / 8, (value >> 4) << (i % 8));
  }
}

/// Scales and mins of a super-block's `count` sub-blocks as small integers
/// times d and dmin: value = d * scale * quant - dmin * min.
struct Offsets {
  int scale[16];
  int min[16];
  float d, dmin;
};
Offsets fitOffsets(const float *values, int count, int mostScale, int mostQuant,
                   Block block, int64_t dAt) {
  float scale[16], min[16];
  int elements = 256 / count;
  for (int j = 0; j < count; ++j) {
    auto [least, greatest] = extent(values + j * elements, elements);
    least = std::min(least, 0.0f); // a min is subtracted, never added
    min[j] = -least;
    scale[j] = std::max(greatest - least, 0.0f) / float(mostQuant);
  }
  Offsets offsets;
  float most = float(mostScale);
  offsets.d = block.half(dAt, *std::max_element(scale, scale + count) / most);
  offsets.dmin =
      block.half(dAt + 2, *std::max_element(min, min + count) / most);
  for (int j = 0; j < count; ++j) {
    offsets.scale[j] = quant(scale[j], offsets.d, 0, mostScale);
    offsets.min[j] = quant(min[j], offsets.dmin, 0, mostScale);
  }
  return offsets;
}

int offsetQuant(const Offsets &offsets, int j, float value, int most) {
  return quant(value + offsets.dmin * float(offsets.min[j]),
               offsets.d * float(offsets.scale[j]), 0, most);
}

void encodeQ2K(const float *values, Block block) {
  Offsets offsets = fitOffsets(values, 16, 15, 3, block, 80);
  for (int j = 0; j < 16; ++j)
    block.set(j, offsets.scale[j] | offsets.min[j] << 4);
  for (int i = 0; i < 256; ++i)
    block.set(16 + i / 128 * 32 + i % 32,
              offsetQuant(offsets, i / 16, values[i], 3) << (i % 128 / 32 * 2));
}

/// Signed scales of 16 sub-blocks, fitted so that a sub-block's extreme value
/// becomes its lowest quant: value = d * scale * quant.
float fitScales(const float *values, int lowestQuant, int lowestScale,
                int (&scales)[16], Block block, int64_t dAt) {
  float scale[16];
  for (int j = 0; j < 16; ++j)
    scale[j] = extreme(values + j * 16, 16) / float(lowestQuant);
  float d = block.half(dAt, extreme(scale, 16) / float(lowestScale));
  for (int j = 0; j < 16; ++j)
    scales[j] = quant(scale[j], d, lowestScale, -lowestScale - 1);
  return d;
}

void encodeQ3K(const float *values, Block block) {
  int scales[16];
  float d = fitScales(values, -4, -32, scales, block, 108);
  for (int j = 0; j < 16; ++j) {
    int stored = scales[j] + 32;
    block.set(96 + j % 8, (stored & 0xf) << (j / 8 * 4));
    block.set(104 + j % 4, (stored >> 4) << (j / 4 * 2));
  }
  for (int i = 0; i < 256; ++i) {
    int value = quant(values[i], d * float(scales[i / 16]), -4, 3) + 4;
    block.set(32 + i / 128 * 32 + i % 32, (value & 3) << (i % 128 / 32 * 2));
    block.set(i % 32, (value >> 2) << (i / 32));
  }
}

/// The 12 bytes of Q4_K's and Q5_K's 6-bit scales and mins.
void setScalesAndMins(const Offsets &offsets, Block block, int64_t at) {
  for (int j = 0; j < 4; ++j) {
    block.set(at + j, offsets.scale[j] | (offsets.scale[j + 4] >> 4) << 6);
    block.set(at + j + 4, offsets.min[j] | (offsets.min[j + 4] >> 4) << 6);
    block.set(at + j + 8,
              (offsets.scale[j + 4] & 0xf) | (offsets.min[j + 4] & 0xf) << 4);
  }
}

void encodeQ4K(const float *values, Block block) {
  Offsets offsets = fitOffsets(values, 8, 63, 15, block, 0);
  setScalesAndMins(offsets, block, 4);
  for (int i = 0; i < 256; ++i)
    block.set(16 + i / 64 * 32 + i % 32,
              offsetQuant(offsets, i / 32, values[i], 15) << (i % 64 / 32 * 4));
}

void encodeQ5K(const float *values, Block block) {
  Offsets offsets = fitOffsets(values, 8, 63, 31, block, 0);
  setScalesAndMins(offsets, block, 4);
  for (int i = 0; i < 256; ++i) {
    int value = offsetQuant(offsets, i / 32, values[i], 31);
    block.set(48 + i / 64 * 32 + i % 32, (value & 0xf) << (i % 64 / 32 * 4));
    block.set(16 + i % 32, (value >> 4) << (i / 32));
  }
}

void encodeQ6K(const float *values, Block block) {
  int scales[16];
  float d = fitScales(values, -32, -128, scales, block, 208);
  for (int j = 0; j < 16; ++j)
    block.store(192 + j, int8_t(scales[j]));
  for (int i = 0; i < 256; ++i) {
    int half = i / 128, plane = i % 128 / 32;
    int value = quant(values[i], d * float(scales[i / 16]), -32, 31) + 32;
    block.set(half * 64 + i % 64, (value & 0xf) << (plane / 2 * 4));
    block.set(128 + half * 32 + i % 32, (value >> 4) << (plane * 2));
  }
}

void encodeBlock(ElementType type, const float *values, Block block) {
  switch (type) {
  case ElementType::f32:
    return block.store(0, *values);
  case ElementType::f16:
    return block.store(0, floatToHalf(*values));
  case ElementType::bf16:
    return block.store(0, floatToBfloat16(*values));
  case ElementType::i32:
    return block.store(0, int32_t(std::nearbyint(*values)));
  case ElementType::q8_0:
    return encodeQ8_0(values, block);
  case ElementType::q4_0:
    return encodeSymmetric(values, block, 4);
  case ElementType::q4_1:
    return encodeOffset(values, block, 4);
  case ElementType::q5_0:
    return encodeSymmetric(values, block, 5);
  case ElementType::q5_1:
    return encodeOffset(values, block, 5);
  case ElementType::q2_k:
    return encodeQ2K(values, block);
  case ElementType::q3_k:
    return encodeQ3K(values, block);
  case ElementType::q4_k:
    return encodeQ4K(values, block);
  case ElementType::q5_k:
    return encodeQ5K(values, block);
  case ElementType::q6_k:
    return encodeQ6K(values, block);
  }
  assert(false && "no such element type");
}

} // namespace

void quantizeRow(ElementType type, std::span<const float> values,
                 std::span<std::byte> row) {
  int64_t count = static_cast<int64_t>(values.size());
  int64_t elements = blockElements(type), bytes = blockBytes(type);
  assert(count % elements == 0 && "row ends inside a block");
  assert(static_cast<int64_t>(row.size()) == rowBytes(type, count) &&
         "row has another length");
  std::fill(row.begin(), row.end(), std::byte(0));
  for (int64_t i = 0; i < count / elements; ++i)
    encodeBlock(type, values.data() + i * elements,
                Block{row.data() + i * bytes});
}

} // namespace quipu
