//===- GgufModel.cpp - A GGUF file as a Model -----------------------------===//
//
// Metadata and tensor names of llama.cpp's `llama` architecture, read into the
// one Model. Query and key rows in these files are permuted for interleaved
// pairs. What could change the mathematics and is not known here is refused.
//
//===----------------------------------------------------------------------===//

#include "frontends/gguf/GgufModel.h"
#include "frontends/ModelChecks.h"
#include "frontends/RopeScaling.h"
#include "frontends/TensorNames.h"
#include "frontends/gguf/GgufFields.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace quipu {
namespace {

// Every `llama.` key that is understood, or that says nothing about the
// mathematics.
constexpr std::string_view knownKeys[] = {
    "llama.attention.causal",
    "llama.attention.head_count",
    "llama.attention.head_count_kv",
    "llama.attention.key_length",
    "llama.attention.layer_norm_rms_epsilon",
    "llama.attention.value_length",
    "llama.block_count",
    "llama.context_length",
    "llama.embedding_length",
    "llama.expert_count",
    "llama.expert_used_count",
    "llama.feed_forward_length",
    "llama.rope.dimension_count",
    "llama.rope.freq_base",
    "llama.rope.scale_linear",
    "llama.rope.scaling.attn_factor",
    "llama.rope.scaling.factor",
    "llama.rope.scaling.finetuned",
    "llama.rope.scaling.original_context_length",
    "llama.rope.scaling.type",
    "llama.rope.scaling.yarn_beta_fast",
    "llama.rope.scaling.yarn_beta_slow",
    "llama.tensor_data_layout",
    "llama.use_parallel_residual",
    "llama.vocab_size",
};

/// The parts of one model and where its special tensors lie.
struct GgufParts {
  std::vector<GgufFile> files;

