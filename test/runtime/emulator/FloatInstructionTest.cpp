//===- FloatInstructionTest.cpp - f16 to f64 ------------------------------===//
//
// Runs single instructions on 32 lanes of interesting operands and compares
// with what C++ computes.
//
//===----------------------------------------------------------------------===//

#include "InstructionRun.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

namespace quipu::emulator {
namespace {

const std::vector<float> floats = [] {
  constexpr float inf = std::numeric_limits<float>::infinity();
  std::vector<float> values = {0.0f,  -0.0f, 1.0f,     -1.5f, 1e-40f, 3e38f,
                               -3e38, inf,   -inf,     NAN,   0.1f,   65519.f,
                               65520, 2.5f,  -2.5f,    3.5f,  1e10f,  -1e10f,
                               0.5f,  6e-8f, 1.00098f, 1e-6f, 256.5f, -257.f};
  while (values.size() < 32)
    values.push_back(values[values.size() - 14] * 1.3719f);
  return values;
}();

using Real = std::function<float(float, float, float)>;
void expectFloats(const char *text, const Real &expected, int ulps = 0) {
  std::vector<float> a = floats, b = floats, c = floats;
  std::rotate(b.begin(), b.begin() + 10, b.end());
  std::rotate(c.begin(), c.begin() + 3, c.end());
  auto d = run<float>(text, a, b, c);
  for (int lane = 0; lane < 32; ++lane) {
    float wanted = expected(a[lane], b[lane], c[lane]);
    if (std::isnan(wanted)) {
      EXPECT_TRUE(std::isnan(d[lane])) << text << " of " << a[lane];
      continue;
    }
    int64_t distance = int64_t(std::bit_cast<int32_t>(d[lane])) -
                       std::bit_cast<int32_t>(wanted);
    EXPECT_LE(std::abs(distance), ulps)
        << text << " of " << a[lane] << ", " << b[lane] << ", " << c[lane]
        << ": " << d[lane] << ", expected " << wanted;
  }
}

TEST(Instruction, computesWithFloats) {
  expectFloats("add.rn.f32 $d, $a, $b;",
               [](auto a, auto b, auto) { return a + b; });
  expectFloats("fma.rn.f32 $d, $a, $b, $c;",
               [](auto a, auto b, auto c) { return std::fma(a, b, c); });
  expectFloats("div.rn.f32 $d, $a, $b;",
               [](auto a, auto b, auto) { return a / b; });
  expectFloats("mul.ftz.f32 $d, $a, 0f40000000;", [](auto a, auto, auto) {
    return std::fpclassify(a) == FP_SUBNORMAL ? 0.0f : 2 * a;
  });
  expectFloats("max.f32 $d, $a, $b;", [](float a, float b, float) {
    if (std::isnan(a) || std::isnan(b))
      return std::isnan(a) ? b : a;
    return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
  });
  expectFloats("add.sat.f32 $d, $a, $b;", [](float a, float b, float) {
    float sum = a + b;
    return sum > 0 ? std::min(sum, 1.0f) : 0.0f;
  });
  expectFloats(
      "ex2.approx.f32 $d, $a;", [](auto a, auto, auto) { return std::exp2(a); },
      1);
  expectFloats("rsqrt.approx.f32 $d, $b;", [](auto, auto b, auto) {
    return float(1.0 / std::sqrt(double(b)));
  });
  expectFloats("abs.f32 $d, $a;",
               [](auto a, auto, auto) { return std::fabs(a); });
}

TEST(Instruction, roundsInEveryDirection) {
  auto rounded = [](double exact, int mode) {
    float nearest = float(exact);
    if (std::isinf(exact) || double(nearest) == exact)
      return nearest;
    bool isAbove = double(nearest) > exact;
    bool down = mode == 1 || (mode == 0 && exact > 0);
    if (isAbove == down)
      return std::nextafter(nearest, down ? -INFINITY : INFINITY);
    return nearest;
  };
  // Products and sums of these are exact in double.
  for (auto [name, mode] : {std::pair("rz", 0), {"rm", 1}, {"rp", 2}}) {
    std::vector<float> a, b;
    for (int i = 0; i < 32; ++i) {
      a.push_back((i % 2 ? 1.0f : -1.0f) * (1 + float(i) * 0.1234567f));
      b.push_back(0.7654321f * float(i + 1));
    }
    std::string suffix = std::string(name) + ".f32 $d, $a, $b;";
    auto sums = run<float>("add." + suffix, a, b, b);
    auto products = run<float>("mul." + suffix, a, b, b);
    for (int i = 0; i < 32; ++i) {
      EXPECT_EQ(sums[i], rounded(double(a[i]) + b[i], mode)) << name << a[i];
      EXPECT_EQ(products[i], rounded(double(a[i]) * b[i], mode)) << name;
    }
  }
}

TEST(Instruction, convertsFloatsToIntegers) {
  auto expect = [](const char *text, auto round) {
    auto d = run<uint32_t>(text, floats, floats, floats);
    for (int lane = 0; lane < 32; ++lane) {
      double value = round(double(floats[lane]));
      int32_t wanted = std::isnan(value)   ? 0
                       : value > INT32_MAX ? INT32_MAX
                       : value < INT32_MIN ? INT32_MIN
                                           : int32_t(value);
      EXPECT_EQ(int32_t(d[lane]), wanted) << text << " of " << floats[lane];
    }
  };
  expect("cvt.rni.s32.f32 $d, $a;", [](double x) { return std::nearbyint(x); });
  expect("cvt.rzi.s32.f32 $d, $a;", [](double x) { return std::trunc(x); });
  expect("cvt.rmi.s32.f32 $d, $a;", [](double x) { return std::floor(x); });
}

TEST(Instruction, convertsNansToIntegers) {
  std::vector<float> nans(32, NAN);
  std::vector<double> wide(32, double(NAN));
  EXPECT_EQ(run<uint32_t>("cvt.rzi.s32.f32 $d, $a;", nans, nans, nans)[0], 0u);
  EXPECT_EQ(run<uint64_t>("cvt.rzi.s64.f32 $d, $a;", nans, nans, nans)[0],
            uint64_t(1) << 63);
  EXPECT_EQ(run<uint64_t>("cvt.rzi.u64.f32 $d, $a;", nans, nans, nans)[0],
            uint64_t(1) << 63);
  EXPECT_EQ(run<uint32_t>("cvt.rzi.s32.f64 $d, $a;", wide, wide, wide)[0],
            uint32_t(1) << 31);
}

TEST(Instruction, convertsBetweenFloatWidths) {
  auto d = run<uint16_t>("cvt.rn.f16.f32 $d, $a;", floats, floats, floats);
  auto e = run<uint16_t>("cvt.rn.bf16.f32 $d, $a;", floats, floats, floats);
  for (int lane = 0; lane < 32; ++lane) {
    float x = floats[lane];
    uint16_t half = std::bit_cast<uint16_t>(_Float16(x));
    EXPECT_EQ(d[lane], std::isnan(x) ? 0x7fff : half) << x;
    uint32_t bits = std::bit_cast<uint32_t>(x);
    uint16_t bfloat = uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    EXPECT_EQ(e[lane], std::isnan(x) ? 0x7fff : bfloat) << x;
  }
  auto back = run<float>("cvt.f32.f16 $d, $a;", d, d, d);
  for (int lane = 0; lane < 32; ++lane)
    if (!std::isnan(floats[lane]))
      EXPECT_EQ(back[lane], float(std::bit_cast<_Float16>(d[lane])));
  auto pairs = run<uint32_t>("cvt.rn.bf16x2.f32 $d, $a, 0f3f800000;", floats,
                             floats, floats);
  for (int lane = 0; lane < 32; ++lane)
    EXPECT_EQ(pairs[lane], uint32_t(e[lane]) << 16 | 0x3f80);
}

TEST(Instruction, fusesNarrowFloatsWithOneRounding) {
  std::vector<uint16_t> a, b, c;
  for (int i = 0; i < 32; ++i) {
    a.push_back(std::bit_cast<uint16_t>(_Float16(1.0 + i * 0.0371)));
    b.push_back(std::bit_cast<uint16_t>(_Float16(0.337 * (i + 1))));
    c.push_back(std::bit_cast<uint16_t>(_Float16(-i * 0.34 * 1e-3)));
  }
  auto d = run<uint16_t>("fma.rn.f16 $d, $a, $b, $c;", a, b, c);
  auto value = [](uint16_t x) { return double(std::bit_cast<_Float16>(x)); };
  for (int i = 0; i < 32; ++i) // exact in double for these
    EXPECT_EQ(d[i], std::bit_cast<uint16_t>(
                        _Float16(value(a[i]) * value(b[i]) + value(c[i]))));
}

} // namespace
} // namespace quipu::emulator
