//===- SplitPatterns.h - How BPE tokenizers cut text first ------*- C++ -*-===//
//
// The one table of pre-tokenizers that files refer to by name (GGUF's
// tokenizer.ggml.pre). A tokenizer.json spells its pattern out instead.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_SPLITPATTERNS_H
#define QUIPU_RUNTIME_TOKENIZER_SPLITPATTERNS_H

#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// A pre-tokenizer. Each pattern, in order, cuts every piece that the one
/// before it left into its matches and the text between them. Patterns are
/// meant for PCRE2 with PCRE2_UTF and PCRE2_UCP.
struct SplitPatterns {
  std::vector<std::string> patterns;
  bool ignoreMerges = false; // TokenizerSpec::ignoreMerges
  bool addBos = false;       // where the file does not say
};

/// The pre-tokenizer that GGUF files call `name`, or null.
const SplitPatterns *findSplitPatterns(std::string_view name);

/// Every name that findSplitPatterns() knows, for messages.
std::vector<std::string_view> splitPatternNames();

/// What ByteLevel pre-tokenizers of tokenizer.json use (use_regex): GPT-2's.
std::string_view gpt2SplitPattern();

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_SPLITPATTERNS_H
