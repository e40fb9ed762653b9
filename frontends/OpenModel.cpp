//===- OpenModel.cpp - Any model file as a Model --------------------------===//
//
// Decides by what is at the path first and by its name second: a GGUF file is
// known by its first bytes, whatever it is called.
//
//===----------------------------------------------------------------------===//

#include "frontends/OpenModel.h"
#include "frontends/gguf/GgufModel.h"
#include "frontends/huggingface/HuggingFaceModel.h"
#include "frontends/toml/TomlModel.h"

#include <filesystem>
#include <fstream>

namespace quipu {
namespace {

bool beginsWithGguf(const std::string &path) {
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, 4);
  return std::string_view(magic, 4) == "GGUF";
}

/// Files of a Hugging Face folder that people name in place of the folder.
bool standsForFolder(const std::string &path) {
  std::string name = std::filesystem::path(path).filename();
  return name == "config.json" || name == "generation_config.json" ||
         name.ends_with(".safetensors") ||
         name.ends_with(".safetensors.index.json");
}

} // namespace

Result<Model> openModel(const std::string &path) {
  std::error_code code;
  std::filesystem::file_status status = std::filesystem::status(path, code);
  if (std::filesystem::is_regular_file(status)) {
    if (path.ends_with(".gguf") || beginsWithGguf(path))
      return openGgufModel(path);
    if (path.ends_with(".toml"))
      return openTomlModel(path);
    if (standsForFolder(path)) {
      std::string folder = std::filesystem::path(path).parent_path();
      return openHuggingFaceModel(folder.empty() ? "." : folder);
    }
    return Error{path + ": not a model file (expected a .gguf file, a .toml "
                        "config or a Hugging Face folder)"};
  }
  if (std::filesystem::is_directory(status))
    return openHuggingFaceModel(path);
  if (std::optional<std::string> folder = findInHuggingFaceCache(path)) {
    Result<Model> model = openHuggingFaceModel(*folder);
    if (model)
      model->name = path; // the snapshot's folder is called by its hash
    return model;
  }
  return Error{path + ": no such file or folder, and not the id of a model in "
                      "the Hugging Face cache"};
}

} // namespace quipu
