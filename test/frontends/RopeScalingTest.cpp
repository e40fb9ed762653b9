//===- RopeScalingTest.cpp - Frequencies of every RoPE variant ------------===//
//
// Expected values were printed by LlamaRotaryEmbedding of transformers 5.23.
//
//===----------------------------------------------------------------------===//

#include "frontends/RopeScaling.h"

#include <cmath>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using Kind = RopeScaling::Kind;

RopeScaling scalingOf(Kind kind) {
  RopeScaling scaling;
  scaling.kind = kind;
  scaling.dimension = 16;
  scaling.factor = 4;
  scaling.originalMaxPositionEmbeddings = 64;
  return scaling;
}

/// Equal up to one unit in the last place: power functions differ there.
void expectFrequencies(const RopeScaling &scaling,
                       const std::vector<float> &expected,
                       double attention = 1.0) {
  Result<Rope> rope = computeRope(scaling, RopePairing::half);
  ASSERT_TRUE(rope) << rope.error().message;
  ASSERT_EQ(rope->inverseFrequencies.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(rope->inverseFrequencies[i], expected[i], expected[i] * 1.3e-7)
        << i;
  EXPECT_EQ(rope->attentionFactor, float(attention));
}

TEST(RopeScaling, Plain) {
  expectFrequencies(scalingOf(Kind::none),
                    {0x1p+0, 0x1.43d136p-2, 0x1.99999ap-4, 0x1.030dc6p-5,
                     0x1.47ae14p-7, 0x1.9e7c7p-9, 0x1.0624dep-10,
                     0x1.4b96cp-12});
  RopeScaling theta = scalingOf(Kind::none);
  theta.theta = 500000;
  expectFrequencies(theta, {0x1p+0, 0x1.8d276p-3, 0x1.34119p-5, 0x1.ddee9ep-8,
                            0x1.72ba42p-10, 0x1.1f91fp-12, 0x1.be2188p-15,
                            0x1.5a0f4ep-17});
}

TEST(RopeScaling, Linear) {
  RopeScaling scaling = scalingOf(Kind::linear);
  scaling.factor = 3;
  expectFrequencies(scaling, {0x1.555556p-2, 0x1.afc19ep-4, 0x1.111112p-5,
                              0x1.5967b2p-7, 0x1.b4e81ap-9, 0x1.1452f6p-10,
                              0x1.5d867ep-12, 0x1.ba1e56p-14});
}

TEST(RopeScaling, Llama3) {
  RopeScaling scaling = scalingOf(Kind::llama3);
  scaling.factor = 8;
  expectFrequencies(scaling, {0x1p+0, 0x1.f47fe8p-3, 0x1.ab5e6p-7,
                              0x1.030dc6p-8, 0x1.47ae14p-10, 0x1.9e7c7p-12,
                              0x1.0624dep-13, 0x1.4b96cp-15});
}

TEST(RopeScaling, Yarn) {
  RopeScaling scaling = scalingOf(Kind::yarn);
  scaling.betaFast = 4;
  expectFrequencies(scaling,
                    {0x1p+0, 0x1.e5b9dp-3, 0x1.999998p-5, 0x1.030dc6p-7,
                     0x1.47ae14p-9, 0x1.9e7c7p-11, 0x1.0624dep-12,
                     0x1.4b96cp-14},
                    1.138629436111989);
  scaling.attentionFactor = 0.5;
  Result<Rope> rope = computeRope(scaling, RopePairing::half);
  ASSERT_TRUE(rope);
  EXPECT_EQ(rope->attentionFactor, 0.5f);
}

TEST(RopeScaling, YarnWithMscaleAndFractionalRange) {
  RopeScaling scaling = scalingOf(Kind::yarn);
  scaling.mscale = 0.707;
  scaling.mscaleAllDim = 1.2;
  scaling.truncate = false;
  expectFrequencies(scaling,
                    {0x1p+0, 0x1.96b2f6p-3, 0x1.a35a42p-6, 0x1.030dc6p-7,
                     0x1.47ae14p-9, 0x1.9e7c7p-11, 0x1.0624dep-12,
                     0x1.4b96cp-14},
                    0.941403523749669);
}

TEST(RopeScaling, Longrope) {
  RopeScaling scaling = scalingOf(Kind::longrope);
  scaling.divisors = {1.0f, 1.1f, 1.2f, 1.5f, 2, 3, 4, 5};
  expectFrequencies(scaling,
                    {0x1p+0, 0x1.266118p-2, 0x1.555556p-4, 0x1.5967bp-6,
                     0x1.47ae14p-8, 0x1.1452f6p-10, 0x1.0624dep-12,
                     0x1.094566p-14},
                    1.1547005383792517);
}

TEST(RopeScaling, DivisorsWithoutAKindDivide) {
  RopeScaling scaling = scalingOf(Kind::none);
  scaling.divisors = {1, 1, 1, 1, 1, 1, 1, 8};
  Result<Rope> rope = computeRope(scaling, RopePairing::interleaved);
  ASSERT_TRUE(rope);
  EXPECT_EQ(rope->pairing, RopePairing::interleaved);
  EXPECT_NEAR(rope->inverseFrequencies[7], 0x1.4b96cp-15, 1e-11);
}

TEST(RopeScaling, BadParametersAreNamed) {
  auto message = [](auto change) {
    RopeScaling scaling = scalingOf(Kind::llama3);
    change(scaling);
    Result<Rope> rope = computeRope(scaling, RopePairing::half);
    return rope ? "none" : rope.error().message;
  };
  auto expectField = [&](const char *field, auto change) {
    EXPECT_EQ(message(change).rfind(field, 0), 0u) << message(change);
  };
  EXPECT_EQ(message([](RopeScaling &) {}), "none");
  expectField("rotary dimension", [](auto &s) { s.dimension = 15; });
  expectField("rotary dimension", [](auto &s) { s.dimension = -2; });
  expectField("rotary dimension", [](auto &s) { s.dimension = 1 << 30; });
  expectField("rope_theta", [](auto &s) { s.theta = 0; });
  expectField("rope_theta", [](auto &s) { s.theta = NAN; });
  expectField("rope_theta", [](auto &s) { s.theta = 1e300; });
  expectField("rope scaling factor", [](auto &s) { s.factor = -1; });
  expectField("original_max_position_embeddings",
              [](auto &s) { s.originalMaxPositionEmbeddings = 0; });
  expectField("high_freq_factor", [](auto &s) { s.highFreqFactor = 1; });
  expectField("beta_fast", [](auto &s) {
    s.kind = Kind::yarn;
    s.betaFast = 0.5;
  });
  expectField("rope has 3 frequency factors",
              [](auto &s) { s.divisors = {1, 2, 3}; });
  expectField("a rope frequency factor",
              [](auto &s) { s.divisors = {1, 2, 3, 4, 5, 6, 7, 0}; });
}

} // namespace
} // namespace quipu
