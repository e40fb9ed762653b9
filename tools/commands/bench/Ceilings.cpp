//===- Ceilings.cpp - What this machine can do at best --------------------===//
//
// Loops of loads and of multiply-adds, in versions for each width of vector;
// the widest that the processor has is used, as with the code of packages.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/bench/Ceilings.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace quipu;
using Clock = std::chrono::steady_clock;

namespace {

/// Reads `bytes`, a multiple of readStep, and returns something made of all.
using ReadLoop = uint64_t (*)(const std::byte *data, int64_t bytes);

/// Runs `rounds` rounds of multiply-adds; `seed` is 1 in a way that the
/// compiler cannot know.
using MultiplyLoop = uint64_t (*)(int64_t rounds, float seed);

struct MultiplyAdds {
  MultiplyLoop loop = nullptr;
  int64_t flopsPerRound = 0;
};

/// 8 cache lines a step: as many as keep the load ports of one core busy.
constexpr int64_t readStep = 512;

/// A multiply-add takes 4 cycles (6 for bf16) and two begin each cycle, so 12
/// chains keep the units busy; AVX2 has no registers for more.
constexpr int chains = 12;

} // namespace

#if defined(__x86_64__)

__attribute__((target("avx512f"))) static uint64_t
readAvx512(const std::byte *data, int64_t bytes) {
  __m512i sums[8] = {};
  for (int64_t at = 0; at < bytes; at += readStep)
    for (int i = 0; i < 8; ++i)
      sums[i] = _mm512_or_si512(sums[i], _mm512_load_si512(data + at + i * 64));
  for (int i = 1; i < 8; ++i)
    sums[0] = _mm512_or_si512(sums[0], sums[i]);
  return _mm512_reduce_or_epi64(sums[0]);
}

__attribute__((target("avx2"))) static uint64_t readAvx2(const std::byte *data,
                                                         int64_t bytes) {
  __m256i sums[8] = {};
  for (int64_t at = 0; at < bytes; at += readStep)
    for (int i = 0; i < 16; ++i)
      sums[i % 8] = _mm256_or_si256(
          sums[i % 8], _mm256_load_si256(reinterpret_cast<const __m256i *>(
                           data + at + i * 32)));
  for (int i = 1; i < 8; ++i)
    sums[0] = _mm256_or_si256(sums[0], sums[i]);
  return _mm256_extract_epi64(sums[0], 0) | _mm256_extract_epi64(sums[0], 1) |
         _mm256_extract_epi64(sums[0], 2) | _mm256_extract_epi64(sums[0], 3);
}

__attribute__((target("avx512f"))) static uint64_t
multiplyAvx512(int64_t rounds, float seed) {
  __m512 sums[chains] = {};
  __m512 factor = _mm512_set1_ps(seed);
  for (int64_t round = 0; round < rounds; ++round)
    for (__m512 &sum : sums)
      sum = _mm512_fmadd_ps(sum, factor, factor);
  __m512 total = sums[0];
  for (int i = 1; i < chains; ++i)
    total = _mm512_add_ps(total, sums[i]);
  return static_cast<uint64_t>(_mm512_reduce_add_ps(total));
}

__attribute__((target("avx2,fma"))) static uint64_t multiplyAvx2(int64_t rounds,
                                                                 float seed) {
  __m256 sums[chains] = {};
  __m256 factor = _mm256_set1_ps(seed);
  for (int64_t round = 0; round < rounds; ++round)
    for (__m256 &sum : sums)
      sum = _mm256_fmadd_ps(sum, factor, factor);
  __m256 total = sums[0];
  for (int i = 1; i < chains; ++i)
    total = _mm256_add_ps(total, sums[i]);
  return static_cast<uint64_t>(_mm256_cvtss_f32(total));
}

__attribute__((target("avx512f,avx512bf16"))) static uint64_t
multiplyBf16(int64_t rounds, float seed) {
  __m512 sums[chains] = {};
  __m512 ones = _mm512_set1_ps(seed);
  __m512bh factor = _mm512_cvtne2ps_pbh(ones, ones);
  for (int64_t round = 0; round < rounds; ++round)
    for (__m512 &sum : sums)
      sum = _mm512_dpbf16_ps(sum, factor, factor);
  __m512 total = sums[0];
  for (int i = 1; i < chains; ++i)
    total = _mm512_add_ps(total, sums[i]);
  return static_cast<uint64_t>(_mm512_reduce_add_ps(total));
}

