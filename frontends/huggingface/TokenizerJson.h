//===- TokenizerJson.h - The tokenizer.json format --------------*- C++ -*-===//
//
// What the Hugging Face `tokenizers` library writes, for the two kinds that
// LLaMA-family models have.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HUGGINGFACE_TOKENIZERJSON_H
#define QUIPU_FRONTENDS_HUGGINGFACE_TOKENIZERJSON_H

#include "base/Json.h"
#include "runtime/tokenizer/TokenizerSpec.h"

#include <string>

namespace quipu {

/// The tokenizer that `json` describes: byte-level BPE, or LLaMA-2's form (BPE
/// with byte fallback over U+2581 for spaces), which becomes a SentencePiece
/// model with scores from the order of the merges. bosId and eosId are those
/// that the post-processor adds, if any. `path` goes in front of messages.
Result<TokenizerSpec> parseTokenizerJson(const nlohmann::json &json,
                                         const std::string &path);

} // namespace quipu

#endif // QUIPU_FRONTENDS_HUGGINGFACE_TOKENIZERJSON_H
