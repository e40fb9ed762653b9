//===- StoredTensors.cpp - The weights of a Hugging Face folder -----------===//
//
// One safetensors file or the shards that an index names, under the names of
// the graph. An index is untrusted: it may only name files of its own folder.
//
//===----------------------------------------------------------------------===//

#include "frontends/TensorNames.h"
#include "frontends/huggingface/HuggingFaceModel.h"
#include "frontends/huggingface/Safetensors.h"

#include <filesystem>
#include <map>
#include <set>

namespace quipu {
namespace {

/// Adds the tensors of the file at `path`; of those, only `wanted` if given.
Result<void> addFile(const std::string &path,
                     const std::set<std::string> *wanted,
                     StoredTensors &stored) {
  Result<SafetensorsFile> file = readSafetensors(path);
  if (!file)
    return file.error();
  size_t taken = 0;
  for (const SafetensorsTensor &tensor : file->tensors) {
    if (wanted && !wanted->count(tensor.name))
      continue;
    ++taken;
    std::optional<std::string> name = graphNameOfHuggingFace(tensor.name);
    std::string prefix = path + ": tensor '" + tensor.name + "' ";
    if (!name)
      return Error{prefix + "has no place in LlamaForCausalLM"};
    if (name->empty())
      continue;
    if (!tensor.type)
      return Error{prefix + "has dtype " + tensor.dtype +
                   ", which is not supported (supported: F32 F16 BF16)"};
    if (tensor.shape.empty() || tensor.shape.size() > 2)
      return Error{prefix + "has " + std::to_string(tensor.shape.size()) +
                   " dimensions, expected 1 or 2"};
    bool isMatrix = tensor.shape.size() == 2;
    stored.tensors.push_back(
        {*name, tensor.name, *tensor.type,
         isMatrix ? int64_t(tensor.shape[0]) : 1, int64_t(tensor.shape.back()),
         int32_t(stored.files.size()), tensor.offset, tensor.bytes});
  }
  if (wanted && taken != wanted->size()) {
    std::set<std::string> missing = *wanted;
    for (const SafetensorsTensor &tensor : file->tensors)
      missing.erase(tensor.name);
    return Error{path + ": tensor '" + *missing.begin() +
                 "', which the index places here, is not in the file"};
  }
  stored.files.push_back(path);
  stored.fileSizes.push_back(file->fileSize);
  return {};
}

/// A name inside the folder: nothing that leads out of it.
bool isPlainSafetensorsName(const std::string &name) {
  return name.ends_with(".safetensors") &&
         name.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
}

Result<StoredTensors> readShards(const std::string &folder,
                                 const std::string &indexPath) {
  Result<nlohmann::json> index = readJson(indexPath);
  if (!index)
    return index.error();
  if (!index->is_object() || !index->contains("weight_map") ||
      !(*index)["weight_map"].is_object())
    return Error{indexPath + ": weight_map: expected an object"};
  std::map<std::string, std::set<std::string>> tensorsByFile;
  for (const auto &[tensor, file] : (*index)["weight_map"].items()) {
    if (!file.is_string() || !isPlainSafetensorsName(file.get<std::string>()))
      return Error{indexPath + ": weight_map: '" + tensor + "' lies in " +
                   file.dump(-1, ' ', true) +
                   ", expected the name of a .safetensors file in the folder"};
    tensorsByFile[file.get<std::string>()].insert(tensor);
  }
  StoredTensors stored;
  for (const auto &[file, tensors] : tensorsByFile)
    if (Result<void> added = addFile(folder + "/" + file, &tensors, stored);
        !added)
      return added.error();
  return stored;
}

} // namespace

std::optional<std::string> graphNameOfHuggingFace(std::string_view name) {
  static constexpr TensorName whole[] = {
      {"model.embed_tokens.weight", "tok_embed"},
      {"model.norm.weight", "out_norm"},
      {"lm_head.weight", "lm_head"},
      {"model.rotary_emb.inv_freq", ""}, // follows from the config
  };
  static constexpr TensorName layer[] = {
      {"input_layernorm.weight", "attn_norm"},
      {"self_attn.q_proj.weight", "attn.wq"},
      {"self_attn.k_proj.weight", "attn.wk"},
      {"self_attn.v_proj.weight", "attn.wv"},
      {"self_attn.o_proj.weight", "attn.wo"},
      {"self_attn.q_proj.bias", "attn.bq"},
      {"self_attn.k_proj.bias", "attn.bk"},
      {"self_attn.v_proj.bias", "attn.bv"},
      {"self_attn.o_proj.bias", "attn.bo"},
      {"post_attention_layernorm.weight", "mlp_norm"},
      {"mlp.gate_proj.weight", "mlp.w_gate"},
      {"mlp.up_proj.weight", "mlp.w_up"},
      {"mlp.down_proj.weight", "mlp.w_down"},
      {"mlp.gate_proj.bias", "mlp.b_gate"},
      {"mlp.up_proj.bias", "mlp.b_up"},
      {"mlp.down_proj.bias", "mlp.b_down"},
      {"self_attn.rotary_emb.inv_freq", ""},
  };
  return graphName({whole, "model.layers.", layer}, name);
}

Result<StoredTensors> readStoredTensors(const std::string &path) {
  StoredTensors stored;
  std::error_code code;
  if (!std::filesystem::is_directory(path, code)) {
    if (Result<void> added = addFile(path, nullptr, stored); !added)
      return added.error();
    return stored;
  }
  std::string single = path + "/model.safetensors";
  std::string index = path + "/model.safetensors.index.json";
  if (std::filesystem::exists(single, code)) {
    if (Result<void> added = addFile(single, nullptr, stored); !added)
      return added.error();
    return stored;
  }
  if (std::filesystem::exists(index, code))
    return readShards(path, index);
  return Error{path + ": no weights found, expected model.safetensors or "
                      "model.safetensors.index.json"};
}

} // namespace quipu