  const GgufTensor *find(std::string_view name, const GgufFile **in) const {
    for (const GgufFile &file : files)
      for (const GgufTensor &tensor : file.tensors())
        if (tensor.name == name) {
          *in = &file;
          return &tensor;
        }
    return nullptr;
  }
};

void checkArchitecture(GgufFields &fields) {
  std::optional<std::string> architecture =
      fields.string("general.architecture");
  if (!architecture)
    return fields.fail("general.architecture", "is missing");
  if (*architecture != "llama")
    return fields.fail("general.architecture",
                       "'" + *architecture +
                           "' is not supported (supported: llama)");
  for (const auto &[key, value] : fields.file.metadata())
    if (key.starts_with("llama.") &&
        std::find(std::begin(knownKeys), std::end(knownKeys), key) ==
            std::end(knownKeys))
      return fields.fail(key, "this key is not supported by Quipu's LLaMA "
                              "architecture");
  if (fields.integer("llama.expert_count").value_or(0) != 0)
    return fields.fail("llama.expert_count",
                       "mixture-of-experts models are not supported "
                       "(supported: 0, a dense MLP)");
  if (!fields.boolean("llama.attention.causal").value_or(true))
    return fields.fail("llama.attention.causal",
                       "only causal attention is supported");
  if (fields.boolean("llama.use_parallel_residual").value_or(false))
    return fields.fail("llama.use_parallel_residual",
                       "parallel residuals are not supported");
}

/// rope_freqs.weight: divisors of the frequencies (LLaMA-3.1's scaling).
void readRopeDivisors(GgufFields &fields, const GgufParts &parts,
                      RopeScaling &scaling) {
  const GgufFile *file = nullptr;
  for (const char *name :
       {"rope_factors_long.weight", "rope_factors_short.weight"})
    if (parts.find(name, &file))
      return fields.fail(name, "rope factors that depend on the length of a "
                               "sequence are not supported");
  const GgufTensor *tensor = parts.find("rope_freqs.weight", &file);
  if (!tensor)
    return;
  if (tensor->type != ElementType::f32 || tensor->rows() != 1 ||
      int64_t(tensor->columns()) != scaling.dimension / 2)
    return fields.fail("rope_freqs.weight",
                       "expected " + std::to_string(scaling.dimension / 2) +
                           " f32 elements");
  scaling.divisors.resize(tensor->columns());
  std::memcpy(scaling.divisors.data(), file->bytes().data() + tensor->offset,
              tensor->bytes);
}

void readRope(GgufFields &fields, const GgufParts &parts, ModelConfig &config) {
  RopeScaling scaling;
  scaling.dimension = config.headDim;
  int64_t rotated =
      fields.integer("llama.rope.dimension_count").value_or(config.headDim);
  if (rotated != config.headDim)
    return fields.fail("llama.rope.dimension_count",
                       std::to_string(rotated) + " of " +
                           std::to_string(config.headDim) +
                           " head dimensions; only rope over all of them is "
                           "supported");
  scaling.theta = fields.number("llama.rope.freq_base").value_or(10000.0);
  std::optional<double> linear = fields.number("llama.rope.scale_linear");
  std::string type = fields.string("llama.rope.scaling.type")
                         .value_or(linear ? "linear" : "none");
  if (type == "linear")
    scaling.kind = RopeScaling::Kind::linear;
  else if (type == "yarn")
    scaling.kind = RopeScaling::Kind::yarn;
  else if (type != "none")
    return fields.fail("llama.rope.scaling.type",
                       "'" + type +
                           "' is not supported (supported: none, linear, "
                           "yarn, and factors in rope_freqs.weight)");
  scaling.factor =
      fields.number("llama.rope.scaling.factor").value_or(linear.value_or(1.0));
  if (scaling.factor == 0) // written for "no scaling"
    scaling.factor = 1;
  scaling.originalMaxPositionEmbeddings =
      fields.integer("llama.rope.scaling.original_context_length")
          .value_or(config.maxPositionEmbeddings);
  scaling.betaFast =
      fields.number("llama.rope.scaling.yarn_beta_fast").value_or(32.0);
  scaling.betaSlow =
      fields.number("llama.rope.scaling.yarn_beta_slow").value_or(1.0);
  readRopeDivisors(fields, parts, scaling);
  double attention =
      fields.number("llama.rope.scaling.attn_factor").value_or(1.0);
  if (!(attention > 0 && attention < 1e6))
    return fields.fail("llama.rope.scaling.attn_factor",
                       "expected a positive number");
  if (fields.error)
    return;
  Result<Rope> rope = computeRope(scaling, RopePairing::interleaved);
  if (!rope)
    return fields.fail("llama.rope", rope.error().message);
  config.rope = std::move(*rope);
  config.rope.attentionFactor *= float(attention);
}

void readConfig(GgufFields &fields, const GgufParts &parts,
                ModelConfig &config) {
  config.hiddenSize = fields.requiredInteger("llama.embedding_length");
  config.intermediateSize = fields.requiredInteger("llama.feed_forward_length");
  config.numHiddenLayers = fields.requiredInteger("llama.block_count");
  config.numAttentionHeads =
      fields.requiredInteger("llama.attention.head_count");
  config.numKeyValueHeads = fields.integer("llama.attention.head_count_kv")
                                .value_or(config.numAttentionHeads);
  config.maxPositionEmbeddings = fields.requiredInteger("llama.context_length");
  config.rmsNormEps =
      float(fields.requiredNumber("llama.attention.layer_norm_rms_epsilon"));
  if (fields.error)
    return;
  if (config.numAttentionHeads < 1)
    return fields.fail("llama.attention.head_count",
                       "is " + std::to_string(config.numAttentionHeads) +
                           ", expected at least 1");
  std::optional<int64_t> keyLength =
      fields.integer("llama.attention.key_length");
  if (!keyLength && config.hiddenSize % config.numAttentionHeads != 0)
    return fields.fail("llama.embedding_length",
                       "is not a multiple of llama.attention.head_count");
  config.headDim =
      keyLength.value_or(config.hiddenSize / config.numAttentionHeads);
  // Before a table of that size is made.
  if (std::string fault = headDimFault(config.headDim); !fault.empty())
    return fields.fail(
        keyLength ? "llama.attention.key_length"
                  : "llama.embedding_length / llama.attention.head_count",
        fault);
  int64_t valueLength =
      fields.integer("llama.attention.value_length").value_or(config.headDim);
  if (valueLength != config.headDim)
    return fields.fail("llama.attention.value_length",
                       "is " + std::to_string(valueLength) +
                           ", expected the key length " +
                           std::to_string(config.headDim));
  const GgufFile *file = nullptr;
  const GgufTensor *embedding = parts.find("token_embd.weight", &file);
  if (!embedding)
    return fields.fail("token_embd.weight", "the tensor is missing");
  config.vocabSize = int64_t(embedding->rows());
  int64_t stated =
      fields.integer("llama.vocab_size").value_or(config.vocabSize);
  if (stated != config.vocabSize)
    return fields.fail("llama.vocab_size",
                       "is " + std::to_string(stated) +
                           ", but token_embd.weight has " +
                           std::to_string(config.vocabSize) + " rows");
  config.tieWordEmbeddings = !parts.find("output.weight", &file);
  config.attentionBias = parts.find("blk.0.attn_q.bias", &file) ||
                         parts.find("blk.0.attn_output.bias", &file);
  config.mlpBias = parts.find("blk.0.ffn_down.bias", &file);
  readRope(fields, parts, config);
}

/// NAME-00002-of-00005.gguf taken apart.
struct SplitName {
  std::string prefix; // "NAME"
  int64_t count;

