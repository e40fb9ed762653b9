//===- Sample.cu - From logits to the next token, on a GPU ----------------===//
//
// Sampler.cpp for one row a block, in the same order and the same precision, so
// that both draw the same tokens. Compiled to PTX by clang, without a toolkit;
// what it is given is described in SampleLayout.h.
//
//   penalty     logits of the history's last tokens, in place
//   bound       the k-th best of the threads' best candidates: at least k of
//               all are as good, and seldom many more
//   collect     those, in shared memory; sort; keep k
//   choose      exponentials by all threads, sums and the draw by one
//
// A candidate is a 64-bit key: the logit's bits in order, then the index from
// the end, so that equals are ordered by their index and no two are the same.
// Floor: two reads of the row, from the L2 cache.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/SampleLayout.h"

// Without the toolkit's headers nothing else says what is compiled for a GPU.
#pragma clang force_cuda_host_device begin

using namespace quipu::cuda;

namespace {

constexpr int32_t capacity = 2048; // candidates that are sorted

/// The block's shared memory.
struct Scratch {
  uint64_t keys[capacity];
  double filtered[sampleMostCandidates]; // exp, as the filters see it
  double drawn[sampleMostCandidates];    // exp, as the draw sees it
  float logits[sampleMostCandidates];
  int32_t count;
};

struct Row {
  float *logits;
  int32_t vocabulary;
  int32_t *history;
  float *scratch;
};

int32_t thread() { return __nvvm_read_ptx_sreg_tid_x(); }
void barrier() { __syncthreads(); }

/// 0 where the logit is no candidate: NaN or -infinity.
uint64_t keyOf(float logit, int32_t index) {
  if (!(logit > -__builtin_inff()))
    return 0;
  uint32_t bits = __builtin_bit_cast(uint32_t, logit + 0.0f); // -0 is 0
  bits = bits >> 31 ? ~bits : bits | 0x80000000u;
  return uint64_t(bits) << 32 | (0xffffffffu - uint32_t(index));
}

int32_t indexOf(uint64_t key) { return int32_t(0xffffffffu - uint32_t(key)); }

int32_t add(int32_t *to, int32_t value) {
  return __scoped_atomic_fetch_add(to, value, __ATOMIC_RELAXED,
                                   __MEMORY_SCOPE_WRKGRP);
}

/// Sorts `count` keys, a power of two, the greatest first.
void sort(uint64_t *keys, int32_t count) {
  for (int32_t size = 2; size <= count; size *= 2)
    for (int32_t stride = size / 2; stride > 0; stride /= 2) {
      barrier();
      for (int32_t i = thread(); i < count / 2; i += sampleThreads) {
        int32_t at = 2 * i - (i & (stride - 1));
        uint64_t left = keys[at], right = keys[at + stride];
        if ((left < right) == ((at & size) == 0)) {
          keys[at] = right;
          keys[at + stride] = left;
        }
      }
    }
  barrier();
}

/// A token counts once however often it was seen: all are computed before the
/// first is changed.
void penalize(const Row &row, const SampleSettings &settings, int64_t length) {
  if (settings.penalty == 1.0f)
    return;
  int64_t last = settings.penaltyLast;
  int64_t first = last >= 0 && last < length ? length - last : 0;
  for (int64_t i = first + thread(); i < length; i += sampleThreads) {
    int32_t token = row.history[i];
    if (token < 0 || token >= row.vocabulary)
      continue;
    float logit = row.logits[token];
    row.scratch[i] =
        logit > 0 ? logit / settings.penalty : logit * settings.penalty;
  }
  barrier();
  for (int64_t i = first + thread(); i < length; i += sampleThreads) {
    int32_t token = row.history[i];
    if (token >= 0 && token < row.vocabulary)
      // Threads with the same token store the same.
      __scoped_atomic_store_n(reinterpret_cast<uint32_t *>(row.logits + token),
                              __builtin_bit_cast(uint32_t, row.scratch[i]),
                              __ATOMIC_RELAXED, __MEMORY_SCOPE_WRKGRP);
  }
  barrier();
}

/// Candidates of the row from `bound` on, in every thread; those that there is
/// room for are put in keys.
int32_t collect(const Row &row, uint64_t bound, Scratch &shared, bool keep) {
  barrier();
  if (thread() == 0)
    shared.count = 0;
  barrier();
  int32_t mine = 0;
  for (int32_t i = thread(); i < row.vocabulary; i += sampleThreads) {
    uint64_t key = keyOf(row.logits[i], i);
    if (key == 0 || key < bound)
      continue;
    if (!keep) {
      ++mine;
    } else if (int32_t slot = add(&shared.count, 1); slot < capacity) {
      shared.keys[slot] = key;
    }
  }
  if (mine)
    add(&shared.count, mine);
  barrier();
  return shared.count;
}

/// Where as many of the threads' best are equal as there is no room for (rows
/// of one value), halves the range of keys until between `least` and capacity
/// of them are left.
uint64_t tighten(const Row &row, uint64_t low, uint64_t high, int32_t least,
                 Scratch &shared) {
  while (high - low > 1) {
    uint64_t middle = low + (high - low) / 2;
    int32_t count = collect(row, middle, shared, /*keep=*/false);
    if (count > capacity)
      low = middle;
    else if (count < least)
      high = middle;
    else
      return middle;
  }
  return low;
}

/// Leaves the best `most` candidates at the front of keys, in order, and
/// returns how many there are.
int32_t select(const Row &row, int32_t most, Scratch &shared) {
  uint64_t best = 0;
  for (int32_t i = thread(); i < row.vocabulary; i += sampleThreads) {
    uint64_t key = keyOf(row.logits[i], i);
    best = key > best ? key : best;
  }
  barrier();
  shared.keys[thread()] = best;
  sort(shared.keys, sampleThreads);
  uint64_t bound = shared.keys[most - 1], highest = shared.keys[0];
  int32_t count = collect(row, bound, shared, /*keep=*/true);
  if (count > capacity) {
    bound = tighten(row, bound, highest + 1, most, shared);
    count = collect(row, bound, shared, /*keep=*/true);
  }
  int32_t sorted = 2;
  while (sorted < count)
    sorted *= 2;
  for (int32_t i = count + thread(); i < sorted; i += sampleThreads)
    shared.keys[i] = 0;
  sort(shared.keys, sorted);
  return count < most ? count : most;
}

/// e^x of an x <= 0, within 1.5 units of the last place; the polynomial is
/// Taylor's over half of ln 2.
double exponential(double x) {
  if (!(x > -745.0))
    return 0;
  constexpr double rounder = 6755399441055744.0; // 1.5 * 2^52
  double k = x * 1.4426950408889634074 + rounder - rounder;
  double r = __builtin_fma(-k, 6.93147180369123816490e-01, x);
  r = __builtin_fma(-k, 1.90821492927058770002e-10, r);
  double sum = 1.0 / 6227020800.0; // 13!
  constexpr double terms[] = {1.0 / 479001600,
                              1.0 / 39916800,
                              1.0 / 3628800,
                              1.0 / 362880,
                              1.0 / 40320,
                              1.0 / 5040,
                              1.0 / 720,
                              1.0 / 120,
                              1.0 / 24,
                              1.0 / 6,
                              1.0 / 2,
                              1.0,
                              1.0};
#pragma unroll
  for (double term : terms)
    sum = __builtin_fma(sum, r, term);
  auto exponent = int32_t(k);
  // Subnormal results take the last powers of two by themselves.
  int32_t rest = exponent < -1000 ? exponent + 1000 : 0;
  auto power = [](int32_t e) {
    return __builtin_bit_cast(double, uint64_t(int64_t(e) + 1023) << 52);
  };
  return sum * power(exponent - rest) * power(rest);
}

uint64_t rotateLeft(uint64_t x, int bits) {
  return x << bits | x >> (64 - bits);
}

/// Random::uniform().
double uniform(uint64_t *state) {
  uint64_t result = rotateLeft(state[0] + state[3], 23) + state[0];
  uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotateLeft(state[3], 45);
  return double(result >> 11) * 0x1p-53;
}

/// Sampler::keepTopP() and keepMinP(): how many candidates are left.
int32_t filter(const Scratch &shared, const SampleSettings &settings,
               int32_t count) {
  if (settings.topP < 1) {
    double total = 0, reached = 0;
    for (int32_t i = 0; i < count; ++i)
      total += shared.filtered[i];
    for (int32_t i = 0; i < count; ++i) {
      reached += shared.filtered[i];
      if (reached >= settings.topP * total)
        count = i + 1;
    }
  }
  double least = double(shared.logits[0]) + settings.minPDrop;
  while (count > 1 && shared.logits[count - 1] < least)
    --count;
  return count;
}

/// The candidate that is drawn, by one thread.
int32_t draw(const Scratch &shared, const SampleSettings &settings,
             int32_t count, uint64_t *random) {
  if (count == 0)
    return -1;
  if (settings.temper == 0)
    return indexOf(shared.keys[0]);
  if (shared.logits[0] == __builtin_inff()) {
    uniform(random);                // a draw like any other
    return indexOf(shared.keys[0]); // differences with it are not numbers
  }
  count = filter(shared, settings, count);
  double total = 0;
  for (int32_t i = 0; i < count; ++i)
    total += shared.drawn[i];
  double left = uniform(random) * total;
  for (int32_t i = 0; i < count; ++i) {
    left -= shared.drawn[i];
    if (left < 0)
      return indexOf(shared.keys[i]);
  }
  return indexOf(shared.keys[0]); // rounding left a remainder
}

} // namespace

