//===- Sampler.cpp - From logits to the next token ------------------------===//
//
// Filters keep the candidates in a vector whose head is sorted only as far as
// needed; probabilities are sums in f64 relative to the greatest logit.
//
//===----------------------------------------------------------------------===//

#include "runtime/sampler/Sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace quipu {
namespace {

constexpr float lowest = -std::numeric_limits<float>::infinity();
constexpr size_t sumsInOrder = 256; // as many as a GPU draws from

} // namespace

Result<void> check(const SamplerOptions &options) {
  auto refuse = [](const char *flag, const char *expected, double found) {
    return Error{std::string(flag) + ": expected " + expected + ", found " +
                 std::to_string(found)};
  };
  // Written so that NaN fails.
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    return refuse("--temp", "a number from 0", options.temperature);
  if (options.topK < 0)
    return refuse("--top-k", "a number from 0", options.topK);
  if (!(options.topP > 0 && options.topP <= 1))
    return refuse("--top-p", "a number above 0, up to 1", options.topP);
  if (!(options.minP >= 0 && options.minP <= 1))
    return refuse("--min-p", "a number from 0 to 1", options.minP);
  if (!(options.repetitionPenalty > 0) || std::isinf(options.repetitionPenalty))
    return refuse("--repeat-penalty", "a number above 0",
                  options.repetitionPenalty);
  if (options.penaltyLast < -1)
    return refuse("--repeat-last-n", "a number from -1", options.penaltyLast);
  return {};
}

std::optional<int32_t> argmax(std::span<const float> logits) {
  float best = lowest;
  std::optional<int32_t> token;
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] > best) { // false for NaN, and for a later equal
      best = logits[i];
      token = static_cast<int32_t>(i);
    }
  return token;
}

std::optional<int32_t> Sampler::sample(std::span<const float> logits,
                                       std::span<const int32_t> history) {
  logits = penalize(logits, history);
  if (options.temperature <= 0)
    return argmax(logits);
  collect(logits);
  if (candidates.empty())
    return std::nullopt;
  bool tempersFirst = options.compat == SamplerCompat::huggingFace;
  float temper = 1.0f / options.temperature;
  float filterScale = tempersFirst ? temper : 1.0f;
  if (candidates[0].logit == std::numeric_limits<float>::infinity()) {
    random.next();              // a draw like any other, for those who follow
    return candidates[0].token; // differences with it are not numbers
  }
  // Sums of few are in order, so that another can form them to the last bit.
  if (candidates.size() <= sumsInOrder)
    sortBest(candidates.size());
  if (options.topP < 1)
    keepTopP(filterScale);
  if (options.minP > 0)
    keepMinP(filterScale);
  return draw(temper);
}

/// A token seen before has its logit moved towards unlikely, once however often
/// it was seen (Keskar et al. 2019).
std::span<const float> Sampler::penalize(std::span<const float> logits,
                                         std::span<const int32_t> history) {
  if (options.repetitionPenalty == 1.0f)
    return logits;
  if (options.compat == SamplerCompat::llamaCpp && options.penaltyLast >= 0)
    history =
        history.last(std::min<size_t>(history.size(), options.penaltyLast));
  penalized.assign(logits.begin(), logits.end());
  for (int32_t token : history) {
    if (token < 0 || token >= int64_t(logits.size()))
      continue;
    float logit = logits[token]; // of the original: repeats change nothing
    penalized[token] = logit > 0 ? logit / options.repetitionPenalty
                                 : logit * options.repetitionPenalty;
  }
  return penalized;
}

/// Fills `candidates` with the top k (all for 0), the best one in front. What
/// cannot be among them any more is never stored: candidates are cut back to k
/// whenever there are twice as many, and from then on must beat the k-th.
void Sampler::collect(std::span<const float> logits) {
  candidates.clear();
  sorted = 0;
  size_t keep =
      options.topK > 0 ? static_cast<size_t>(options.topK) : logits.size();
  size_t room = std::max<size_t>(2 * keep, 512);
  float floor = lowest;
  auto cutBack = [&] {
    std::nth_element(candidates.begin(), candidates.begin() + (keep - 1),
                     candidates.end(), isBetter);
    candidates.resize(keep);
    floor = candidates[keep - 1].logit;
  };
  for (size_t i = 0; i < logits.size(); ++i) {
    // Later equals lose against the k-th by their index.
    if (!(logits[i] > floor))
      continue;
    candidates.push_back({logits[i], static_cast<int32_t>(i)});
    if (candidates.size() == room && keep < room)
      cutBack();
  }
  if (candidates.size() > keep)
    cutBack();
  if (!candidates.empty())
    sortBest(1);
}

/// Sorts at least the first `count` candidates.
void Sampler::sortBest(size_t count) {
  count = std::min(count, candidates.size());
  if (count <= sorted)
    return;
  auto from = candidates.begin() + static_cast<ptrdiff_t>(sorted);
  auto to = candidates.begin() + static_cast<ptrdiff_t>(count);
  if (to != candidates.end())
    std::nth_element(from, to - 1, candidates.end(), isBetter);
  std::sort(from, to, isBetter);
  sorted = count;
}

/// Keeps the smallest head whose probability reaches topP, at least one.
void Sampler::keepTopP(float scale) {
  double best = candidates[0].logit, total = 0, reached = 0;
  for (const Candidate &candidate : candidates)
    total += std::exp((candidate.logit - best) * scale);
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i == sorted)
      sortBest(std::max<size_t>(64, 4 * sorted));
    reached += std::exp((candidates[i].logit - best) * scale);
    if (reached >= options.topP * total) {
      candidates.resize(i + 1);
      sorted = std::min(sorted, candidates.size());
      return;
    }
  }
}

/// Keeps candidates at least minP times as likely as the best.
void Sampler::keepMinP(float scale) {
  double least = candidates[0].logit + std::log(double(options.minP)) / scale;
  // Stable: what was sorted stays so, and is a head of what is left.
  auto end = std::remove_if(
      candidates.begin() + 1, candidates.end(),
      [&](const Candidate &candidate) { return candidate.logit < least; });
  candidates.erase(end, candidates.end());
  sorted = std::min(sorted, candidates.size());
}

int32_t Sampler::draw(float scale) {
  double best = candidates[0].logit, total = 0;
  for (const Candidate &candidate : candidates)
    total += std::exp((candidate.logit - best) * scale);
  double left = random.uniform() * total;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i == sorted)
      sortBest(std::max<size_t>(64, 4 * sorted));
    left -= std::exp((candidates[i].logit - best) * scale);
    if (left < 0)
      return candidates[i].token;
  }
  return candidates[0].token; // rounding left a remainder
}

} // namespace quipu
