//===- PreTokenizer.h - Text into words, by patterns ------------*- C++ -*-===//
//
// Byte-level BPE merges only inside the pieces that a model's regular
// expressions cut the text into. The patterns come from model files and are
// run by PCRE2 with its limits on.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_PRETOKENIZER_H
#define QUIPU_RUNTIME_TOKENIZER_PRETOKENIZER_H

#include "base/Result.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// Compiled split patterns. Each pattern isolates its matches: a match is one
/// piece and so is the text between two matches. The next pattern is applied to
/// every piece on its own, so look-ahead sees the end of a piece as the end of
/// the text, as in Hugging Face's `Split` with behaviour `Isolated`.
class PreTokenizer {
public:
  /// Fails with the offset of the first mistake in a pattern.
  static Result<PreTokenizer> create(const std::vector<std::string> &patterns);

  PreTokenizer(PreTokenizer &&) noexcept;
  PreTokenizer &operator=(PreTokenizer &&) noexcept;
  ~PreTokenizer();

  /// The pieces of `text`, valid UTF-8, in order: together they are the text,
  /// and none is empty. Fails where a pattern exceeds PCRE2's match limit.
  Result<std::vector<std::string_view>> split(std::string_view text) const;

private:
  struct Pattern;
  PreTokenizer();

  std::vector<Pattern> patterns;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_PRETOKENIZER_H
