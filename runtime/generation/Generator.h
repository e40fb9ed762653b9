//===- Generator.h - From a prompt to a stream of tokens --------*- C++ -*-===//
//
// The generation loop: prefill what the cache does not hold yet, then sample
// and decode until something says stop.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_GENERATION_GENERATOR_H
#define QUIPU_RUNTIME_GENERATION_GENERATOR_H

#include "runtime/generation/Engine.h"
#include "runtime/sampler/Sampler.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace quipu {

struct GenerationOptions {
  SamplerOptions sampler;
  int64_t maxTokens = -1;       // -1: until the context is full
  std::vector<int32_t> stopIds; // end-of-sequence tokens; not passed on
  /// Sees each token of the answer; false ends the answer with this token (a
  /// stop string was found).
  std::function<bool(int32_t token)> onToken;
  /// Told how many of the prompt's new tokens are evaluated.
  std::function<void(int64_t done, int64_t total)> onPrefill;
  /// Set by a signal handler or another thread to end early; may be null.
  const std::atomic<bool> *cancelled = nullptr;
};

enum class StopReason {
  endOfSequence, // a stop id came
  callback,      // onToken said so
  maxTokens,
  contextFull,
  cancelled,
};

/// "end_of_sequence", ...: for JSON output.
std::string_view name(StopReason reason);

/// Prompt and decode apart, because they are bound by different things.
struct GenerationTimings {
  int64_t promptTokens = 0; // evaluated; not those found in the cache
  int64_t reusedTokens = 0; // found in the cache
  double promptSeconds = 0; // until the first token could be sampled
  int64_t decodeTokens = 0; // decode steps: tokens after the first
  double decodeSeconds = 0; // sampling and onToken included

  double promptTokensPerSecond() const {
    return promptSeconds > 0 ? double(promptTokens) / promptSeconds : 0;
  }
  double decodeTokensPerSecond() const {
    return decodeSeconds > 0 ? double(decodeTokens) / decodeSeconds : 0;
  }
};

struct Generation {
  std::vector<int32_t> tokens; // the answer, without a stop id
  StopReason reason = StopReason::endOfSequence;
  GenerationTimings timings;
};

/// Continues `prompt`, the ids of the whole conversation so far. What
/// `sequence` already holds of it is used and the rest of the sequence is
/// forgotten, so a chat passes the same sequence each time. Errors: a prompt
/// that is empty or longer than the context, bad sampler settings, logits that
/// are not numbers.
Result<Generation> generate(Engine &engine, Sequence &sequence,
                            std::span<const int32_t> prompt,
                            const GenerationOptions &options);

} // namespace quipu

#endif // QUIPU_RUNTIME_GENERATION_GENERATOR_H
