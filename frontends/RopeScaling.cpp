//===- RopeScaling.cpp - Rotary frequencies of every variant --------------===//
//
// The formulas of Hugging Face's modeling_rope_utils (linear: kaiokendev;
// llama3: Meta; yarn: arXiv 2309.00071; longrope: arXiv 2402.13753). Tensors
// there are f32 and Python scalars f64, and so are the variables here.
//
//===----------------------------------------------------------------------===//

#include "frontends/RopeScaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace quipu {
namespace {

/// theta ** (2i / dimension) for pair i, as one f32 power.
std::vector<float> wavePowers(const RopeScaling &scaling) {
  std::vector<float> powers;
  for (int64_t i = 0; i < scaling.dimension; i += 2) {
    float exponent = float(i) / float(scaling.dimension);
    // Rounded once from double: f32 power functions differ in the last place.
    powers.push_back(float(std::pow(double(float(scaling.theta)), exponent)));
  }
  return powers;
}

/// Long waves are slowed by the factor, short ones kept, and those between
/// interpolated.
void scaleLlama3(const RopeScaling &scaling, std::vector<float> &frequencies) {
  double original = double(scaling.originalMaxPositionEmbeddings);
  float lowWavelength = float(original / scaling.lowFreqFactor);
  float highWavelength = float(original / scaling.highFreqFactor);
  float factor = float(scaling.factor);
  for (float &frequency : frequencies) {
    float wavelength = float(2 * std::numbers::pi) / frequency;
    float scaled = wavelength > lowWavelength ? frequency / factor : frequency;
    if (!(wavelength < highWavelength) && !(wavelength > lowWavelength)) {
      float smooth =
          (float(original) / wavelength - float(scaling.lowFreqFactor)) /
          float(scaling.highFreqFactor - scaling.lowFreqFactor);
      scaled = (1 - smooth) * scaled / factor + smooth * scaled;
    }
    frequency = scaled;
  }
}

/// The (fractional) pair that turns `rotations` times over the original
/// context.
double correctionDimension(const RopeScaling &scaling, double rotations) {
  return double(scaling.dimension) *
         std::log(double(scaling.originalMaxPositionEmbeddings) /
                  (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(scaling.theta));
}

std::vector<float> yarnFrequencies(const RopeScaling &scaling) {
  double low = correctionDimension(scaling, scaling.betaFast);
  double high = correctionDimension(scaling, scaling.betaSlow);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, double(scaling.dimension - 1));
  if (low == high)
    high += 0.001; // the ramp must not divide by zero
  std::vector<float> frequencies;
  for (float power : wavePowers(scaling)) {
    float i = float(frequencies.size());
    float ramp = std::clamp((i - float(low)) / float(high - low), 0.0f, 1.0f);
    float extrapolated = 1.0f / power;
    float interpolated = 1.0f / (float(scaling.factor) * power);
    float keep = 1.0f - ramp;
    frequencies.push_back(interpolated * (1.0f - keep) + extrapolated * keep);
  }
  return frequencies;
}

double yarnAttentionFactor(const RopeScaling &scaling) {
  auto magnitude = [&](double mscale) {
    return scaling.factor <= 1 ? 1.0
                               : 0.1 * mscale * std::log(scaling.factor) + 1.0;
  };
  // Zero counts as absent, as in Python.
  if (scaling.mscale.value_or(0) != 0 && scaling.mscaleAllDim.value_or(0) != 0)
    return magnitude(*scaling.mscale) / magnitude(*scaling.mscaleAllDim);
  return magnitude(1);
}

double longropeAttentionFactor(const RopeScaling &scaling) {
  if (scaling.factor <= 1)
    return 1.0;
  return std::sqrt(1 +
                   std::log(scaling.factor) /
                       std::log(double(scaling.originalMaxPositionEmbeddings)));
}

bool isPositive(double value) { return std::isfinite(value) && value > 0; }

Error outOfRange(const char *field, double value, const char *expected) {
  return Error{std::string(field) + " is " + std::to_string(value) +
               ", expected " + expected};
}

Result<void> check(const RopeScaling &scaling) {
  using Kind = RopeScaling::Kind;
  constexpr int64_t most = 1024; // as of head_dim: the table is made from it
  if (scaling.dimension < 2 || scaling.dimension > most ||
      scaling.dimension % 2 != 0)
    return Error{"rotary dimension is " + std::to_string(scaling.dimension) +
                 ", expected an even number from 2 to " + std::to_string(most)};
  if (!isPositive(scaling.theta) || scaling.theta <= 1 ||
      !std::isfinite(float(scaling.theta)))
    return outOfRange("rope_theta", scaling.theta, "a number above 1");
  if (!scaling.divisors.empty() &&
      int64_t(scaling.divisors.size()) != scaling.dimension / 2)
    return Error{"rope has " + std::to_string(scaling.divisors.size()) +
                 " frequency factors, expected " +
                 std::to_string(scaling.dimension / 2)};
  for (float divisor : scaling.divisors)
    if (!isPositive(divisor))
      return outOfRange("a rope frequency factor", divisor,
                        "a positive number");
  if (scaling.kind == Kind::none)
    return {};
  if (!isPositive(scaling.factor))
    return outOfRange("rope scaling factor", scaling.factor,
                      "a positive number");
  if (scaling.attentionFactor && !isPositive(*scaling.attentionFactor))
    return outOfRange("rope attention_factor", *scaling.attentionFactor,
                      "a positive number");
  if (scaling.kind == Kind::linear)
    return {};
  if (scaling.originalMaxPositionEmbeddings < 2)
    return outOfRange("original_max_position_embeddings",
                      double(scaling.originalMaxPositionEmbeddings),
                      "a number from 2");
  if (scaling.kind == Kind::llama3 &&
      (!isPositive(scaling.lowFreqFactor) ||
       !isPositive(scaling.highFreqFactor) ||
       scaling.highFreqFactor <= scaling.lowFreqFactor))
    return outOfRange("high_freq_factor", scaling.highFreqFactor,
                      "a number above a positive low_freq_factor");
  if (scaling.kind == Kind::yarn &&
      (!isPositive(scaling.betaFast) || !isPositive(scaling.betaSlow) ||
       scaling.betaFast < scaling.betaSlow))
    return outOfRange("beta_fast", scaling.betaFast,
                      "a number not below a positive beta_slow");
  return {};
}

} // namespace

