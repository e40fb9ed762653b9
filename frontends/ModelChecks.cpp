//===- ModelChecks.cpp - What makes a Model complete ----------------------===//
//
// One list of roles serves the checks, the order of tensors and the parameter
// count. Limits on the numbers are far above any real model and keep every
// product inside 64 bits.
//
//===----------------------------------------------------------------------===//

#include "frontends/ModelChecks.h"

#include <cmath>
#include <unordered_map>

namespace quipu {
namespace {

std::string shape(int64_t rows, int64_t columns) {
  return std::to_string(rows) + " x " + std::to_string(columns);
}

/// How a tensor is called in messages: the file's own name where it has one.
std::string label(const TensorSource &tensor) {
  return "tensor '" +
         (tensor.nameInFile.empty() ? tensor.name : tensor.nameInFile) + "'";
}

Result<void> checkTensor(const TensorSource &tensor, const TensorRole &role,
                         const std::string &path,
                         const std::vector<uint64_t> &fileSizes) {
  std::string prefix = path + ": " + label(tensor) + " ";
  if (tensor.rows != role.rows || tensor.columns != role.columns)
    return Error{prefix + "is " + shape(tensor.rows, tensor.columns) +
                 ", expected " + shape(role.rows, role.columns) +
                 " for this config"};
  if (tensor.type == ElementType::i32 ||
      (role.kind != TensorRole::Kind::matrix && isQuantized(tensor.type)))
    return Error{
        prefix + "has type " + std::string(name(tensor.type)) + ", expected " +
        (role.kind == TensorRole::Kind::matrix ? "a float or quantized type"
                                               : "f32, f16 or bf16")};
  if (tensor.columns % blockElements(tensor.type) != 0)
    return Error{prefix + "has rows of " + std::to_string(tensor.columns) +
                 " elements, expected a multiple of " +
                 std::to_string(blockElements(tensor.type)) + " for " +
                 std::string(name(tensor.type))};
  uint64_t bytes =
      uint64_t(rowBytes(tensor.type, tensor.columns)) * uint64_t(tensor.rows);
  if (tensor.bytes != bytes)
    return Error{prefix + "has " + std::to_string(tensor.bytes) +
                 " bytes, expected " + std::to_string(bytes)};
  if (tensor.file < 0)
    return {};
  if (size_t(tensor.file) >= fileSizes.size() ||
      tensor.offset > fileSizes[size_t(tensor.file)] ||
      tensor.bytes > fileSizes[size_t(tensor.file)] - tensor.offset)
    return Error{prefix + "ends beyond its file"};
  return {};
}

struct Range {
  const char *field;
  int64_t value;
  int64_t most;
};

} // namespace

std::vector<TensorRole> tensorRoles(const ModelConfig &config) {
  using Kind = TensorRole::Kind;
  int64_t hidden = config.hiddenSize, inner = config.intermediateSize;
  int64_t queries = config.numAttentionHeads * config.headDim;
  int64_t keys = config.numKeyValueHeads * config.headDim;
  std::vector<TensorRole> roles;
  roles.push_back({"tok_embed", Kind::matrix, config.vocabSize, hidden});
  for (int64_t layer = 0; layer < config.numHiddenLayers; ++layer) {
    std::string prefix = "layers." + std::to_string(layer) + ".";
    auto add = [&](const char *name, Kind kind, int64_t rows, int64_t columns,
                   bool optional = false) {
      roles.push_back({prefix + name, kind, rows, columns, optional});
    };
    add("attn_norm", Kind::norm, 1, hidden);
    add("attn.wq", Kind::matrix, queries, hidden);
    add("attn.wk", Kind::matrix, keys, hidden);
    add("attn.wv", Kind::matrix, keys, hidden);
    if (config.attentionBias) {
      add("attn.bq", Kind::bias, 1, queries);
      add("attn.bk", Kind::bias, 1, keys);
      add("attn.bv", Kind::bias, 1, keys);
    }
    add("attn.wo", Kind::matrix, hidden, queries);
    if (config.attentionBias)
      add("attn.bo", Kind::bias, 1, hidden, /*optional=*/true);
    add("mlp_norm", Kind::norm, 1, hidden);
    add("mlp.w_gate", Kind::matrix, inner, hidden);
    add("mlp.w_up", Kind::matrix, inner, hidden);
    if (config.mlpBias) {
      add("mlp.b_gate", Kind::bias, 1, inner);
      add("mlp.b_up", Kind::bias, 1, inner);
    }
    add("mlp.w_down", Kind::matrix, hidden, inner);
    if (config.mlpBias)
      add("mlp.b_down", Kind::bias, 1, hidden);
  }
  roles.push_back({"out_norm", Kind::norm, 1, hidden});
  if (!config.tieWordEmbeddings)
    roles.push_back({"lm_head", Kind::matrix, config.vocabSize, hidden});
  return roles;
}

std::string headDimFault(int64_t headDim) {
  if (headDim >= 2 && headDim <= 1024 && headDim % 2 == 0)
    return {};
  return "is " + std::to_string(headDim) +
         ", expected an even number from 2 to 1024";
}

Result<void> checkConfig(const ModelConfig &config, const std::string &path) {
  const Range ranges[] = {
      {"hidden_size", config.hiddenSize, 1 << 20},
      {"intermediate_size", config.intermediateSize, 1 << 22},
      {"num_hidden_layers", config.numHiddenLayers, 1024},
      {"num_attention_heads", config.numAttentionHeads, 4096},
      {"num_key_value_heads", config.numKeyValueHeads, 4096},
      {"vocab_size", config.vocabSize, 1 << 24},
      {"max_position_embeddings", config.maxPositionEmbeddings, 1 << 28},
  };
  for (const Range &range : ranges)
    if (range.value < 1 || range.value > range.most)
      return Error{path + ": " + range.field + " is " +
                   std::to_string(range.value) + ", expected 1 to " +
                   std::to_string(range.most)};
  if (config.numAttentionHeads % config.numKeyValueHeads != 0)
    return Error{path + ": num_attention_heads is " +
                 std::to_string(config.numAttentionHeads) +
                 ", expected a multiple of num_key_value_heads (" +
                 std::to_string(config.numKeyValueHeads) + ")"};
  if (std::string fault = headDimFault(config.headDim); !fault.empty())
    return Error{path + ": head_dim " + fault};
  if (!(config.rmsNormEps >= 0) || !(config.rmsNormEps < 1))
    return Error{path + ": rms_norm_eps is " +
                 std::to_string(config.rmsNormEps) +
                 ", expected a number from 0 to 1"};
  if (int64_t(config.rope.inverseFrequencies.size()) != config.headDim / 2)
    return Error{path + ": rope covers " +
                 std::to_string(2 * config.rope.inverseFrequencies.size()) +
                 " elements of a head, expected all " +
                 std::to_string(config.headDim)};
  return {};
}

Result<void> completeModel(Model &model, std::vector<TensorSource> found,
                           const std::vector<uint64_t> &fileSizes) {
  if (Result<void> checked = checkConfig(model.config, model.path); !checked)
    return checked;
  std::unordered_map<std::string_view, size_t> byName; // into found
  for (size_t i = 0; i < found.size(); ++i)
    if (!byName.emplace(found[i].name, i).second)
      return Error{model.path + ": " + label(found[i]) + " appears twice"};
  std::vector<size_t> order;
  std::vector<bool> placed(found.size());
  for (const TensorRole &role : tensorRoles(model.config)) {
    auto entry = byName.find(role.name);
    if (entry == byName.end()) {
      if (role.optional)
        continue;
      return Error{model.path + ": tensor " + role.name + " is missing"};
    }
    Result<void> checked =
        checkTensor(found[entry->second], role, model.path, fileSizes);
    if (!checked)
      return checked;
    order.push_back(entry->second);
    placed[entry->second] = true;
  }
  for (size_t i = 0; i < found.size(); ++i)
    if (!placed[i])
      return Error{model.path + ": " + label(found[i]) +
                   " has no place in a LLaMA model of this config"};
  std::vector<TensorSource> ordered;
  for (size_t i : order)
    ordered.push_back(std::move(found[i]));
  model.tensors = std::move(ordered);
  return {};
}

Result<void> checkTokenizer(const Model &model) {
  if (!model.tokenizer)
    return {};
  int64_t tokens = int64_t(model.tokenizer->tokens.size());
  if (tokens > model.config.vocabSize)
    return Error{model.path + ": the tokenizer has " + std::to_string(tokens) +
                 " tokens, more than the vocabulary of " +
                 std::to_string(model.config.vocabSize) + " (vocab_size)"};
  return {};
}

Result<void> completeWithoutWeights(Model &model, ElementType type) {
  if (Result<void> checked = checkConfig(model.config, model.path); !checked)
    return checked;
  std::vector<TensorSource> tensors;
  for (const TensorRole &role : tensorRoles(model.config)) {
    if (role.optional)
      continue;
    ElementType stored =
        role.kind == TensorRole::Kind::matrix ? type : ElementType::f32;
    if (role.columns % blockElements(stored) != 0)
      return Error{model.path + ": type " + std::string(name(stored)) +
                   " does not fit " + role.name + ": rows of " +
                   std::to_string(role.columns) +
                   " elements, expected a multiple of " +
                   std::to_string(blockElements(stored))};
    uint64_t bytes =
        uint64_t(rowBytes(stored, role.columns)) * uint64_t(role.rows);
    tensors.push_back({role.name, "", stored, role.rows, role.columns,
                       /*file=*/-1, /*offset=*/0, bytes});
  }
  return completeModel(model, std::move(tensors), {});
}

} // namespace quipu
