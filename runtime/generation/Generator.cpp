//===- Generator.cpp - From a prompt to a stream of tokens ----------------===//
//
// A sampled token is evaluated only when a token after it is wanted.
//
//===----------------------------------------------------------------------===//

#include "runtime/generation/Generator.h"

#include <algorithm>
#include <chrono>

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The state of one answer.
class Answer {
public:
  Answer(Engine &engine, Sequence &sequence, std::span<const int32_t> prompt,
         const GenerationOptions &options)
      : engine(engine), sequence(sequence), options(options),
        sampler(options.sampler), history(prompt.begin(), prompt.end()) {}

  Result<Generation> run();

private:
  bool isCancelled() const {
    return options.cancelled &&
           options.cancelled->load(std::memory_order_relaxed);
  }
  Result<StepResult> prefill();
  Result<void> check(int32_t token) const;
  Result<int32_t> sample(const StepResult &result);
  Result<void> decodeGreedily();
  Result<void> decodeDrawing();
  int64_t stepsLeft() const;
  std::optional<StopReason> accept(int32_t token);
  bool take(int32_t token, Result<void> &checked,
            std::optional<StopReason> &reason);

  Engine &engine;
  Sequence &sequence;
  const GenerationOptions &options;
  Sampler sampler;
  std::vector<int32_t> history; // prompt and answer
  Generation generation;
};

Result<StepResult> Answer::prefill() {
  std::span<const int32_t> known = sequence.tokens();
  size_t common =
      std::mismatch(known.begin(), known.end(), history.begin(), history.end())
          .first -
      known.begin();
  // The last token must be evaluated, for its logits.
  common = std::min(common, history.size() - 1);
  sequence.truncate(static_cast<int64_t>(common));
  auto fresh = std::span<const int32_t>(history).subspan(common);
  auto total = static_cast<int64_t>(fresh.size());
  generation.timings.reusedTokens = static_cast<int64_t>(common);
  generation.timings.promptTokens = total;
  // The argmax entry may come with small buckets only.
  bool byArgmax = sampler.isGreedy() &&
                  engine.maxStepTokens(Entry::argmax) >=
                      std::min(total, engine.maxStepTokens(Entry::logits));
  auto result =
      engine.prefill(sequence, fresh, byArgmax ? Entry::argmax : Entry::logits,
                     [&](int64_t done) {
                       if (options.onPrefill)
                         options.onPrefill(done, total);
                       return !isCancelled();
                     });
  if (result && options.onPrefill)
    options.onPrefill(total, total);
  return result;
}

Result<void> Answer::check(int32_t token) const {
  if (token >= 0 && token < engine.vocabSize())
    return {};
  return Error{"the model's logits are not numbers; its weights or its "
               "code are damaged"};
}

Result<int32_t> Answer::sample(const StepResult &result) {
  std::optional<int32_t> token;
  if (!result.argmax.empty())
    token = result.argmax[0];
  else
    token = sampler.sample(result.logits, history);
  if (Result<void> checked = check(token.value_or(-1)); !checked)
    return checked.error();
  return *token;
}

/// Takes a token into the answer; a reason if it is the last.
std::optional<StopReason> Answer::accept(int32_t token) {
  if (std::find(options.stopIds.begin(), options.stopIds.end(), token) !=
      options.stopIds.end())
    return StopReason::endOfSequence;
  generation.tokens.push_back(token);
  history.push_back(token);
  if (options.onToken && !options.onToken(token))
    return StopReason::callback;
  if (options.maxTokens >= 0 &&
      int64_t(generation.tokens.size()) >= options.maxTokens)
    return StopReason::maxTokens;
  if (sequence.length() >= engine.context())
    return StopReason::contextFull;
  return std::nullopt;
}

