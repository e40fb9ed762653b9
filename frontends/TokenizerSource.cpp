//===- TokenizerSource.cpp - A tokenizer without its model ----------------===//
//
// The same readers that models use, asked for the tokenizer alone.
//
//===----------------------------------------------------------------------===//

#include "frontends/TokenizerSource.h"
#include "frontends/gguf/GgufModel.h"

#include <filesystem>

namespace quipu {

Result<TokenizerSource> openTokenizer(const std::string &path) {
  std::error_code code;
  TokenizerSource source;
  if (std::filesystem::is_directory(path, code))
    return Error{path + ": tokenizers in folders are not supported yet "
                        "(supported: a .gguf file)"};
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
