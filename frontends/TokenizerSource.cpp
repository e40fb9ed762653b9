//===- TokenizerSource.cpp - A tokenizer without its model ----------------===//
//
// The same readers that models use, asked for the tokenizer alone.
//
//===----------------------------------------------------------------------===//

#include "frontends/TokenizerSource.h"
#include "frontends/gguf/GgufModel.h"
#include "frontends/huggingface/Tokenizer.h"

#include <filesystem>

namespace quipu {

Result<TokenizerSource> openTokenizer(const std::string &path) {
  std::error_code code;
  TokenizerSource source;
  if (std::filesystem::is_directory(path, code)) {
    Result<TokenizerSpec> spec = readHuggingFaceTokenizer(path);
    if (!spec)
      return spec.error();
    source.spec = std::move(*spec);
    if (source.spec.eosId >= 0)
      source.generation.endOfSequenceIds.push_back(source.spec.eosId);
    return source;
  }
  Result<GgufFile> file = GgufFile::open(path);
  if (!file)
    return file.error();
  Result<std::optional<TokenizerSpec>> spec = readGgufTokenizer(*file);
  if (!spec)
    return spec.error();
  if (!*spec)
    return Error{path + ": tokenizer.ggml.model: is missing"};
  Result<GenerationDefaults> generation = readGgufGeneration(*file, *spec);
  if (!generation)
    return generation.error();
  source.spec = std::move(**spec);
  source.generation = std::move(*generation);
  return source;
}

} // namespace quipu
