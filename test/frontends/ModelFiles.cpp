//===- ModelFiles.cpp - Small model files for tests -----------------------===//
//
// The formats written out plainly; tensor shapes come from tensorRoles(), the
// list that readers check against, and names from the formats' own.
//
//===----------------------------------------------------------------------===//

#include "test/frontends/ModelFiles.h"
#include "base/Dequantize.h"
#include "base/Quantize.h"
#include "frontends/ModelChecks.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

namespace quipu::test {
namespace {

uint32_t typeNumber(ElementType type) {
  static const std::map<ElementType, uint32_t> numbers = {
      {ElementType::f32, 0},   {ElementType::f16, 1},   {ElementType::q4_0, 2},
      {ElementType::q4_1, 3},  {ElementType::q5_0, 6},  {ElementType::q5_1, 7},
      {ElementType::q8_0, 8},  {ElementType::q2_k, 10}, {ElementType::q3_k, 11},
      {ElementType::q4_k, 12}, {ElementType::q5_k, 13}, {ElementType::q6_k, 14},
      {ElementType::i32, 26},  {ElementType::bf16, 30}};
  return numbers.at(type);
}

ModelConfig configOf(const SmallModel &model) {
  ModelConfig config;
  config.hiddenSize = model.hiddenSize;
  config.intermediateSize = model.intermediateSize;
  config.numHiddenLayers = model.layers;
  config.numAttentionHeads = model.heads;
  config.numKeyValueHeads = model.keyValueHeads;
  config.headDim = model.headDim;
  config.vocabSize = model.vocabSize;
  config.maxPositionEmbeddings = model.context;
  config.tieWordEmbeddings = model.tied;
  config.attentionBias = model.attentionBias;
  config.mlpBias = model.mlpBias;
  return config;
}

/// Weights of one role, row-major, in Hugging Face's order of rows.
std::vector<float> weights(const TensorRole &role, std::mt19937 &random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(size_t(role.rows * role.columns));
  float scale = 1.0f / std::sqrt(float(role.columns));
  for (float &value : values) // norms around 1, so that layers stay in scale
    value = role.kind == TensorRole::Kind::norm   ? 1 + 0.1f * normal(random)
            : role.kind == TensorRole::Kind::bias ? 0.1f * normal(random)
                                                  : scale * normal(random);
  return values;
}

/// Rows of query and key heads from (i, i + half) to (2i, 2i + 1) order.
std::vector<float> interleaved(const std::vector<float> &values, int64_t rows,
                               int64_t headDim) {
  int64_t columns = int64_t(values.size()) / rows;
  std::vector<float> result(values.size());
  for (int64_t row = 0; row < rows; ++row) {
    int64_t head = row / headDim, i = row % headDim;
    int64_t half = headDim / 2;
    int64_t target = head * headDim + (i % half) * 2 + i / half;
    std::copy_n(values.begin() + row * columns, columns,
                result.begin() + target * columns);
  }
  return result;
}

std::string stored(ElementType type, const std::vector<float> &values,
                   int64_t rows) {
  int64_t columns = int64_t(values.size()) / rows;
  std::string bytes(size_t(rows * rowBytes(type, columns)), '\0');
  auto target = std::as_writable_bytes(std::span(bytes));
  size_t stride = size_t(rowBytes(type, columns));
  for (int64_t row = 0; row < rows; ++row)
    quantizeRow(
        type, std::span(values).subspan(size_t(row * columns), size_t(columns)),
        target.subspan(size_t(row) * stride, stride));
  return bytes;
}

/// "layers.3.attn.wq" -> prefix + "3." + names["attn.wq"].
std::string formatName(const std::string &name, const char *prefix,
                       const std::map<std::string, std::string> &names) {
  if (!name.starts_with("layers."))
    return names.at(name);
  size_t dot = name.find('.', 7);
  return prefix + name.substr(7, dot - 6) + names.at(name.substr(dot + 1));
}

const std::map<std::string, std::string> ggufNames = {
    {"tok_embed", "token_embd.weight"}, {"out_norm", "output_norm.weight"},
    {"lm_head", "output.weight"},       {"attn_norm", "attn_norm.weight"},
    {"attn.wq", "attn_q.weight"},       {"attn.wk", "attn_k.weight"},
    {"attn.wv", "attn_v.weight"},       {"attn.wo", "attn_output.weight"},
    {"attn.bq", "attn_q.bias"},         {"attn.bk", "attn_k.bias"},
    {"attn.bv", "attn_v.bias"},         {"attn.bo", "attn_output.bias"},
    {"mlp_norm", "ffn_norm.weight"},    {"mlp.w_gate", "ffn_gate.weight"},
    {"mlp.w_up", "ffn_up.weight"},      {"mlp.w_down", "ffn_down.weight"},
    {"mlp.b_gate", "ffn_gate.bias"},    {"mlp.b_up", "ffn_up.bias"},
    {"mlp.b_down", "ffn_down.bias"}};

const std::map<std::string, std::string> huggingFaceNames = {
    {"tok_embed", "model.embed_tokens.weight"},
    {"out_norm", "model.norm.weight"},
    {"lm_head", "lm_head.weight"},
    {"attn_norm", "input_layernorm.weight"},
    {"attn.wq", "self_attn.q_proj.weight"},
    {"attn.wk", "self_attn.k_proj.weight"},
    {"attn.wv", "self_attn.v_proj.weight"},
    {"attn.wo", "self_attn.o_proj.weight"},
    {"attn.bq", "self_attn.q_proj.bias"},
    {"attn.bk", "self_attn.k_proj.bias"},
    {"attn.bv", "self_attn.v_proj.bias"},
    {"attn.bo", "self_attn.o_proj.bias"},
    {"mlp_norm", "post_attention_layernorm.weight"},
    {"mlp.w_gate", "mlp.gate_proj.weight"},
    {"mlp.w_up", "mlp.up_proj.weight"},
    {"mlp.w_down", "mlp.down_proj.weight"},
    {"mlp.b_gate", "mlp.gate_proj.bias"},
    {"mlp.b_up", "mlp.up_proj.bias"},
    {"mlp.b_down", "mlp.down_proj.bias"}};

/// Calls `write(role, type, values)` for every tensor of `model`.
template <typename Write>
void forEachTensor(const SmallModel &model, Write write) {
  std::mt19937 random(model.seed);
  for (const TensorRole &role : tensorRoles(configOf(model)))
    write(role,
          role.kind == TensorRole::Kind::matrix ? model.type(role.name)
                                                : ElementType::f32,
          weights(role, random));
}

} // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "quipu-test-XXXXXX").string();
  folder = ::mkdtemp(pattern.data());
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code code; // nothing can be done about it here
  std::filesystem::remove_all(folder, code);
}

