//===- Sampler.h - From logits to the next token ----------------*- C++ -*-===//
//
// The usual chain of penalties and filters in either of the two orders that
// users know, and one draw from what is left.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SAMPLER_SAMPLER_H
#define QUIPU_RUNTIME_SAMPLER_SAMPLER_H

#include "base/Result.h"
#include "runtime/sampler/Random.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace quipu {

/// In what order, and over which tokens, settings act.
enum class SamplerCompat {
  /// penalty (the last penaltyLast tokens), top-k, top-p, min-p, temperature:
  /// the filters see the model's own probabilities.
  llamaCpp,
  /// penalty (all tokens), temperature, top-k, top-p, min-p: the filters see
  /// the tempered probabilities.
  huggingFace,
};

struct SamplerOptions {
  float temperature = 0.8f;       // 0: the most likely token
  int topK = 40;                  // 0: all
  float topP = 0.95f;             // 1: all
  float minP = 0.05f;             // 0: all
  float repetitionPenalty = 1.0f; // 1: none
  int penaltyLast = 64;           // tokens; -1: all of them; 0: none
  uint64_t seed = 0;
  SamplerCompat compat = SamplerCompat::llamaCpp;
};

/// Whether all values make sense; errors name the setting as a flag.
Result<void> check(const SamplerOptions &options);

/// Index of the greatest logit, the lowest one among equals; NaN is smaller
/// than any number. Nothing where all are NaN or -inf.
std::optional<int32_t> argmax(std::span<const float> logits);

/// All that the next tokens of a sequence depend on beside their logits.
struct Sampling {
  SamplerOptions options;
  Random random;
  std::span<const int32_t> history; // prompt and answer, in order
};

class Sampler {
public:
  /// Of options that check() accepts.
  explicit Sampler(const SamplerOptions &options)
      : options(options), random(options.seed) {}

  /// The choice depends on the greatest logit alone, so that the argmax of a
  /// device will do.
  bool isGreedy() const {
    return options.temperature <= 0 && options.repetitionPenalty == 1.0f;
  }

  /// The next token after `history` (prompt and answer, in order). Nothing
  /// where no logit is a number above -inf. One random number a call, unless
  /// the temperature is 0: the candidates, from the most likely one down (ties
  /// by index), share [0, 1) in proportion to their probabilities.
  std::optional<int32_t> sample(std::span<const float> logits,
                                std::span<const int32_t> history);

  /// What another needs to draw in place of sample().
  Sampling sampling(std::span<const int32_t> history) const {
    return {options, random, history};
  }
  /// Follows a draw that another made.
  void skip() {
    if (options.temperature > 0)
      random.next();
  }

private:
  struct Candidate {
    float logit;
    int32_t token;
  };
  static bool isBetter(const Candidate &a, const Candidate &b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  }

  std::span<const float> penalize(std::span<const float> logits,
                                  std::span<const int32_t> history);
  void collect(std::span<const float> logits);
  void sortBest(size_t count);
  void keepTopP(float scale);
  void keepMinP(float scale);
  int32_t draw(float scale);

  SamplerOptions options;
  Random random;
  std::vector<float> penalized;      // a copy of the logits
  std::vector<Candidate> candidates; // the first `sorted` in order
  size_t sorted = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SAMPLER_SAMPLER_H