Result<Rope> computeRope(const RopeScaling &scaling, RopePairing pairing) {
  using Kind = RopeScaling::Kind;
  if (Result<void> checked = check(scaling); !checked)
    return checked.error();
  Rope rope;
  rope.pairing = pairing;
  std::vector<float> &frequencies = rope.inverseFrequencies;
  if (scaling.kind == Kind::yarn) {
    frequencies = yarnFrequencies(scaling);
    rope.attentionFactor =
        float(scaling.attentionFactor.value_or(yarnAttentionFactor(scaling)));
  } else {
    for (float power : wavePowers(scaling))
      frequencies.push_back(
          scaling.kind == Kind::longrope && !scaling.divisors.empty()
              ? 1.0f / (scaling.divisors[frequencies.size()] * power)
              : 1.0f / power);
  }
  if (scaling.kind == Kind::longrope) {
    rope.attentionFactor = float(
        scaling.attentionFactor.value_or(longropeAttentionFactor(scaling)));
  } else if (!scaling.divisors.empty()) {
    for (size_t i = 0; i < frequencies.size(); ++i)
      frequencies[i] /= scaling.divisors[i];
  }
  if (scaling.kind == Kind::linear)
    for (float &frequency : frequencies)
      frequency /= float(scaling.factor);
  if (scaling.kind == Kind::llama3)
    scaleLlama3(scaling, frequencies);
  for (float frequency : frequencies)
    if (!std::isfinite(frequency))
      return Error{"rope parameters give a frequency that is not finite"};
  if (!isPositive(rope.attentionFactor))
    return outOfRange("rope attention factor", rope.attentionFactor,
                      "a positive number");
  return rope;
}

} // namespace quipu