std::string TemporaryFolder::write(const std::string &name,
                                   std::string_view contents) const {
  std::string path = folder + "/" + name;
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary)
      .write(contents.data(), std::streamsize(contents.size()));
  return path;
}

std::string ggufString(std::string_view text) {
  return bytesOf(uint64_t(text.size())) + std::string(text);
}

GgufWriter &GgufWriter::raw(std::string_view key, uint32_t type,
                            std::string_view value) {
  entries.push_back({std::string(key), type, std::string(value)});
  return *this;
}
GgufWriter &GgufWriter::u32(std::string_view key, uint32_t value) {
  return raw(key, 4, bytesOf(value));
}
GgufWriter &GgufWriter::f32(std::string_view key, float value) {
  return raw(key, 6, bytesOf(value));
}
GgufWriter &GgufWriter::boolean(std::string_view key, bool value) {
  return raw(key, 7, bytesOf(uint8_t(value)));
}
GgufWriter &GgufWriter::string(std::string_view key, std::string_view value) {
  return raw(key, 8, ggufString(value));
}
GgufWriter &GgufWriter::strings(std::string_view key,
                                const std::vector<std::string> &values) {
  std::string bytes = bytesOf(uint32_t(8)) + bytesOf(uint64_t(values.size()));
  for (const std::string &value : values)
    bytes += ggufString(value);
  return raw(key, 9, bytes);
}
GgufWriter &GgufWriter::i32s(std::string_view key,
                             const std::vector<int32_t> &values) {
  std::string bytes = bytesOf(uint32_t(5)) + bytesOf(uint64_t(values.size()));
  for (int32_t value : values)
    bytes += bytesOf(value);
  return raw(key, 9, bytes);
}
GgufWriter &GgufWriter::f32s(std::string_view key,
                             const std::vector<float> &values) {
  std::string bytes = bytesOf(uint32_t(6)) + bytesOf(uint64_t(values.size()));
  for (float value : values)
    bytes += bytesOf(value);
  return raw(key, 9, bytes);
}
GgufWriter &GgufWriter::erase(std::string_view key) {
  std::erase_if(entries, [&](const Entry &entry) { return entry.key == key; });
  return *this;
}

GgufWriter &GgufWriter::tensor(std::string_view name, ElementType type,
                               std::vector<uint64_t> dimensions,
                               std::string_view data) {
  tensors.push_back({std::string(name), typeNumber(type), std::move(dimensions),
                     std::string(data)});
  return *this;
}
GgufWriter &GgufWriter::eraseTensor(std::string_view name) {
  std::erase_if(tensors,
                [&](const Tensor &tensor) { return tensor.name == name; });
  return *this;
}

