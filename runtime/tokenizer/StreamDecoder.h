//===- StreamDecoder.h - Tokens into text as they come ----------*- C++ -*-===//
//
// Between the generation loop and a terminal: hands out text that is certain
// and keeps back what a later token could still change.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_STREAMDECODER_H
#define QUIPU_RUNTIME_TOKENIZER_STREAMDECODER_H

#include "runtime/tokenizer/Tokenizer.h"

#include <string>
#include <vector>

namespace quipu {

struct StreamOptions {
  /// Strings that end the text; neither they nor what follows is given out.
  std::vector<std::string> stopStrings;
  bool skipSpecial = true;
  /// Nothing stands before the first token, so a dummy prefix is dropped.
  bool atTextStart = true;
};

/// Refers to the tokenizer, which must outlive it.
class StreamDecoder {
public:
  explicit StreamDecoder(const Tokenizer &tokenizer,
                         StreamOptions options = {});

  /// The text that `id` makes certain, often empty: whole characters, and
  /// nothing that may yet become a stop string. Empty once stopped().
  std::string push(int32_t id);

  /// The text kept back, at the end of generation; a cut character becomes
  /// U+FFFD.
  std::string flush();

  /// Whether a stop string came. The caller ends the generation then.
  bool stopped() const { return hasStopped; }

private:
  std::string release(bool final);

  const Tokenizer &tokenizer;
  StreamOptions options;
  std::string bytes; // of a character that is not complete
  std::string text;  // complete, but perhaps the beginning of a stop string
  bool atStart;
  bool hasStopped = false;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_STREAMDECODER_H
