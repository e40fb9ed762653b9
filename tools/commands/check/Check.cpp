//===- Check.cpp - Holds a device against the CPU and a reference ---------===//
//
// Steps are forced to the reference's tokens, so that one near-tie does not
// make all that follows incomparable; answers are written as `run` writes them.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/check/Check.h"

#include "runtime/generation/Generator.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

namespace quipu {
namespace {

using Row = std::vector<float>;

double bound(std::string_view type) {
  if (type == "f32")
    return 1e-4;
  return type == "f16" ? 2e-3 : 2e-2;
}

int32_t indexOfLargest(std::span<const float> row) {
  return static_cast<int32_t>(std::max_element(row.begin(), row.end()) -
                              row.begin());
}

/// ||d|| / ||ref|| of all that was added.
class RelativeError {
public:
  void add(std::span<const float> found, std::span<const float> expected) {
    for (size_t i = 0; i < expected.size(); ++i) {
      double d = double(found[i]) - expected[i];
      difference += d * d;
      norm += double(expected[i]) * expected[i];
    }
  }
  /// Infinite where it is not a number.
  double value() const {
    if (difference == 0)
      return 0;
    double error = std::sqrt(difference / norm);
    return std::isfinite(error) ? error : INFINITY;
  }

private:
  double difference = 0, norm = 0;
};

double errorOf(std::span<const float> found, std::span<const float> expected) {
  RelativeError error;
  error.add(found, expected);
  return error.value();
}

double largestDifference(std::span<const float> a, std::span<const float> b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(double(a[i]) - b[i]));
  return largest;
}

/// Logits after the prompt and after each token but the last of an answer of
/// `count`, where `choose` says each token from the logits before it.
template <typename Choose>
Result<std::vector<Row>> logitsAlong(Engine &engine,
                                     std::span<const int32_t> prompt,
                                     size_t count, Choose choose) {
  Sequence sequence = engine.newSequence();
  std::vector<Row> rows;
  Result<StepResult> result = engine.prefill(sequence, prompt);
  while (result && rows.size() < count) {
    rows.emplace_back(result->logits.begin(), result->logits.end());
    int32_t token = choose(rows);
    if (rows.size() == count)
      break;
    StepRequest request = {&sequence, {&token, 1}};
    result = engine.step({&request, 1});
  }
  if (!result)
    return result.error();
  return rows;
}

/// The same with the answer forced upon the engine.
Result<std::vector<Row>> logitsAfter(Engine &engine,
                                     std::span<const int32_t> prompt,
                                     std::span<const int32_t> forced) {
  return logitsAlong(
      engine, prompt, forced.size(),
      [&](std::span<const Row> rows) { return forced[rows.size() - 1]; });
}

/// The answer as `run` writes it at temperature 0.
Result<std::vector<int32_t>>
answerTo(Engine &engine, std::span<const int32_t> prompt, size_t tokens) {
  Sequence sequence = engine.newSequence();
  GenerationOptions options;
  options.sampler.temperature = 0;
  options.maxTokens = static_cast<int64_t>(tokens);
  Result<Generation> generation = generate(engine, sequence, prompt, options);
  if (!generation)
    return generation.error();
  return std::move(generation->tokens);
}

size_t commonLength(std::span<const int32_t> a, std::span<const int32_t> b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
         a.begin();
}

/// Keeps the difference that is worst of what is allowed.
void keepMargin(Likeness &likeness, double margin, double allowed) {
  if (likeness.marginAllowed == 0 ||
      margin * likeness.marginAllowed > likeness.margin * allowed) {
    likeness.margin = margin;
    likeness.marginAllowed = allowed;
  }
}

/// An error of `tolerance`, spread evenly over `row`, moves the difference of
/// two logits by less than this in all but one case in 200.
double evenlySpread(std::span<const float> row, double tolerance) {
  double squares = 0;
  for (float logit : row)
    squares += double(logit) * logit;
  return 4 * tolerance * std::sqrt(squares / double(row.size()));
}

/// The error of what `answer` says about logits: of the prompt in one step, and
/// of the answer in a step a token. `rows` are those after the prompt and after
/// each token but the last.
Result<double> goldenError(Engine &engine, const GoldenAnswer &answer,
                           std::span<const Row> rows) {
  Row top;
  for (int32_t id : answer.topIds)
    top.push_back(rows[0][id]);
  double topError = errorOf(top, answer.topLogits);
  if (answer.logits.empty())
    return topError;
  size_t vocab = rows[0].size(), prompt = answer.prompt.size();
  auto expected = std::span(answer.logits);
  Sequence sequence = engine.newSequence();
  StepRequest request = {&sequence, answer.prompt, Rows::all};
  Result<StepResult> result = engine.step({&request, 1});
  if (!result)
    return result.error();
  double promptError = errorOf(result->logits, expected.first(prompt * vocab));
  RelativeError decode;
  for (size_t i = 0; i < rows.size(); ++i)
    decode.add(rows[i], expected.subspan((prompt - 1 + i) * vocab, vocab));
  return std::max({topError, promptError, decode.value()});
}

} // namespace