std::string GgufWriter::finish() const {
  std::string file = "GGUF" + bytesOf(version) +
                     bytesOf(uint64_t(tensors.size())) +
                     bytesOf(uint64_t(entries.size()));
  for (const Entry &entry : entries)
    file += ggufString(entry.key) + bytesOf(entry.type) + entry.value;
  std::string data;
  auto pad = [&](std::string &bytes) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
  };
  for (const Tensor &tensor : tensors) {
    file +=
        ggufString(tensor.name) + bytesOf(uint32_t(tensor.dimensions.size()));
    for (uint64_t extent : tensor.dimensions)
      file += bytesOf(extent);
    pad(data);
    file += bytesOf(tensor.type) + bytesOf(uint64_t(data.size()));
    data += tensor.data;
  }
  pad(file);
  return file + data;
}

std::string safetensors(std::string_view header, std::string_view data) {
  return bytesOf(uint64_t(header.size())) + std::string(header) +
         std::string(data);
}

GgufWriter smallGguf(const SmallModel &model) {
  GgufWriter writer;
  writer.string("general.architecture", "llama")
      .string("general.name", "small")
      .u32("llama.block_count", uint32_t(model.layers))
      .u32("llama.context_length", uint32_t(model.context))
      .u32("llama.embedding_length", uint32_t(model.hiddenSize))
      .u32("llama.feed_forward_length", uint32_t(model.intermediateSize))
      .u32("llama.attention.head_count", uint32_t(model.heads))
      .u32("llama.attention.head_count_kv", uint32_t(model.keyValueHeads))
      .u32("llama.attention.key_length", uint32_t(model.headDim))
      .u32("llama.attention.value_length", uint32_t(model.headDim))
      .f32("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .f32("llama.rope.freq_base", 10000.0f)
      .string("tokenizer.ggml.model", "gpt2")
      .string("tokenizer.ggml.pre", "smollm")
      .u32("tokenizer.ggml.eos_token_id", 0)
      .strings("tokenizer.ggml.merges", {"a b"});
  std::vector<std::string> tokens = {"<|endoftext|>", "ab"};
  for (char letter = 'a';
       tokens.size() < size_t(model.vocabSize) && letter <= 'z'; ++letter)
    tokens.emplace_back(1, letter);
  std::vector<int32_t> kinds(tokens.size(), 1);
  kinds[0] = 3;
  writer.strings("tokenizer.ggml.tokens", tokens)
      .i32s("tokenizer.ggml.token_type", kinds);
  forEachTensor(model, [&](const TensorRole &role, ElementType type,
                           std::vector<float> values) {
    std::string last = role.name.substr(role.name.rfind('.') + 1);
    bool rotated = last == "wq" || last == "wk" || last == "bq" || last == "bk";
    int64_t outputs =
        role.kind == TensorRole::Kind::bias ? role.columns : role.rows;
    if (rotated)
      values = interleaved(values, outputs, model.headDim);
    std::vector<uint64_t> dimensions = {uint64_t(role.columns)};
    if (role.kind == TensorRole::Kind::matrix)
      dimensions.push_back(uint64_t(role.rows));
    writer.tensor(formatName(role.name, "blk.", ggufNames), type, dimensions,
                  stored(type, values, role.rows));
  });
  return writer;
}

void writeSmallFolder(const SmallModel &model, const TemporaryFolder &folder) {
  nlohmann::json config = {{"architectures", {"LlamaForCausalLM"}},
                           {"model_type", "llama"},
                           {"hidden_act", "silu"},
                           {"hidden_size", model.hiddenSize},
                           {"intermediate_size", model.intermediateSize},
                           {"num_hidden_layers", model.layers},
                           {"num_attention_heads", model.heads},
                           {"num_key_value_heads", model.keyValueHeads},
                           {"head_dim", model.headDim},
                           {"vocab_size", model.vocabSize},
                           {"max_position_embeddings", model.context},
                           {"rms_norm_eps", 1e-5},
                           {"rope_theta", 10000.0},
                           {"tie_word_embeddings", model.tied},
                           {"attention_bias", model.attentionBias},
                           {"mlp_bias", model.mlpBias},
                           {"eos_token_id", 0}};
  folder.write("config.json", config.dump(2));
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  forEachTensor(model, [&](const TensorRole &role, ElementType type,
                           const std::vector<float> &values) {
    nlohmann::json shape = nlohmann::json::array();
    if (role.kind == TensorRole::Kind::matrix)
      shape.push_back(role.rows);
    shape.push_back(role.columns);
    size_t begin = data.size();
    data += stored(type, values, role.rows);
    header[formatName(role.name, "model.layers.", huggingFaceNames)] = {
        {"dtype", type == ElementType::f32   ? "F32"
                  : type == ElementType::f16 ? "F16"
                                             : "BF16"},
        {"shape", shape},
        {"data_offsets", {begin, data.size()}}};
  });
  folder.write("model.safetensors", safetensors(header.dump(), data));
}

} // namespace quipu::test
