//===- HuggingFaceModel.h - A Hugging Face folder as a Model ----*- C++ -*-===//
//
// The Hugging Face frontend: config.json, safetensors (one file or shards with
// an index), generation_config.json and the tokenizer of one folder.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HUGGINGFACE_HUGGINGFACEMODEL_H
#define QUIPU_FRONTENDS_HUGGINGFACE_HUGGINGFACEMODEL_H

#include "base/Json.h"
#include "base/Result.h"
#include "frontends/Model.h"

#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// Reads the model in `folder`.
Result<Model> openHuggingFaceModel(const std::string &folder);

/// The snapshot folder of `id` ("org/name") in the local Hugging Face cache:
/// $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub. Nothing if
/// `id` is not of that form or is not in the cache.
std::optional<std::string> findInHuggingFaceCache(const std::string &id);

/// Architecture numbers of a parsed config.json of LlamaForCausalLM.
Result<ModelConfig> readHuggingFaceConfig(const nlohmann::json &config,
                                          const std::string &path);

/// Tensors as they lie in files, before they are checked against a config.
struct StoredTensors {
  std::vector<std::string> files;
  std::vector<uint64_t> fileSizes;
  std::vector<TensorSource> tensors; // file order; lm_head even if tied
};

/// Reads the safetensors of `path`: a folder or one file. Tensors that have no
/// part in inference (rotary tables) are left out.
Result<StoredTensors> readStoredTensors(const std::string &path);

/// Quipu's name for a tensor of LlamaForCausalLM, empty for one to ignore,
/// nothing if its role is unknown.
std::optional<std::string> graphNameOfHuggingFace(std::string_view name);

} // namespace quipu

#endif // QUIPU_FRONTENDS_HUGGINGFACE_HUGGINGFACEMODEL_H
