//===- TokenizerSource.cpp - A tokenizer without its model ----------------===//
//
// The same readers that models use, asked for the tokenizer alone.
//
//===----------------------------------------------------------------------===//

#include "frontends/TokenizerSource.h"
#include "frontends/gguf/GgufModel.h"
#include "frontends/huggingface/Tokenizer.h"

#include <algorithm>
#include <filesystem>

namespace quipu {

namespace fs = std::filesystem;

static constexpr const char *tokenizerFiles[] = {
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json"};

static bool isTokenizerFile(const fs::path &path) {
  return std::find(std::begin(tokenizerFiles), std::end(tokenizerFiles),
                   path.filename()) != std::end(tokenizerFiles);
}

bool isTokenizer(const std::string &path) {
  std::error_code code;
  if (!fs::is_directory(path, code))
    return isTokenizerFile(path) && fs::is_regular_file(path, code);
  if (fs::exists(fs::path(path) / "config.json", code))
    return false;
  return std::any_of(std::begin(tokenizerFiles), std::end(tokenizerFiles),
                     [&](const char *name) {
                       return fs::exists(fs::path(path) / name, code);
                     });
}

Result<TokenizerSource> openTokenizer(const std::string &path) {
  std::error_code code;
  TokenizerSource source;
  bool file = !fs::is_directory(path, code);
  if (!file || isTokenizerFile(path)) {
    fs::path folder = file ? fs::path(path).parent_path() : fs::path(path);
    Result<TokenizerSpec> spec =
        readHuggingFaceTokenizer(folder.empty() ? "." : folder.string());
    if (!spec)
      return spec.error();
    source.spec = std::move(*spec);
    if (source.spec.eosId >= 0)
      source.generation.endOfSequenceIds.push_back(source.spec.eosId);
    return source;
  }
  Result<GgufFile> gguf = GgufFile::open(path);
  if (!gguf)
    return gguf.error();
  Result<std::optional<TokenizerSpec>> spec = readGgufTokenizer(*gguf);
  if (!spec)
    return spec.error();
  if (!*spec)
    return Error{path + ": tokenizer.ggml.model: is missing"};
  Result<GenerationDefaults> generation = readGgufGeneration(*gguf, *spec);
  if (!generation)
    return generation.error();
  source.spec = std::move(**spec);
  source.generation = std::move(*generation);
  return source;
}

} // namespace quipu
