//===- Dequantize.cpp - Stored elements as numbers ------------------------===//
//
// One function a block type, in the layouts of the GGUF format (the block
// structs of ggml-common.h), little endian. Products of an f16 scale, a 6- or
// 8-bit scale and a quant fit into a double's 53 bits, so nothing is rounded.
//
//===----------------------------------------------------------------------===//

#include "base/Dequantize.h"

#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

namespace quipu {

float halfToFloat(uint16_t bits) {
  int sign = bits & 0x8000 ? -1 : 1;
  int exponent = bits >> 10 & 0x1f;
  int fraction = bits & 0x3ff;
  if (exponent == 0x1f) // infinity or NaN: widen the fields as they are
    return std::bit_cast<float>(uint32_t(bits & 0x8000) << 16 | 0x7f800000u |
                                uint32_t(fraction) << 13);
  if (exponent == 0)
    return std::copysign(std::ldexp(float(fraction), -24), float(sign));
  return sign * std::ldexp(float(fraction | 0x400), exponent - 25);
}

uint16_t floatToHalf(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint16_t sign = bits >> 16 & 0x8000;
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) // NaN: keep the payload's top bits, make it quiet
    return sign | 0x7e00 | (magnitude >> 13 & 0x3ff);
  if (magnitude >= 0x477ff000) // 65520 and above round to infinity
    return sign | 0x7c00;
  if (magnitude < 0x38800000) { // below 2^-14: a multiple of 2^-24
    // The addition rounds to the nearest even multiple of 2^-24, because that
    // is the last place of a float between 0.5 and 1.
    float scaled = std::bit_cast<float>(magnitude) + 0.5f;
    return sign | uint16_t(std::bit_cast<uint32_t>(scaled) - 0x3f000000);
  }
  uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return sign | uint16_t((rounded - 0x38000000) >> 13);
}

