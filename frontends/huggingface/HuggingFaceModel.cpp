//===- HuggingFaceModel.cpp - A Hugging Face folder as a Model ------------===//
//
// Puts config.json, the stored tensors, generation_config.json and the
// tokenizer of one folder together, and finds folders in the local cache.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/HuggingFaceModel.h"
#include "frontends/ModelChecks.h"
#include "frontends/huggingface/ConfigFields.h"
#include "frontends/huggingface/Tokenizer.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace quipu {
namespace {

namespace fs = std::filesystem;

bool exists(const std::string &path) {
  std::error_code code;
  return fs::exists(path, code);
}

/// eos_token_id: an integer or a list of them.
void readEndIds(ConfigFields &fields, std::vector<int32_t> &ids) {
  constexpr const char *key = "eos_token_id";
  const nlohmann::json *value = fields.find(key);
  if (!value)
    return;
  nlohmann::json list =
      value->is_array() ? *value : nlohmann::json::array({*value});
  std::vector<int32_t> found;
  for (const nlohmann::json &id : list) {
    if (!id.is_number_integer() || id < 0 || id > (1 << 24))
      return fields.mismatch(key, "a token id or a list of them", *value);
    if (std::find(found.begin(), found.end(), id.get<int32_t>()) == found.end())
      found.push_back(id.get<int32_t>());
  }
  ids = std::move(found);
}

/// generation_config.json, over what config.json says.
Result<GenerationDefaults> readGeneration(const std::string &folder,
                                          ConfigFields &config) {
  GenerationDefaults generation;
  readEndIds(config, generation.endOfSequenceIds);
  if (config.error)
    return *config.error;
  std::string path = folder + "/generation_config.json";
  if (!exists(path))
    return generation;
  Result<nlohmann::json> json = readJson(path);
  if (!json)
    return json.error();
  if (!json->is_object())
    return Error{path + ": expected a JSON object"};
  ConfigFields fields{*json, path, {}};
  auto asFloat = [&](const char *key) -> std::optional<float> {
    std::optional<double> value = fields.number(key);
    return value ? std::optional<float>(float(*value)) : std::nullopt;
  };
  generation.temperature = asFloat("temperature");
  generation.topP = asFloat("top_p");
  generation.minP = asFloat("min_p");
  generation.repetitionPenalty = asFloat("repetition_penalty");
  if (std::optional<int64_t> topK = fields.integer("top_k"))
    generation.topK = int(std::clamp<int64_t>(*topK, 0, 1 << 24));
  if (!fields.boolean("do_sample").value_or(true))
    generation.temperature = 0.0f; // greedy
  readEndIds(fields, generation.endOfSequenceIds);
  if (fields.error)
    return *fields.error;
  return generation;
}

} // namespace

Result<Model> openHuggingFaceModel(const std::string &folder) {
  std::string configPath = folder + "/config.json";
  if (!exists(configPath))
    return Error{folder + ": not a model folder, config.json is missing"};
  Result<nlohmann::json> json = readJson(configPath);
  if (!json)
    return json.error();
  Model model;
  model.path = folder;
  model.kind = "huggingface";
  model.architecture = "LlamaForCausalLM";
  fs::path whole = fs::path(folder).lexically_normal();
  model.name =
      (whole.has_filename() ? whole : whole.parent_path()).filename().string();
  Result<ModelConfig> config = readHuggingFaceConfig(*json, configPath);
  if (!config)
    return config.error();
  model.config = std::move(*config);
  if (Result<void> checked = checkConfig(model.config, configPath); !checked)
    return checked.error();
  Result<StoredTensors> stored = readStoredTensors(folder);
  if (!stored)
    return stored.error();
  model.files = std::move(stored->files);
  if (model.config.tieWordEmbeddings) // a stored copy is not used
    std::erase_if(stored->tensors, [](const TensorSource &tensor) {
      return tensor.name == "lm_head";
    });
  Result<void> completed =
      completeModel(model, std::move(stored->tensors), stored->fileSizes);
  if (!completed)
    return completed.error();
  ConfigFields fields{*json, configPath, {}};
  Result<GenerationDefaults> generation = readGeneration(folder, fields);
  if (!generation)
    return generation.error();
  model.generation = std::move(*generation);
  if (!exists(folder + "/tokenizer.json") &&
      !exists(folder + "/tokenizer.model"))
    return model; // a model without words, as tests have
  Result<TokenizerSpec> tokenizer = readHuggingFaceTokenizer(folder);
  if (!tokenizer)
    return tokenizer.error();
  model.tokenizer = std::move(*tokenizer);
  return model;
}

std::optional<std::string> findInHuggingFaceCache(const std::string &id) {
  size_t slash = id.find('/');
  if (slash == 0 || slash == id.npos || slash + 1 == id.size() ||
      id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                           "XYZ0123456789-_./") != id.npos ||
      id.find('/', slash + 1) != id.npos || id.find("..") != id.npos)
    return std::nullopt;
  auto variable = [](const char *name) {
    const char *value = std::getenv(name);
    return std::string(value ? value : "");
  };
  std::string hub = variable("HF_HUB_CACHE");
  if (hub.empty() && !variable("HF_HOME").empty())
    hub = variable("HF_HOME") + "/hub";
  if (hub.empty() && !variable("XDG_CACHE_HOME").empty())
    hub = variable("XDG_CACHE_HOME") + "/huggingface/hub";
  if (hub.empty())
    hub = variable("HOME") + "/.cache/huggingface/hub";
  std::string repository =
      hub + "/models--" + id.substr(0, slash) + "--" + id.substr(slash + 1);
  std::string revision;
  std::ifstream(repository + "/refs/main") >> revision;
  if (revision.empty() || revision.size() > 128 ||
      revision.find_first_not_of("0123456789abcdef") != revision.npos)
    return std::nullopt;
  std::string folder = repository + "/snapshots/" + revision;
  std::error_code code;
  if (!fs::is_directory(folder, code))
    return std::nullopt;
  return folder;
}

} // namespace quipu
