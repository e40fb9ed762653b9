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

/// Reads the tokenizer at `path`: a .gguf file (its tensors are not looked at)
/// or a folder with tokenizer.json or tokenizer.model.
Result<TokenizerSource> openTokenizer(const std::string &path);

} // namespace quipu

#endif // QUIPU_FRONTENDS_TOKENIZERSOURCE_H