float bfloat16ToFloat(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

uint16_t floatToBfloat16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

namespace {

/// The bytes of one block, addressed as the block structs lay them out.
struct Block {
  const std::byte *bytes;

  int u8(int64_t at) const { return std::to_integer<int>(bytes[at]); }
  int i8(int64_t at) const { return static_cast<int8_t>(u8(at)); }
  template <typename T> T load(int64_t at) const {
    T value;
    std::memcpy(&value, bytes + at, sizeof(T));
    return value;
  }
  double half(int64_t at) const { return halfToFloat(load<uint16_t>(at)); }
  /// Bit `bit` of the byte at `at`, as 0 or 1.
  int bit(int64_t at, int bit) const { return u8(at) >> bit & 1; }
};

/// Nibble of element i of 32: bytes 0..15 hold i in their low and i + 16 in
/// their high half.
int splitNibble(Block block, int64_t quants, int i) {
  return block.u8(quants + i % 16) >> (i / 16 * 4) & 0xf;
}

// d: f16, quants: 32 x i8.
void decodeQ8_0(Block block, double *values) {
  for (int i = 0; i < 32; ++i)
    values[i] = block.half(0) * block.i8(2 + i);
}

// d: f16, quants: 32 nibbles, offset 8.
void decodeQ4_0(Block block, double *values) {
  for (int i = 0; i < 32; ++i)
    values[i] = block.half(0) * (splitNibble(block, 2, i) - 8);
}

// d, m: f16, quants: 32 nibbles.
void decodeQ4_1(Block block, double *values) {
  for (int i = 0; i < 32; ++i)
    values[i] = block.half(0) * splitNibble(block, 4, i) + block.half(2);
}

// d: f16, fifth bits: u32 (bit i of element i), quants: 32 nibbles, offset 16.
void decodeQ5_0(Block block, double *values) {
  for (int i = 0; i < 32; ++i) {
    int quant = splitNibble(block, 6, i) | block.bit(2 + i / 8, i % 8) << 4;
    values[i] = block.half(0) * (quant - 16);
  }
}

// d, m: f16, fifth bits: u32, quants: 32 nibbles.
void decodeQ5_1(Block block, double *values) {
  for (int i = 0; i < 32; ++i) {
    int quant = splitNibble(block, 8, i) | block.bit(4 + i / 8, i % 8) << 4;
    values[i] = block.half(0) * quant + block.half(2);
  }
}

// 256 elements as 2 halves x 4 planes x 32: plane p of half h is bits 2p..2p+1
// of the 32 bytes of that half. Sub-blocks of 16 elements have a scale each.

// scales: 16 x (4 bits scale, 4 bits min), quants: 64 bytes, d, dmin: f16.
void decodeQ2K(Block block, double *values) {
  double d = block.half(80), dmin = block.half(82);
  for (int i = 0; i < 256; ++i) {
    int scale = block.u8(i / 16);
    int quant = block.u8(16 + i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3;
    values[i] = d * (scale & 0xf) * quant - dmin * (scale >> 4);
  }
}

// high bits: 32 bytes (bit i / 32 of byte i % 32; clear means minus 4),
// quants: 64 bytes, scales: 12 bytes of 16 x 6 bits offset 32, d: f16.
void decodeQ3K(Block block, double *values) {
  double d = block.half(108);
  auto scale = [&](int j) { // low 4 bits in bytes 0..7, high 2 in bytes 8..11
    int low = block.u8(96 + j % 8) >> (j / 8 * 4) & 0xf;
    int high = block.u8(104 + j % 4) >> (j / 4 * 2) & 3;
    return (low | high << 4) - 32;
  };
  for (int i = 0; i < 256; ++i) {
    int quant = block.u8(32 + i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3;
    values[i] = d * scale(i / 16) * (quant - 4 * !block.bit(i % 32, i / 32));
  }
}

/// The 6-bit scale and min of sub-block j of 8, packed into 12 bytes: 0..3 in
/// the low bits of bytes j and j + 4; 4..7 as nibbles of byte j + 4, whose
/// upper two bits are the upper two bits of bytes j - 4 and j.
struct ScaleAndMin {
  int scale, min;
};
ScaleAndMin scaleAndMin(Block block, int64_t scales, int j) {
  auto byte = [&](int k) { return block.u8(scales + k); };
  if (j < 4)
    return {byte(j) & 63, byte(j + 4) & 63};
  return {(byte(j + 4) & 0xf) | byte(j - 4) >> 6 << 4,
          byte(j + 4) >> 4 | byte(j) >> 6 << 4};
}

// 256 elements as 4 groups x (32 low nibbles, 32 high nibbles) of 32 bytes;
// sub-blocks of 32 elements have a scale and a min each.

// d, dmin: f16, scales: 12 bytes, quants: 128 bytes.
void decodeQ4K(Block block, double *values) {
  double d = block.half(0), dmin = block.half(2);
  for (int i = 0; i < 256; ++i) {
    auto [scale, min] = scaleAndMin(block, 4, i / 32);
    int quant = block.u8(16 + i / 64 * 32 + i % 32) >> (i % 64 / 32 * 4) & 0xf;
    values[i] = d * scale * quant - dmin * min;
  }
}

// d, dmin: f16, scales: 12 bytes, fifth bits: 32 bytes (bit i / 32 of byte
// i % 32), quants: 128 bytes.
void decodeQ5K(Block block, double *values) {
  double d = block.half(0), dmin = block.half(2);
  for (int i = 0; i < 256; ++i) {
    auto [scale, min] = scaleAndMin(block, 4, i / 32);
    int low = block.u8(48 + i / 64 * 32 + i % 32) >> (i % 64 / 32 * 4) & 0xf;
    int quant = low | block.bit(16 + i % 32, i / 32) << 4;
    values[i] = d * scale * quant - dmin * min;
  }
}

// low bits: 128 bytes, high bits: 64 bytes, scales: 16 x i8, d: f16; a half of
// 128 elements is 32 low nibbles of bytes 0..31, 32 of bytes 32..63, then their
// high nibbles; its high bits are planes of two bits over 32 bytes.
void decodeQ6K(Block block, double *values) {
  double d = block.half(208);
  for (int i = 0; i < 256; ++i) {
    int half = i / 128, plane = i % 128 / 32;
    int low = block.u8(half * 64 + i % 64) >> (plane / 2 * 4) & 0xf;
    int high = block.u8(128 + half * 32 + i % 32) >> (plane * 2) & 3;
    values[i] = d * block.i8(192 + i / 16) * ((low | high << 4) - 32);
  }
}

void decodeBlock(ElementType type, Block block, double *values) {
  switch (type) {
  case ElementType::f32:
    *values = block.load<float>(0);
    return;
  case ElementType::f16:
    *values = block.half(0);
    return;
  case ElementType::bf16:
    *values = bfloat16ToFloat(block.load<uint16_t>(0));
    return;
  case ElementType::i32:
    *values = block.load<int32_t>(0);
    return;
  case ElementType::q8_0:
    return decodeQ8_0(block, values);
  case ElementType::q4_0:
    return decodeQ4_0(block, values);
  case ElementType::q4_1:
    return decodeQ4_1(block, values);
  case ElementType::q5_0:
    return decodeQ5_0(block, values);
  case ElementType::q5_1:
    return decodeQ5_1(block, values);
  case ElementType::q2_k:
    return decodeQ2K(block, values);
  case ElementType::q3_k:
    return decodeQ3K(block, values);
  case ElementType::q4_k:
    return decodeQ4K(block, values);
  case ElementType::q5_k:
    return decodeQ5K(block, values);
  case ElementType::q6_k:
    return decodeQ6K(block, values);
  }
  assert(false && "no such element type");
}

template <typename T>
void decodeRow(ElementType type, std::span<const std::byte> row,
               std::span<T> values) {
  int64_t count = static_cast<int64_t>(values.size());
  int64_t elements = blockElements(type), bytes = blockBytes(type);
  assert(count % elements == 0 && "row ends inside a block");
  assert(static_cast<int64_t>(row.size()) == rowBytes(type, count) &&
         "row has another length");
  double block[256];
  for (int64_t i = 0; i < count / elements; ++i) {
    decodeBlock(type, Block{row.data() + i * bytes}, block);
    for (int64_t j = 0; j < elements; ++j)
      values[i * elements + j] = static_cast<T>(block[j]);
  }
}

} // namespace

void dequantizeRow(ElementType type, std::span<const std::byte> row,
                   std::span<double> values) {
  decodeRow(type, row, values);
}

void dequantizeRow(ElementType type, std::span<const std::byte> row,
                   std::span<float> values) {
  decodeRow(type, row, values);
}

} // namespace quipu
