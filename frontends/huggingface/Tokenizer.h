//===- Tokenizer.h - The tokenizer of a Hugging Face folder -----*- C++ -*-===//
//
// tokenizer.json or tokenizer.model, with tokenizer_config.json beside it, as
// one TokenizerSpec.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HUGGINGFACE_TOKENIZER_H
#define QUIPU_FRONTENDS_HUGGINGFACE_TOKENIZER_H

#include "base/Result.h"
#include "runtime/tokenizer/TokenizerSpec.h"

#include <string>

namespace quipu {

/// Reads the tokenizer in `folder`: tokenizer.json if it is there, otherwise
/// tokenizer.model; special tokens and the chat template from
/// tokenizer_config.json (or chat_template.jinja). Fails, naming file and
/// field, if neither is there or one holds what is not supported.
Result<TokenizerSpec> readHuggingFaceTokenizer(const std::string &folder);

} // namespace quipu

#endif // QUIPU_FRONTENDS_HUGGINGFACE_TOKENIZER_H
