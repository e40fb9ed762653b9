//===- Random.h - Reproducible random numbers -------------------*- C++ -*-===//
//
// xoshiro256++ (Blackman and Vigna 2019) seeded through splitmix64, so that a
// seed means the same draws on every machine and standard library.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SAMPLER_RANDOM_H
#define QUIPU_RUNTIME_SAMPLER_RANDOM_H

#include <array>
#include <bit>
#include <cstdint>

namespace quipu {

class Random {
public:
  explicit Random(uint64_t seed) {
    for (uint64_t &word : state) {
      uint64_t z = seed += 0x9e3779b97f4a7c15;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  uint64_t next() {
    uint64_t result = std::rotl(state[0] + state[3], 23) + state[0];
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = std::rotl(state[3], 45);
    return result;
  }

  /// Uniform in [0, 1), with 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  const std::array<uint64_t, 4> &words() const { return state; }

private:
  std::array<uint64_t, 4> state;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SAMPLER_RANDOM_H
