//===- TokenizerSource.h - A tokenizer without its model --------*- C++ -*-===//
//
// For configs that name a tokenizer apart from weights, and for tools that need
// nothing but a tokenizer.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_TOKENIZERSOURCE_H
#define QUIPU_FRONTENDS_TOKENIZERSOURCE_H

#include "base/Result.h"
#include "frontends/Model.h"

#include <string>

namespace quipu {

/// A tokenizer and the stopping defaults that come with it.
struct TokenizerSource {
  TokenizerSpec spec;
  GenerationDefaults generation;
};

/// Whether `path` is a tokenizer and no model: tokenizer.json, tokenizer.model
/// or tokenizer_config.json, or a folder with one of them and no config.json.
bool isTokenizer(const std::string &path);

/// Reads the tokenizer at `path`: a .gguf file (its tensors are not looked at),
/// a folder with tokenizer.json or tokenizer.model, or one of these files,
/// which stands for its folder.
Result<TokenizerSource> openTokenizer(const std::string &path);

} // namespace quipu

#endif // QUIPU_FRONTENDS_TOKENIZERSOURCE_H
