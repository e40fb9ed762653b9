//===- GgufTokenizer.cpp - The tokenizer inside a GGUF file ---------------===//
//
// Reads the tokenizer.* keys as llama.cpp defines them, with its defaults where
// a file leaves one out.
//
//===----------------------------------------------------------------------===//

#include "frontends/gguf/GgufFields.h"
#include "frontends/gguf/GgufModel.h"
#include "runtime/tokenizer/SplitPatterns.h"

#include <algorithm>
#include <limits>

namespace quipu {
namespace {

/// A token id; a file may write -1 (also as u32) for "none".
int32_t tokenId(GgufFields &fields, std::string_view key, size_t vocab,
                int32_t otherwise) {
  std::optional<int64_t> id = fields.integer(key);
  if (!id)
    return otherwise;
  if (*id == -1 || *id == std::numeric_limits<uint32_t>::max())
    return -1;
  if (*id < 0 || *id >= int64_t(vocab)) {
    fields.fail(key, "token id " + std::to_string(*id) +
                         " is outside the vocabulary of " +
                         std::to_string(vocab));
    return -1;
  }
  return int32_t(*id);
}

void readTokens(GgufFields &fields, TokenizerSpec &spec) {
  constexpr std::string_view key = "tokenizer.ggml.tokens";
  std::optional<GgufArray> tokens = fields.array(key, GgufType::string);
  if (!tokens) {
    fields.fail(key, "is missing");
    return;
  }
  if (tokens->count == 0 || tokens->count > (1 << 24))
    return fields.fail(key, "vocabulary of " + std::to_string(tokens->count) +
                                " tokens, expected 1 to 16777216");
  for (std::string_view token : tokens->strings())
    spec.tokens.emplace_back(token);
}

void readKinds(GgufFields &fields, TokenizerSpec &spec) {
  constexpr std::string_view key = "tokenizer.ggml.token_type";
  spec.kinds.assign(spec.tokens.size(), TokenKind::normal);
  std::optional<GgufArray> kinds = fields.array(key, GgufType::i32);
  if (!kinds)
    return;
  if (kinds->count != spec.tokens.size())
    return fields.fail(key, std::to_string(kinds->count) +
                                " entries, expected one for each of " +
                                std::to_string(spec.tokens.size()) + " tokens");
  std::vector<double> numbers = kinds->numbers();
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] < 0 || numbers[i] > 6)
      return fields.fail(key, "kind " + std::to_string(int64_t(numbers[i])) +
                                  " of token " + std::to_string(i) +
                                  " is unknown, expected 0 to 6");
    if (numbers[i] != 0) // 0 is "undefined"
      spec.kinds[i] = static_cast<TokenKind>(numbers[i]);
  }
}

void readMerges(GgufFields &fields, TokenizerSpec &spec) {
  constexpr std::string_view key = "tokenizer.ggml.merges";
  std::optional<GgufArray> merges = fields.array(key, GgufType::string);
  if (!merges)
    return fields.fail(key, "is missing");
  for (std::string_view merge : merges->strings()) {
    size_t space = merge.find(' ', 1); // a part may begin with a space
    if (space == std::string_view::npos || space + 1 == merge.size())
      return fields.fail(key, "merge " + std::to_string(spec.merges.size()) +
                                  " is '" + std::string(merge) +
                                  "', expected two parts and a space");
    spec.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
}

void readByteLevel(GgufFields &fields, TokenizerSpec &spec) {
  spec.model = TokenizerSpec::Model::byteLevelBpe;
  constexpr std::string_view key = "tokenizer.ggml.pre";
  std::string pre = fields.string(key).value_or("default");
  const SplitPatterns *split = findSplitPatterns(pre);
  if (!split) {
    std::string known;
    for (std::string_view name : splitPatternNames())
      known += (known.empty() ? "" : ", ") + std::string(name);
    return fields.fail(key, "pre-tokenizer '" + pre +
                                "' is not supported (supported: " + known +
                                ")");
  }
  spec.splitPatterns = split->patterns;
  spec.ignoreMerges = split->ignoreMerges;
  spec.addBos = split->addBos;
  readMerges(fields, spec);
}

void readSentencePiece(GgufFields &fields, TokenizerSpec &spec) {
  spec.model = TokenizerSpec::Model::sentencePiece;
  spec.addBos = true;
  spec.addPrefixSpace =
      fields.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  constexpr std::string_view key = "tokenizer.ggml.scores";
  std::optional<GgufArray> scores = fields.array(key, GgufType::f32);
  if (!scores)
    return fields.fail(key, "is missing");
  if (scores->count != spec.tokens.size())
    return fields.fail(key, std::to_string(scores->count) +
                                " entries, expected one for each of " +
                                std::to_string(spec.tokens.size()) + " tokens");
  for (double score : scores->numbers()) {
    if (!std::isfinite(score))
      return fields.fail(key, "score of token " +
                                  std::to_string(spec.scores.size()) +
                                  " is not finite");
    spec.scores.push_back(float(score));
  }
}

} // namespace

