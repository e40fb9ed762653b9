//===- Golden.h - Reference answers as data ---------------------*- C++ -*-===//
//
// Reads the goldens of test/e2e/goldens, whose README describes the format.
// Paths are relative to the source root, where tests run.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_E2E_GOLDEN_H
#define QUIPU_TEST_E2E_GOLDEN_H

#include "base/Result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace quipu {

/// A small random model and its float32 logits.
struct LogitsGolden {
  std::string name;
  std::string model;           // path of a folder or a .gguf file
  std::vector<int32_t> tokens; // prompt, then the greedy continuation
  int64_t promptLength = 0;
  int64_t vocabSize = 0;
  std::vector<float> logits;        // (tokens - 1, vocab)
  std::vector<float> greedyMargins; // (tokens - promptLength)

  /// What follows tokens[0 .. index].
  std::span<const float> row(int64_t index) const {
    return std::span(logits).subspan(index * vocabSize, vocabSize);
  }
  std::span<const int32_t> prompt() const {
    return std::span(tokens).first(promptLength);
  }
  std::span<const int32_t> greedy() const {
    return std::span(tokens).subspan(promptLength);
  }
};

/// One prompt of the real model and 64 greedy tokens.
struct TextGolden {
  bool chat = false;        // the chat template was applied
  std::string prompt;       // as typed
  std::string text;         // after the template
  std::vector<int32_t> ids; // of text
  std::vector<int32_t> greedyIds;
  std::string greedyText;
  std::optional<int64_t> end; // index of the first EOS in greedyIds
  std::vector<float> greedyMargins;
  std::vector<int32_t> topIds; // the highest logits after ids, descending
  std::vector<float> topLogits;
};

Result<LogitsGolden> readLogitsGolden(const std::string &name);

/// The names of all logits goldens, sorted.
std::vector<std::string> logitsGoldenNames();

Result<std::vector<TextGolden>> readSmolLm2Goldens();

/// ||found - expected|| / ||expected||; infinite where a value is not finite
/// or the lengths differ.
double relativeDifference(std::span<const float> found,
                          std::span<const float> expected);

/// Index of the largest value, the lowest of equal ones.
int32_t indexOfLargest(std::span<const float> values);

} // namespace quipu

#endif // QUIPU_TEST_E2E_GOLDEN_H