extern "C" __attribute__((global, launch_bounds(sampleThreads))) void
quipu_sample(float *logits, const int64_t *dims,
             const SampleSettings *settingsAt, SampleState *states,
             int32_t *history, float *scratch, int32_t *tokens,
             uint64_t vocabulary, uint64_t historyLength) {
  static __attribute__((shared)) Scratch shared;
  int32_t index = __nvvm_read_ptx_sreg_ctaid_x();
  if (index >= dims[1]) // KernelDims::rows
    return;
  SampleSettings settings = *settingsAt;
  SampleState &state = states[index];
  int64_t length = state.length;
  Row row = {logits + index * vocabulary, int32_t(vocabulary),
             history + index * historyLength, scratch + index * historyLength};
  penalize(row, settings, length);
  int32_t count = select(row, settings.topK, shared);
  int32_t i = thread();
  if (i < count) {
    float logit = row.logits[indexOf(shared.keys[i])];
    double best = row.logits[indexOf(shared.keys[0])];
    shared.logits[i] = logit;
    shared.filtered[i] = exponential((logit - best) * settings.filterScale);
    shared.drawn[i] = exponential((logit - best) * settings.temper);
  }
  barrier();
  if (i != 0)
    return;
  int32_t token = draw(shared, settings, count, state.random);
  tokens[index] = token;
  if (length < int64_t(historyLength)) {
    row.history[length] = token;
    state.length = length + 1;
  }
}