double logitsTolerance(const Package &package, std::string_view target,
                       plan::DeviceKind kind) {
  auto found =
      std::find_if(package.targets.begin(), package.targets.end(),
                   [&](const Target &each) { return each.name == target; });
  auto index = size_t(found - package.targets.begin());
  double loosest = bound(name(package.plan.kv.type));
  for (const plan::Kernel &kernel : package.plan.kernels)
    if (kernel.device == kind)
      loosest = std::max(loosest, index < kernel.arithmetic.size()
                                      ? bound(kernel.arithmetic[index])
                                      : bound(""));
  return loosest;
}

double logitsTolerance(Engine &engine) {
  // "sm_80, ..." or "emulator of sm_80".
  std::string device = engine.device().description();
  device.resize(std::min(device.find(','), device.size()));
  return logitsTolerance(engine.package(), device.substr(device.rfind(' ') + 1),
                         engine.device().kind());
}

Result<Likeness> compareEngines(Engine &reference, Engine &engine,
                                std::span<const int32_t> prompt,
                                int64_t tokens) {
  std::vector<int32_t> expected;
  auto wanted = logitsAlong(reference, prompt, size_t(tokens),
                            [&](std::span<const Row> rows) {
                              expected.push_back(indexOfLargest(rows.back()));
                              return expected.back();
                            });
  if (!wanted)
    return wanted.error();
  auto found = logitsAfter(engine, prompt, expected);
  if (!found)
    return found.error();
  auto answer = answerTo(engine, prompt, expected.size());
  if (!answer)
    return answer.error();
  Likeness likeness;
  RelativeError error;
  double largest = 0;
  for (size_t i = 0; i < wanted->size(); ++i) {
    const Row &mine = (*found)[i], &other = (*wanted)[i];
    error.add(mine, other);
    likeness.worstStep = std::max(likeness.worstStep, errorOf(mine, other));
    largest = std::max(largest, largestDifference(mine, other));
  }
  likeness.error = error.value();
  size_t same = commonLength(*answer, expected);
  likeness.tokens = static_cast<int64_t>(expected.size());
  likeness.sameTokens = static_cast<int64_t>(same);
  likeness.marginAllowed = 2 * largest;
  if (same < answer->size()) {
    const Row &row = (*wanted)[same];
    likeness.margin = row[expected[same]] - row[(*answer)[same]];
  }
  return likeness;
}

Result<Likeness> compareWithGolden(Engine &engine,
                                   std::span<const GoldenAnswer> answers,
                                   double tolerance) {
  Likeness likeness;
  for (const GoldenAnswer &golden : answers) {
    auto rows = logitsAfter(engine, golden.prompt, golden.greedy);
    if (!rows)
      return rows.error();
    auto answer = answerTo(engine, golden.prompt, golden.greedy.size());
    if (!answer)
      return answer.error();
    auto error = goldenError(engine, golden, *rows);
    if (!error)
      return error.error();
    likeness.error = std::max(likeness.error, *error);
    size_t same = commonLength(*answer, golden.greedy);
    likeness.tokens += static_cast<int64_t>(golden.greedy.size());
    likeness.sameTokens += static_cast<int64_t>(same);
    if (same < golden.greedy.size())
      keepMargin(likeness, golden.margins[same],
                 evenlySpread((*rows)[same], tolerance));
  }
  return likeness;
}

Result<Draws> compareDraws(Engine &engine, std::span<const int32_t> prompt,
                           int64_t tokens, const SamplerOptions &options) {
  Sampler sampler(options);
  if (!engine.drawsTokens(sampler.sampling(prompt)))
    return Draws{};
  GenerationOptions generation;
  generation.sampler = options;
  generation.maxTokens = tokens;
  Sequence sequence = engine.newSequence();
  Result<Generation> drawn = generate(engine, sequence, prompt, generation);
  if (!drawn)
    return drawn.error();
  sequence.truncate(0);
  auto rows = logitsAfter(engine, prompt, drawn->tokens);
  if (!rows)
    return rows.error();
  std::vector<int32_t> history(prompt.begin(), prompt.end());
  Draws draws = {static_cast<int64_t>(drawn->tokens.size()), 0};
  for (size_t i = 0; i < drawn->tokens.size(); ++i) {
    if (sampler.sample((*rows)[i], history) != drawn->tokens[i])
      break;
    history.push_back(drawn->tokens[i]);
    ++draws.same;
  }
  return draws;
}

} // namespace quipu
