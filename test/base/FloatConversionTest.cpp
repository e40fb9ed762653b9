//===- FloatConversionTest.cpp - f16 and bf16 -----------------------------===//

#include "base/Dequantize.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace quipu {
namespace {

TEST(FloatConversion, KnownHalves) {
  EXPECT_EQ(halfToFloat(0x3c00), 1.0f);
  EXPECT_EQ(halfToFloat(0xc000), -2.0f);
  EXPECT_EQ(halfToFloat(0x7bff), 65504.0f);
  EXPECT_EQ(halfToFloat(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(halfToFloat(0x03ff), std::ldexp(1023.0f, -24));
  EXPECT_EQ(halfToFloat(0x0400), std::ldexp(1.0f, -14));
  EXPECT_EQ(halfToFloat(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(halfToFloat(0x7c01)));
  EXPECT_EQ(std::bit_cast<uint32_t>(halfToFloat(0x8000)), 0x80000000u);
}

TEST(FloatConversion, EveryHalfSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = halfToFloat(uint16_t(bits));
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(value))));
    else
      ASSERT_EQ(floatToHalf(value), bits);
  }
}

// Between any two neighbours: the middle goes to the even one, and a step to
// either side of it to the nearer one.
TEST(FloatConversion, HalvesRoundToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    float low = halfToFloat(uint16_t(bits));
    // 65536 stands for infinity, where it would come next.
    float high = bits == 0x7bff ? 65536.0f : halfToFloat(uint16_t(bits + 1));
    float middle = low + (high - low) / 2; // exact
    ASSERT_EQ(floatToHalf(middle), bits + (bits & 1));
    ASSERT_EQ(floatToHalf(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(floatToHalf(std::nextafter(middle, 1e9f)), bits + 1);
    ASSERT_EQ(floatToHalf(-middle), (bits + (bits & 1)) | 0x8000);
  }
  EXPECT_EQ(floatToHalf(1e9f), 0x7c00);
  EXPECT_EQ(floatToHalf(-std::numeric_limits<float>::infinity()), 0xfc00);
}

TEST(FloatConversion, Bfloat16RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7f80; ++bits) {
    ASSERT_EQ(floatToBfloat16(bfloat16ToFloat(uint16_t(bits))), bits);
    auto at = [&](uint32_t tail) {
      return floatToBfloat16(std::bit_cast<float>(bits << 16 | tail));
    };
    ASSERT_EQ(at(0x8000), bits + (bits & 1));
    ASSERT_EQ(at(0x7fff), bits);
    ASSERT_EQ(at(0x8001), bits + 1);
  }
  // The lowest payload bits alone must not turn a NaN into infinity.
  EXPECT_TRUE(std::isnan(
      bfloat16ToFloat(floatToBfloat16(std::bit_cast<float>(0x7f800001u)))));
}

} // namespace
} // namespace quipu
