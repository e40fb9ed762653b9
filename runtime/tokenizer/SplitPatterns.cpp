//===- SplitPatterns.cpp - How BPE tokenizers cut text first --------------===//
//
// The patterns are facts of the models: those in the tokenizer.json that each
// was published with. Names are the ones that GGUF converters write.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/SplitPatterns.h"

#include <utility>

namespace quipu {
namespace {

constexpr std::string_view gpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+)"
    R"(|\s+(?!\S)|\s+)";

constexpr std::string_view singleDigits = R"(\p{N})";

constexpr std::string_view llama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view qwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view tekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// llama.cpp's reading of a file that names no pre-tokenizer.
constexpr std::string_view punctuation = R"([\p{P}\$\+<=>\^~\|]+)";
constexpr std::string_view threeDigits = R"([0-9][0-9][0-9])";
constexpr std::string_view digitRuns = R"(\p{N}+)";

using Entry = std::pair<std::string_view, SplitPatterns>;

const std::vector<Entry> &table() {
  auto patterns = [](auto... texts) {
    return std::vector<std::string>{std::string(texts)...};
  };
  static const std::vector<Entry> entries = [&] {
    SplitPatterns smollm{patterns(singleDigits, gpt2)};
    SplitPatterns meta{patterns(llama3), /*ignoreMerges=*/true,
                       /*addBos=*/true};
    return std::vector<Entry>{
        {"default", {patterns(punctuation, gpt2, digitRuns, threeDigits)}},
        {"gpt-2", {patterns(gpt2)}},
        {"smollm", smollm},
        {"starcoder", smollm},
        {"refact", smollm},
        {"command-r", smollm},
        {"llama-bpe", meta},
        {"llama3", meta},
        {"llama-v3", meta},
        {"falcon3", meta},
        {"smaug-bpe", {patterns(llama3)}},
        {"dbrx", {patterns(llama3)}},
        {"qwen2", {patterns(qwen2)}},
        {"tekken", {patterns(tekken), /*ignoreMerges=*/true, /*addBos=*/true}},
    };
  }();
  return entries;
}

} // namespace

const SplitPatterns *findSplitPatterns(std::string_view name) {
  for (const Entry &entry : table())
    if (entry.first == name)
      return &entry.second;
  return nullptr;
}

std::vector<std::string_view> splitPatternNames() {
  std::vector<std::string_view> names;
  for (const Entry &entry : table())
    names.push_back(entry.first);
  return names;
}

std::string_view gpt2SplitPattern() { return gpt2; }

} // namespace quipu
