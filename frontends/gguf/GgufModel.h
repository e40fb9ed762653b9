//===- GgufModel.h - A GGUF file as a Model ---------------------*- C++ -*-===//
//
// The GGUF frontend: files of architecture `llama`, alone or split.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_GGUF_GGUFMODEL_H
#define QUIPU_FRONTENDS_GGUF_GGUFMODEL_H

#include "base/Result.h"
#include "frontends/Model.h"
#include "frontends/gguf/GgufFile.h"

#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// Reads the model at `path`. If it is one part of a split model
/// (NAME-00002-of-00005.gguf), all parts are read from its folder.
Result<Model> openGgufModel(const std::string &path);

/// The tokenizer in a file's metadata; nothing if it states none.
Result<std::optional<TokenizerSpec>> readGgufTokenizer(const GgufFile &file);

/// Stopping and sampling defaults in a file's metadata.
Result<GenerationDefaults>
readGgufGeneration(const GgufFile &file,
                   const std::optional<TokenizerSpec> &tokenizer);

/// Quipu's name for a GGUF tensor name; nothing if the role is unknown.
std::optional<std::string> graphNameOfGguf(std::string_view name);

} // namespace quipu

#endif // QUIPU_FRONTENDS_GGUF_GGUFMODEL_H