/// Takes a token that the device chose by itself; false ends the answer, for
/// `reason` or an error.
bool Answer::take(int32_t token, Result<void> &checked,
                  std::optional<StopReason> &reason) {
  generation.timings.decodeTokens += 1;
  if (isCancelled())
    reason = StopReason::cancelled;
  else if (checked = check(token); checked)
    reason = accept(token);
  return checked && !reason;
}

/// Steps until the context is full or the answer has all its tokens.
int64_t Answer::stepsLeft() const {
  int64_t steps = engine.context() - sequence.length();
  if (options.maxTokens >= 0)
    steps = std::min(steps, options.maxTokens -
                                static_cast<int64_t>(generation.tokens.size()));
  return steps;
}

/// The rest of the answer, after its first token.
Result<void> Answer::decodeGreedily() {
  std::optional<StopReason> reason;
  Result<void> checked;
  Result<void> decoded = engine.decodeGreedily(
      sequence, history.back(), stepsLeft(),
      [&](int32_t token) { return take(token, checked, reason); });
  if (!decoded || !checked)
    return decoded ? checked : decoded;
  generation.reason = reason.value_or(StopReason::contextFull);
  return {};
}

/// As decodeGreedily(), with tokens that the device draws.
Result<void> Answer::decodeDrawing() {
  std::optional<StopReason> reason;
  Result<void> checked;
  while (!reason) {
    // A copy: the history grows, and moves, while tokens come.
    std::vector<int32_t> before = history;
    Result<void> decoded =
        engine.decodeDrawing(sequence, history.back(), stepsLeft(),
                             sampler.sampling(before), [&](int32_t token) {
                               sampler.skip();
                               return take(token, checked, reason);
                             });
    if (!decoded || !checked)
      return decoded ? checked : decoded;
  }
  generation.reason = *reason;
  return {};
}

Result<Generation> Answer::run() {
  if (options.maxTokens == 0) {
    generation.reason = StopReason::maxTokens;
    return generation;
  }
  auto start = Clock::now();
  Result<StepResult> result = prefill();
  generation.timings.promptSeconds = secondsSince(start);
  start = Clock::now();
  Entry entry = sampler.isGreedy() && engine.has(Entry::argmax) ? Entry::argmax
                                                                : Entry::logits;
  for (;;) {
    if (isCancelled()) { // a cancelled prefill ends with an error
      generation.reason = StopReason::cancelled;
      break;
    }
    if (!result)
      return result.error();
    auto token = sample(*result);
    if (!token)
      return token.error();
    if (auto reason = accept(*token)) {
      generation.reason = *reason;
      break;
    }
    bool greedy = entry == Entry::argmax;
    if (greedy || engine.drawsTokens(sampler.sampling(history))) {
      if (auto done = greedy ? decodeGreedily() : decodeDrawing(); !done)
        return done.error();
      break;
    }
    StepRequest request = {&sequence, {&history.back(), 1}, Rows::last};
    result = engine.step({&request, 1}, entry);
    generation.timings.decodeTokens += 1;
  }
  generation.timings.decodeSeconds = secondsSince(start);
  return std::move(generation);
}

} // namespace

std::string_view name(StopReason reason) {
  switch (reason) {
  case StopReason::endOfSequence:
    return "end_of_sequence";
  case StopReason::callback:
    return "stop_string";
  case StopReason::maxTokens:
    return "max_tokens";
  case StopReason::contextFull:
    return "context_full";
  case StopReason::cancelled:
    return "cancelled";
  }
  return "unknown";
}

Result<Generation> generate(Engine &engine, Sequence &sequence,
                            std::span<const int32_t> prompt,
                            const GenerationOptions &options) {
  if (Result<void> checked = check(options.sampler); !checked)
    return checked.error();
  if (prompt.empty())
    return Error{"prompt: expected at least one token, found none"};
  if (int64_t(prompt.size()) > engine.context())
    return Error{
        "prompt: expected at most " + std::to_string(engine.context()) +
        " tokens (the context), found " + std::to_string(prompt.size())};
  return Answer(engine, sequence, prompt, options).run();
}

} // namespace quipu