  std::string part(int64_t number) const {
    auto digits = [](int64_t value) {
      std::string text = std::to_string(value);
      return std::string(5 - std::min<size_t>(5, text.size()), '0') + text;
    };
    return prefix + "-" + digits(number) + "-of-" + digits(count) + ".gguf";
  }
};

std::optional<SplitName> parseSplitName(std::string_view path) {
  constexpr size_t tail = std::string_view("-00001-of-00005.gguf").size();
  if (path.size() < tail)
    return std::nullopt;
  std::string_view end = path.substr(path.size() - tail);
  int number = 0, count = 0;
  auto digits = [&](size_t at, int &value) {
    std::string_view text = end.substr(at, 5);
    auto [rest, code] = std::from_chars(text.begin(), text.end(), value);
    return code == std::errc() && rest == text.end();
  };
  if (end[0] != '-' || end.substr(6, 4) != "-of-" ||
      end.substr(15) != ".gguf" || !digits(1, number) || !digits(10, count) ||
      number < 1 || number > count)
    return std::nullopt;
  return SplitName{std::string(path.substr(0, path.size() - tail)), count};
}

Result<GgufParts> openParts(const std::string &path) {
  GgufParts parts;
  std::optional<SplitName> split = parseSplitName(path);
  for (int64_t i = 0; i < (split ? split->count : 1); ++i) {
    Result<GgufFile> file = GgufFile::open(split ? split->part(i + 1) : path);
    if (!file)
      return file.error();
    GgufFields fields{*file, {}};
    int64_t count = fields.integer("split.count").value_or(0);
    int64_t number = fields.integer("split.no").value_or(i);
    if (fields.error)
      return *fields.error;
    if (split ? count != split->count : count > 1)
      return Error{file->path() + ": split.count is " + std::to_string(count) +
                   ", which does not agree with the file's name"};
    if (split && number != i)
      return Error{file->path() + ": split.no is " + std::to_string(number) +
                   ", expected " + std::to_string(i)};
    parts.files.push_back(std::move(*file));
  }
  return parts;
}

Result<void> placeTensors(const GgufParts &parts, Model &model) {
  std::vector<TensorSource> found;
  std::vector<uint64_t> sizes;
  for (const GgufFile &file : parts.files) {
    for (const GgufTensor &tensor : file.tensors()) {
      std::optional<std::string> name = graphNameOfGguf(tensor.name);
      if (!name)
        return Error{file.path() + ": tensor '" + std::string(tensor.name) +
                     "' has no place in a LLaMA model"};
      if (name->empty())
        continue;
      found.push_back({*name, std::string(tensor.name), tensor.type,
                       int64_t(tensor.rows()), int64_t(tensor.columns()),
                       int32_t(sizes.size()), tensor.offset, tensor.bytes});
    }
    model.files.push_back(file.path());
    sizes.push_back(file.bytes().size());
  }
  return completeModel(model, std::move(found), sizes);
}

} // namespace

std::optional<std::string> graphNameOfGguf(std::string_view name) {
  static constexpr TensorName whole[] = {
      {"token_embd.weight", "tok_embed"},
      {"output_norm.weight", "out_norm"},
      {"output.weight", "lm_head"},
      {"rope_freqs.weight", ""}, // folded into the frequencies
  };
  static constexpr TensorName layer[] = {
      {"attn_norm.weight", "attn_norm"}, {"attn_q.weight", "attn.wq"},
      {"attn_k.weight", "attn.wk"},      {"attn_v.weight", "attn.wv"},
      {"attn_output.weight", "attn.wo"}, {"attn_q.bias", "attn.bq"},
      {"attn_k.bias", "attn.bk"},        {"attn_v.bias", "attn.bv"},
      {"attn_output.bias", "attn.bo"},   {"ffn_norm.weight", "mlp_norm"},
      {"ffn_gate.weight", "mlp.w_gate"}, {"ffn_up.weight", "mlp.w_up"},
      {"ffn_down.weight", "mlp.w_down"}, {"ffn_gate.bias", "mlp.b_gate"},
      {"ffn_up.bias", "mlp.b_up"},       {"ffn_down.bias", "mlp.b_down"},
      {"attn_rot_embd.weight", ""}, // a derived table in old files
  };
  return graphName({whole, "blk.", layer}, name);
}

Result<Model> openGgufModel(const std::string &path) {
  Result<GgufParts> parts = openParts(path);
  if (!parts)
    return parts.error();
  const GgufFile &first = parts->files.front();
  GgufFields fields{first, {}};
  Model model;
  model.path = path;
  model.kind = "gguf";
  model.architecture = "llama";
  checkArchitecture(fields);
  model.name = fields.string("general.name").value_or("");
  if (!fields.error)
    readConfig(fields, *parts, model.config);
  if (fields.error)
    return *fields.error;
  if (Result<void> placed = placeTensors(*parts, model); !placed)
    return placed.error();
  Result<std::optional<TokenizerSpec>> tokenizer = readGgufTokenizer(first);
  if (!tokenizer)
    return tokenizer.error();
  model.tokenizer = std::move(*tokenizer);
  if (Result<void> checked = checkTokenizer(model); !checked)
    return checked.error();
  Result<GenerationDefaults> generation =
      readGgufGeneration(first, model.tokenizer);
  if (!generation)
    return generation.error();
  model.generation = std::move(*generation);
  return model;
}

} // namespace quipu