static bool hasAvx512() { return __builtin_cpu_supports("avx512f"); }
static bool hasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#else

static bool hasAvx512() { return false; }
static bool hasAvx2() { return false; }

#endif

static uint64_t readWords(const std::byte *data, int64_t bytes) {
  uint64_t sums[8] = {};
  for (int64_t at = 0; at < bytes; at += sizeof sums)
    for (size_t i = 0; i < 8; ++i) {
      uint64_t word;
      std::memcpy(&word, data + at + i * sizeof word, sizeof word);
      sums[i] |= word;
    }
  return sums[0] | sums[1] | sums[2] | sums[3] | sums[4] | sums[5] | sums[6] |
         sums[7];
}

static uint64_t multiplyScalars(int64_t rounds, float seed) {
  float sums[chains] = {};
  for (int64_t round = 0; round < rounds; ++round)
    for (float &sum : sums)
      sum = sum * seed + seed;
  float total = 0;
  for (float sum : sums)
    total += sum;
  return static_cast<uint64_t>(total);
}

static ReadLoop chooseReadLoop() {
#if defined(__x86_64__)
  if (hasAvx512())
    return readAvx512;
  if (hasAvx2())
    return readAvx2;
#endif
  return readWords;
}

static MultiplyAdds chooseMultiplyAdds(std::string_view arithmetic) {
#if defined(__x86_64__)
  if (arithmetic == "bf16" && hasAvx512() &&
      __builtin_cpu_supports("avx512bf16"))
    return {multiplyBf16, chains * 16 * 2 * 2};
  if (arithmetic == "f32" && hasAvx512())
    return {multiplyAvx512, chains * 16 * 2};
  if (arithmetic == "f32" && hasAvx2())
    return {multiplyAvx2, chains * 8 * 2};
#endif
  if (arithmetic == "f32")
    return {multiplyScalars, chains * 2};
  return {};
}

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double quipu::median(std::vector<double> values) {
  if (values.empty())
    return 0;
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle]
                           : (values[middle - 1] + values[middle]) / 2;
}

Ceilings::Ceilings(AnonymousMemory buffer, int threads)
    : buffer(std::move(buffer)), pool(std::make_unique<ThreadPool>(threads)),
      sinks(threads) {}

Result<Ceilings> Ceilings::create(int64_t bytes, int threads) {
  int64_t unit = readStep * threads;
  int64_t size = std::clamp<int64_t>(bytes, unit, int64_t(1) << 30);
  size = (size + unit - 1) / unit * unit;
  Result<AnonymousMemory> buffer =
      AnonymousMemory::allocate(size, "the buffer that reads are measured on");
  if (!buffer)
    return buffer.error();
  // Pages that were never written are all the same page of zeros.
  std::memset(buffer->data(), 1, static_cast<size_t>(size));
  return Ceilings(std::move(*buffer), threads);
}

double Ceilings::readBytesPerSecond(double seconds) {
  ReadLoop loop = chooseReadLoop();
  int64_t part = buffer.size() / threads();
  std::vector<double> rates;
  Clock::time_point start = Clock::now();
  do {
    Clock::time_point before = Clock::now();
    pool->run([&](int thread) {
      sinks[thread] += loop(buffer.data() + thread * part, part);
    });
    rates.push_back(double(part * threads()) / secondsSince(before));
  } while (secondsSince(start) < seconds);
  return median(std::move(rates));
}

double Ceilings::flopsPerSecond(std::string_view arithmetic, double seconds) {
  MultiplyAdds chosen = chooseMultiplyAdds(arithmetic);
  if (!chosen.loop)
    return 0;
  constexpr int64_t rounds = 100'000; // about 0.2 ms
  volatile float seed = 1;
  float factor = seed;
  std::vector<double> rates;
  Clock::time_point start = Clock::now();
  do {
    Clock::time_point before = Clock::now();
    pool->run(
        [&](int thread) { sinks[thread] += chosen.loop(rounds, factor); });
    rates.push_back(double(rounds * chosen.flopsPerRound * threads()) /
                    secondsSince(before));
  } while (secondsSince(start) < seconds);
  return median(std::move(rates));
}