Result<std::optional<TokenizerSpec>> readGgufTokenizer(const GgufFile &file) {
  GgufFields fields{file, {}};
  constexpr std::string_view key = "tokenizer.ggml.model";
  std::optional<std::string> model = fields.string(key);
  if (fields.error)
    return *fields.error;
  if (!model || *model == "none" || *model == "no_vocab")
    return std::optional<TokenizerSpec>();
  TokenizerSpec spec;
  bool sentencePiece = *model == "llama";
  if (!sentencePiece && *model != "gpt2")
    return Error{file.path() + ": tokenizer.ggml.model: '" + *model +
                 "' is not supported (supported: gpt2, llama)"};
  readTokens(fields, spec);
  readKinds(fields, spec);
  if (sentencePiece)
    readSentencePiece(fields, spec);
  else
    readByteLevel(fields, spec);
  size_t vocab = spec.tokens.size();
  spec.bosId = tokenId(fields, "tokenizer.ggml.bos_token_id", vocab,
                       sentencePiece && vocab > 2 ? 1 : -1);
  spec.eosId = tokenId(fields, "tokenizer.ggml.eos_token_id", vocab,
                       sentencePiece && vocab > 2 ? 2 : -1);
  spec.unknownId = tokenId(fields, "tokenizer.ggml.unknown_token_id", vocab,
                           sentencePiece ? 0 : -1);
  spec.addBos =
      fields.boolean("tokenizer.ggml.add_bos_token").value_or(spec.addBos);
  spec.addEos = fields.boolean("tokenizer.ggml.add_eos_token").value_or(false);
  spec.addBos &= spec.bosId >= 0;
  spec.addEos &= spec.eosId >= 0;
  spec.chatTemplate = fields.string("tokenizer.chat_template").value_or("");
  if (fields.error)
    return *fields.error;
  return std::optional<TokenizerSpec>(std::move(spec));
}

Result<GenerationDefaults>
readGgufGeneration(const GgufFile &file,
                   const std::optional<TokenizerSpec> &tokenizer) {
  GgufFields fields{file, {}};
  GenerationDefaults generation;
  auto asFloat = [&](std::string_view key) -> std::optional<float> {
    std::optional<double> value = fields.number(key);
    return value ? std::optional<float>(float(*value)) : std::nullopt;
  };
  generation.temperature = asFloat("general.sampling.temp");
  generation.topP = asFloat("general.sampling.top_p");
  generation.minP = asFloat("general.sampling.min_p");
  generation.repetitionPenalty = asFloat("general.sampling.penalty_repeat");
  if (std::optional<int64_t> topK = fields.integer("general.sampling.top_k"))
    generation.topK = int(std::clamp<int64_t>(*topK, 0, 1 << 24));
  if (tokenizer) {
    std::vector<int32_t> &ends = generation.endOfSequenceIds;
    auto add = [&](int32_t id) {
      if (id >= 0 && std::find(ends.begin(), ends.end(), id) == ends.end())
        ends.push_back(id);
    };
    size_t vocab = tokenizer->tokens.size();
    add(tokenizer->eosId);
    add(tokenId(fields, "tokenizer.ggml.eot_token_id", vocab, -1));
    add(tokenId(fields, "tokenizer.ggml.eom_token_id", vocab, -1));
    // Files often name one end only; a chat model's turn ends at another.
    for (size_t i = 0; i < vocab; ++i)
      if (tokenizer->kinds[i] == TokenKind::control)
        for (const char *end : {"<|eot_id|>", "<|im_end|>", "<|eom_id|>",
                                "<|end_of_text|>", "<|endoftext|>"})
          if (tokenizer->tokens[i] == end)
            add(int32_t(i));
  }
  if (fields.error)
    return *fields.error;
  return generation;
}

} // namespace quipu
