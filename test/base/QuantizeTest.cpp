//===- QuantizeTest.cpp - Stored types, by hand and there and back --------===//

#include "base/Quantize.h"
#include "base/Dequantize.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <vector>

namespace quipu {
namespace {

using Bytes = std::vector<std::byte>;

const ElementType quantized[] = {
    ElementType::q8_0, ElementType::q4_0, ElementType::q4_1, ElementType::q5_0,
    ElementType::q5_1, ElementType::q2_k, ElementType::q3_k, ElementType::q4_k,
    ElementType::q5_k, ElementType::q6_k};

/// A block of zero bytes in which the bytes from `at` on are set.
void put(Bytes &block, size_t at, std::initializer_list<int> values) {
  for (int value : values)
    block[at++] = std::byte(value);
}

std::vector<double> decode(ElementType type, const Bytes &bytes) {
  std::vector<double> values(bytes.size() / blockBytes(type) *
                             blockElements(type));
  dequantizeRow(type, bytes, std::span<double>(values));
  return values;
}

Bytes emptyBlock(ElementType type) { return Bytes(blockBytes(type)); }

// f16 constants used below.
constexpr int one = 0x3c, two = 0x40, half = 0x38; // high bytes

TEST(Dequantize, Q8_0) {
  Bytes block = emptyBlock(ElementType::q8_0);
  put(block, 0, {0, half, 2, 0xfe});
  put(block, 33, {0x80});
  std::vector<double> values = decode(ElementType::q8_0, block);
  EXPECT_EQ(values[0], 1);
  EXPECT_EQ(values[1], -1);
  EXPECT_EQ(values[2], 0);
  EXPECT_EQ(values[31], -64);
}

TEST(Dequantize, Q4_0AndQ4_1) {
  Bytes block = emptyBlock(ElementType::q4_0);
  put(block, 0, {0, two, 0xf1});
  std::vector<double> values = decode(ElementType::q4_0, block);
  EXPECT_EQ(values[0], 2 * (1 - 8));
  EXPECT_EQ(values[16], 2 * (15 - 8));
  EXPECT_EQ(values[1], -16);

  block = emptyBlock(ElementType::q4_1);
  put(block, 0, {0, two, 0, half, 0xf1});
  values = decode(ElementType::q4_1, block);
  EXPECT_EQ(values[0], 2.5);
  EXPECT_EQ(values[16], 30.5);
  EXPECT_EQ(values[31], 0.5);
}

TEST(Dequantize, Q5_0AndQ5_1) {
  Bytes block = emptyBlock(ElementType::q5_0);
  put(block, 0, {0, one, 0x01, 0, 0, 0x80, 0x23}); // fifth bits of 0 and 31
  put(block, 21, {0x40});
  std::vector<double> values = decode(ElementType::q5_0, block);
  EXPECT_EQ(values[0], 16 + 3 - 16);
  EXPECT_EQ(values[16], 2 - 16);
  EXPECT_EQ(values[31], 16 + 4 - 16);

  block = emptyBlock(ElementType::q5_1);
  put(block, 0, {0, one, 0, half, 0x01, 0, 0, 0x80, 0x23});
  put(block, 23, {0x40});
  values = decode(ElementType::q5_1, block);
  EXPECT_EQ(values[0], 19.5);
  EXPECT_EQ(values[16], 2.5);
  EXPECT_EQ(values[31], 20.5);
}

TEST(Dequantize, Q2K) {
  Bytes block = emptyBlock(ElementType::q2_k);
  put(block, 80, {0, two, 0, one});
  put(block, 0, {0x53}); // sub-block 0: scale 3, min 5
  put(block, 9, {0x21}); // sub-block 9: elements 144..159
  put(block, 16, {0x03});
  put(block, 16 + 32 + 16, {0x02}); // element 128 + 16, plane 0
  std::vector<double> values = decode(ElementType::q2_k, block);
  EXPECT_EQ(values[0], 2 * 3 * 3 - 5);
  EXPECT_EQ(values[1], -5);
  EXPECT_EQ(values[144], 2 * 1 * 2 - 2);
}

TEST(Dequantize, Q3K) {
  Bytes block = emptyBlock(ElementType::q3_k);
  put(block, 108, {0, one});
  // Sub-block 0 has scale 33 - 32, sub-block 13 has 0x3e - 32 = 30.
  put(block, 96, {0x01});
  put(block, 96 + 5, {0xe0});
  put(block, 104, {0x02});
  put(block, 104 + 1, {0xc0});
  put(block, 32, {0x02});
  put(block, 0, {0x01});                 // high bit of element 0
  put(block, 32 + 32 + 16, {0x01 << 4}); // element 208: half 1, plane 2
  std::vector<double> values = decode(ElementType::q3_k, block);
  EXPECT_EQ(values[0], 2);
  EXPECT_EQ(values[1], -4);
  EXPECT_EQ(values[208], 30 * (1 - 4));
}

TEST(Dequantize, Q4KAndQ5K) {
  Bytes block = emptyBlock(ElementType::q4_k);
  put(block, 0, {0, two, 0, one});
  // Sub-block 1: scale 9, min 7. Sub-block 6: scale 0x2b, min 0x1c.
  put(block, 4 + 1, {9});
  put(block, 4 + 5, {7});
  put(block, 4 + 2, {0x2 << 6});
  put(block, 4 + 6, {0x1 << 6});
  put(block, 4 + 10, {0xcb});
  put(block, 16, {0xa0});          // element 32
  put(block, 16 + 3 * 32, {0x05}); // element 192
  std::vector<double> values = decode(ElementType::q4_k, block);
  EXPECT_EQ(values[32], 2 * 9 * 10 - 7);
  EXPECT_EQ(values[33], -7);
  EXPECT_EQ(values[192], 2 * 0x2b * 5 - 0x1c);

  Bytes wide = emptyBlock(ElementType::q5_k);
  std::copy_n(block.begin(), 16, wide.begin());
  std::copy_n(block.begin() + 16, 128, wide.begin() + 48);
  put(wide, 16, {1 << 1}); // fifth bit of element 32
  values = decode(ElementType::q5_k, wide);
  EXPECT_EQ(values[32], 2 * 9 * 26 - 7);
  EXPECT_EQ(values[192], 2 * 0x2b * 5 - 0x1c);
}

TEST(Dequantize, Q6K) {
  Bytes block = emptyBlock(ElementType::q6_k);
  put(block, 208, {0, half});
  put(block, 192, {2});
  put(block, 192 + 15, {0xfe}); // sub-block 15: scale -2
  put(block, 0, {0x0f});
  put(block, 128, {0x02});           // element 0: high bits 2
  put(block, 64 + 63, {0x30});       // element 255: low bits of plane 3
  put(block, 128 + 63, {0x03 << 6}); // and its high bits
  std::vector<double> values = decode(ElementType::q6_k, block);
  EXPECT_EQ(values[0], 0.5 * 2 * (0x2f - 32));
  EXPECT_EQ(values[1], 0.5 * 2 * -32);
  EXPECT_EQ(values[255], 0.5 * -2 * (0x33 - 32));
}

class Quantize : public testing::TestWithParam<ElementType> {};

/// Steps between neighbouring quants over a block's whole range.
int steps(ElementType type) {
  switch (type) {
  case ElementType::q8_0:
    return 254;
  case ElementType::q2_k:
    return 3;
  case ElementType::q3_k:
    return 7;
  case ElementType::q4_0:
  case ElementType::q4_1:
  case ElementType::q4_k:
    return 15;
  case ElementType::q6_k:
    return 63;
  default:
    return 31;
  }
}

TEST_P(Quantize, ErrorIsBoundedByTheStep) {
  ElementType type = GetParam();
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(1024);
  for (float &value : values)
    value = 0.1f * normal(random);
  Bytes row(rowBytes(type, 1024));
  quantizeRow(type, values, row);
  std::vector<float> decoded(1024);
  dequantizeRow(type, row, std::span<float>(decoded));
  int64_t block = blockElements(type);
  for (int64_t i = 0; i < 1024; i += block) {
    auto [low, high] =
        std::minmax_element(values.begin() + i, values.begin() + i + block);
    float span = 2 * std::max(std::fabs(*low), std::fabs(*high));
    // A whole step: rounding of quants (half of one), of small scales, and the
    // missing positive partner of the lowest quant.
    for (int64_t j = i; j < i + block; ++j)
      ASSERT_LE(std::fabs(decoded[j] - values[j]), span / steps(type)) << j;
  }
}

TEST_P(Quantize, DecodedValuesQuantizeToThemselves) {
  ElementType type = GetParam();
  std::mt19937 random(11);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(256), once(256), twice(256);
  for (float &value : values)
    value = uniform(random);
  Bytes row(rowBytes(type, 256));
  quantizeRow(type, values, row);
  dequantizeRow(type, row, std::span<float>(once));
  quantizeRow(type, once, row);
  dequantizeRow(type, row, std::span<float>(twice));
  double change = 0, size = 0;
  for (int i = 0; i < 256; ++i) {
    change += std::pow(once[i] - twice[i], 2);
    size += std::pow(once[i], 2);
  }
  // Scales may move in their last place; quants must stay.
  EXPECT_LE(std::sqrt(change / size), 0.2 / steps(type));
}

TEST_P(Quantize, ZerosStayZero) {
  std::vector<float> values(256), decoded(256, 1.0f);
  Bytes row(rowBytes(GetParam(), 256));
  quantizeRow(GetParam(), values, row);
  dequantizeRow(GetParam(), row, std::span<float>(decoded));
  EXPECT_EQ(decoded, values);
}

TEST_P(Quantize, FloatsAreTheDoublesRoundedOnce) {
  std::mt19937 random(3);
  Bytes row(rowBytes(GetParam(), 2560));
  for (std::byte &byte : row)
    byte = std::byte(random() & 0xff);
  std::vector<float> floats(2560);
  std::vector<double> doubles(2560);
  dequantizeRow(GetParam(), row, std::span<float>(floats));
  dequantizeRow(GetParam(), row, std::span<double>(doubles));
  for (int i = 0; i < 2560; ++i)
    if (!std::isnan(doubles[i]))
      ASSERT_EQ(floats[i], float(doubles[i]));
}

INSTANTIATE_TEST_SUITE_P(All, Quantize, testing::ValuesIn(quantized),
                         [](const auto &info) {
                           return std::string(name(info.param));
                         });

TEST(Quantize, FloatTypesAreExactForWhatTheyHold) {
  std::vector<float> values = {0.0f, 1.0f, -2.5f, 0.15625f}, decoded(4);
  for (ElementType type :
       {ElementType::f32, ElementType::f16, ElementType::bf16}) {
    Bytes row(rowBytes(type, 4));
    quantizeRow(type, values, row);
    dequantizeRow(type, row, std::span<float>(decoded));
    EXPECT_EQ(decoded, values) << name(type);
  }
}

} // namespace
} // namespace quipu
