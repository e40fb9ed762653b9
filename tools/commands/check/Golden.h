//===- Golden.h - Answers of a reference, from a file -----------*- C++ -*-===//
//
// Reads what another implementation answered to a model, in the two forms of
// test/e2e/goldens/README.md. The file is whatever a user names.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_CHECK_GOLDEN_H
#define QUIPU_TOOLS_COMMANDS_CHECK_GOLDEN_H

#include "base/Result.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace quipu {

/// A prompt and its greedy continuation, with some of the logits.
struct GoldenAnswer {
  std::vector<int32_t> prompt, greedy; // ids; at least one each
  std::vector<float> margins;          // (greedy): top logit minus second
  /// (prompt + greedy - 1, vocab): row i follows token i. Empty: only the
  /// next two are known.
  std::vector<float> logits;
  std::vector<int32_t> topIds; // some tokens, and their logits after prompt
  std::vector<float> topLogits;
};

/// Errors: no golden of format 1, lengths that do not agree, ids outside a
/// vocabulary of `vocabSize`, no answer.
Result<std::vector<GoldenAnswer>> readGolden(const std::string &path,
                                             int64_t vocabSize);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_CHECK_GOLDEN_H
