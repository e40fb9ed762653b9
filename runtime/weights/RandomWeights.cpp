//===- RandomWeights.cpp - Weights for a model that has none --------------===//
//
// One counter-based generator (splitmix64) a parameter; quantized blocks are
// random bytes with their f16 scales written over.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/RandomWeights.h"

#include "base/Dequantize.h"

#include <cmath>
#include <cstring>

namespace quipu {
namespace {

/// splitmix64 (Steele, Lea, Flood 2014).
class RandomStream {
public:
  explicit RandomStream(uint64_t state) : state(state) {}
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// Uniform in [-1, 1).
  float symmetric() {
    return static_cast<float>(static_cast<int64_t>(next()) >> 40) * 0x1p-23f;
  }

private:
  uint64_t state;
};

uint64_t hashName(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325; // FNV-1a
  for (char c : text)
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

/// Where the f16 scales of a block lie and what they must be for the block's
/// elements, with random bytes elsewhere, to have mean 0 and deviation 1.
struct BlockScales {
  int scaleAt;     // byte offset of d
  int minimumAt;   // byte offset of m or dmin; -1: none
  float deviation; // of the elements for d = 1
  float minimum;   // m or dmin for d = 1
};

/// Deviations follow from uniform quants (q) and sub-block scales (s):
/// sqrt(var(s * q) + minimum^2 * var(s)).
BlockScales blockScales(ElementType type) {
  switch (type) {
  case ElementType::q8_0:
    return {0, -1, 73.9f, 0};
  case ElementType::q4_0:
    return {0, -1, 4.61f, 0};
  case ElementType::q4_1:
    return {0, 2, 4.61f, -7.5f};
  case ElementType::q5_0:
    return {0, -1, 9.23f, 0};
  case ElementType::q5_1:
    return {0, 2, 9.23f, -15.5f};
  case ElementType::q2_k:
    return {80, 82, 13.9f, 1.5f};
  case ElementType::q3_k:
    return {108, -1, 43.3f, 0};
  case ElementType::q4_k:
    return {0, 2, 258.0f, 7.5f};
  case ElementType::q5_k:
    return {0, 2, 527.0f, 15.5f};
  case ElementType::q6_k:
    return {208, -1, 1367.0f, 0};
  default:
    return {-1, -1, 1.0f, 0};
  }
}

void put16(std::byte *target, uint16_t value) {
  std::memcpy(target, &value, sizeof value);
}

void fillBlocks(ElementType type, float deviation, RandomStream &random,
                std::span<std::byte> bytes) {
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word = random.next();
    std::memcpy(&bytes[at], &word, 8);
  }
  if (at < bytes.size()) {
    uint64_t word = random.next();
    std::memcpy(&bytes[at], &word, bytes.size() - at);
  }
  BlockScales scales = blockScales(type);
  float scale = deviation / scales.deviation;
  uint16_t d = floatToHalf(scale),
           minimum = floatToHalf(scale * scales.minimum);
  auto size = static_cast<size_t>(blockBytes(type));
  for (size_t block = 0; block < bytes.size(); block += size) {
    put16(&bytes[block + scales.scaleAt], d);
    if (scales.minimumAt >= 0)
      put16(&bytes[block + scales.minimumAt], minimum);
  }
}

} // namespace

void fillRandom(const plan::Parameter &parameter, uint64_t seed,
                std::span<std::byte> bytes) {
  RandomStream random(hashName(parameter.name) ^ (seed * 0x2545f4914f6cdd1d));
  float deviation = 1.0f / std::sqrt(static_cast<float>(parameter.columns));
  float mean = 0;
  if (parameter.rows == 1) {
    bool isNorm = parameter.name.ends_with("norm");
    mean = isNorm ? 1.0f : 0.0f;
    deviation = isNorm ? 0.05f : 0.02f;
  }
  if (isQuantized(parameter.type)) {
    fillBlocks(parameter.type, deviation, random, bytes);
    return;
  }
  float spread = deviation * std::sqrt(3.0f); // of a uniform distribution
  auto size = static_cast<size_t>(blockBytes(parameter.type));
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    float value = mean + spread * random.symmetric();
    if (parameter.type == ElementType::f16)
      put16(&bytes[at], floatToHalf(value));
    else if (parameter.type == ElementType::bf16)
      put16(&bytes[at], floatToBfloat16(value));
    else
      std::memcpy(&bytes[at], &value, sizeof value);
  }
}

} // namespace quipu
