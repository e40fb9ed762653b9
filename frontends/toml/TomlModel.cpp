//===- TomlModel.cpp - A TOML config as a Model ---------------------------===//
//
// Reads the tables of docs/config.md, then attaches weights from another file
// if the config names one. Paths in a config are relative to its folder.
//
//===----------------------------------------------------------------------===//

#include "frontends/toml/TomlModel.h"
#include "base/MappedFile.h"
#include "base/Utf8.h"
#include "frontends/ModelChecks.h"
#include "frontends/OpenModel.h"
#include "frontends/RopeScaling.h"
#include "frontends/TokenizerSource.h"
#include "frontends/huggingface/HuggingFaceModel.h"
#include "frontends/toml/TomlFields.h"

#include <filesystem>

namespace quipu {
namespace {

/// What a config says, before weights are looked at.
struct Stated {
  std::string name;
  std::string weights;   // path; empty: none
  std::string tokenizer; // path; empty: none
  std::optional<ModelConfig> config;
  std::optional<RopePairing> pairing;
  std::optional<ElementType> type; // of matrices, without weights
  CompileWishes compile;
};

void readScaling(TomlFields &fields, const ModelConfig &config,
                 RopeScaling &scaling) {
  using Kind = RopeScaling::Kind;
  std::string type = fields.string("type").value_or("default");
  if (type == "linear")
    scaling.kind = Kind::linear;
  else if (type == "llama3")
    scaling.kind = Kind::llama3;
  else if (type == "yarn")
    scaling.kind = Kind::yarn;
  else if (type != "default")
    fields.fail("type",
                "'" + type +
                    "' is not supported (supported: default, linear, llama3, "
                    "yarn)",
                fields.table.get("type"));
  bool scaled = scaling.kind != Kind::none;
  scaling.factor = scaled ? fields.requiredNumber("factor") : 1.0;
  if (scaling.kind == Kind::llama3 || scaling.kind == Kind::yarn)
    scaling.originalMaxPositionEmbeddings =
        fields.integer("original_max_position_embeddings")
            .value_or(config.maxPositionEmbeddings);
  if (scaling.kind == Kind::llama3) {
    scaling.lowFreqFactor = fields.requiredNumber("low_freq_factor");
    scaling.highFreqFactor = fields.requiredNumber("high_freq_factor");
  }
  if (scaling.kind == Kind::yarn) {
    scaling.betaFast = fields.number("beta_fast").value_or(32.0);
    scaling.betaSlow = fields.number("beta_slow").value_or(1.0);
    scaling.mscale = fields.number("mscale");
    scaling.mscaleAllDim = fields.number("mscale_all_dim");
    scaling.attentionFactor = fields.number("attention_factor");
    scaling.truncate = fields.boolean("truncate").value_or(true);
  }
}

void readRope(TomlFields &model, Stated &stated) {
  ModelConfig &config = *stated.config;
  toml::table none;
  const toml::table *table = model.subtable("rope");
  TomlFields fields{table ? *table : none, model.path, "model.rope", {}, {}};
  RopeScaling scaling;
  scaling.dimension = config.headDim;
  scaling.theta = fields.number("theta").value_or(10000.0);
  std::optional<std::string> pairing = fields.string("pairing");
  if (pairing && *pairing != "half" && *pairing != "interleaved")
    fields.fail("pairing",
                "'" + *pairing + "' is unknown, expected half or interleaved",
                fields.table.get("pairing"));
  if (pairing)
    stated.pairing =
        *pairing == "half" ? RopePairing::half : RopePairing::interleaved;
  readScaling(fields, config, scaling);
  fields.finish();
  if (!model.error)
    model.error = fields.error;
  if (model.error)
    return;
  Result<Rope> rope =
      computeRope(scaling, stated.pairing.value_or(RopePairing::half));
  if (!rope)
    return model.fail("rope", rope.error().message, table);
  config.rope = std::move(*rope);
}

/// The [model] table, by Hugging Face's names.
void readArchitecture(TomlFields &fields, Stated &stated) {
  ModelConfig &config = stated.config.emplace();
  config.hiddenSize = fields.requiredInteger("hidden_size");
  config.intermediateSize = fields.requiredInteger("intermediate_size");
  config.numHiddenLayers = fields.requiredInteger("num_hidden_layers");
  config.numAttentionHeads = fields.requiredInteger("num_attention_heads");
  config.numKeyValueHeads =
      fields.integer("num_key_value_heads").value_or(config.numAttentionHeads);
  std::optional<int64_t> headDim = fields.integer("head_dim");
  config.vocabSize = fields.requiredInteger("vocab_size");
  config.maxPositionEmbeddings =
      fields.requiredInteger("max_position_embeddings");
  config.rmsNormEps = float(fields.requiredNumber("rms_norm_eps"));
  config.tieWordEmbeddings =
      fields.boolean("tie_word_embeddings").value_or(false);
  config.attentionBias = fields.boolean("attention_bias").value_or(false);
  config.mlpBias = fields.boolean("mlp_bias").value_or(false);
  if (fields.error)
    return;
  if (config.numAttentionHeads < 1)
    return fields.fail("num_attention_heads", "expected at least 1",
                       fields.table.get("num_attention_heads"));
  if (!headDim && config.hiddenSize % config.numAttentionHeads != 0)
    return fields.fail("hidden_size",
                       "expected a multiple of num_attention_heads where "
                       "head_dim is not given",
                       fields.table.get("hidden_size"));
  config.headDim =
      headDim.value_or(config.hiddenSize / config.numAttentionHeads);
  // Before a table of that size is made.
  if (std::string fault = headDimFault(config.headDim); !fault.empty())
    return headDim
               ? fields.fail("head_dim", fault, fields.table.get("head_dim"))
               : fields.fail("hidden_size / num_attention_heads", fault,
                             fields.table.get("hidden_size"));
  readRope(fields, stated);
  fields.finish();
}

/// The [compile] table.
void readCompile(TomlFields &fields, Stated &stated) {
  CompileWishes &compile = stated.compile;
  compile.context = fields.integer("context");
  if (compile.context && *compile.context < 1)
    fields.fail("context", "expected at least 1", fields.table.get("context"));
  if (std::optional<int64_t> level = fields.integer("optimization_level")) {
    if (*level < 0 || *level > 3)
      fields.fail("optimization_level", "expected 0 to 3",
                  fields.table.get("optimization_level"));
    compile.optimizationLevel = int(*level);
  }
  compile.targets = fields.strings("targets");
  if (std::optional<std::string> type = fields.string("type")) {
    stated.type = parseElementType(*type);
    if (!stated.type || *stated.type == ElementType::i32)
      fields.fail("type",
                  "'" + *type +
                      "' is unknown, expected f32, f16, bf16, q8_0, q4_0, "
                      "q4_1, q5_0, q5_1, q2_k, q3_k, q4_k, q5_k or q6_k",
                  fields.table.get("type"));
  }
  fields.finish();
}

Result<Stated> readTables(const std::string &path) {
  constexpr uint64_t most = 1 << 20; // a config is a page
  Result<MappedFile> file = MappedFile::open(path, most);
  if (!file)
    return file.error();
  std::string_view text(reinterpret_cast<const char *>(file->bytes().data()),
                        file->bytes().size());
  if (!isUtf8(text))
    return Error{path + ": not UTF-8 text"};
  toml::parse_result parsed = toml::parse(text, path);
  if (!parsed)
    return Error{path + ":" +
                 std::to_string(parsed.error().source().begin.line) + ": " +
                 std::string(parsed.error().description())};
  const toml::table &table = parsed.table();
  Stated stated;
  TomlFields fields{table, path, "", {}, {}};
  stated.name = fields.string("name").value_or("");
  stated.weights = fields.string("weights").value_or("");
  stated.tokenizer = fields.string("tokenizer").value_or("");
  auto readTable = [&](const char *key, auto read) {
    const toml::table *part = fields.subtable(key);
    if (!part)
      return;
    TomlFields inner{*part, path, key, {}, {}};
    read(inner, stated);
    if (!fields.error)
      fields.error = inner.error;
  };
  readTable("model", readArchitecture);
  readTable("compile", readCompile);
  fields.finish();
  if (!stated.config && stated.weights.empty())
    fields.fail("model", "is missing (a config without weights needs it)");
  if (stated.type && !stated.weights.empty())
    fields.fail("compile.type", "applies to a config without weights only");
  if (fields.error)
    return *fields.error;
  return stated;
}

/// Whether what [model] says about shapes is what the weights' own config says.
Result<void> checkAgreement(const ModelConfig &stated, const Model &weights,
                            const std::string &path) {
  const ModelConfig &found = weights.config;
  const struct {
    const char *key;
    int64_t stated, found;
  } fields[] = {
      {"hidden_size", stated.hiddenSize, found.hiddenSize},
      {"intermediate_size", stated.intermediateSize, found.intermediateSize},
      {"num_hidden_layers", stated.numHiddenLayers, found.numHiddenLayers},
      {"num_attention_heads", stated.numAttentionHeads,
       found.numAttentionHeads},
      {"num_key_value_heads", stated.numKeyValueHeads, found.numKeyValueHeads},
      {"head_dim", stated.headDim, found.headDim},
      {"vocab_size", stated.vocabSize, found.vocabSize},
      {"tie_word_embeddings", stated.tieWordEmbeddings,
       found.tieWordEmbeddings},
      {"attention_bias", stated.attentionBias, found.attentionBias},
      {"mlp_bias", stated.mlpBias, found.mlpBias},
  };
  for (const auto &field : fields)
    if (field.stated != field.found)
      return Error{path + ": model." + field.key + " is " +
                   std::to_string(field.stated) + ", but " + weights.path +
                   " has " + std::to_string(field.found)};
  return {};
}

Result<Model> attachFile(const Stated &stated, const std::string &weights,
                         const std::string &path) {
  if (!stated.config)
    return Error{path + ": [model] is missing (a .safetensors file alone does "
                        "not state its architecture)"};
  Result<StoredTensors> stored = readStoredTensors(weights);
  if (!stored)
    return stored.error();
  Model model;
  model.path = weights; // of messages about tensors
  model.config = *stated.config;
  model.files = std::move(stored->files);
  if (model.config.tieWordEmbeddings)
    std::erase_if(stored->tensors, [](const TensorSource &tensor) {
      return tensor.name == "lm_head";
    });
  Result<void> completed =
      completeModel(model, std::move(stored->tensors), stored->fileSizes);
  if (!completed)
    return completed.error();
  return model;
}

Result<Model> attachModel(const Stated &stated, const std::string &weights,
                          const std::string &path) {
  if (weights.ends_with(".toml")) // also keeps configs from naming each other
    return Error{path +
                 ": weights: expected a folder, a .gguf or a "
                 ".safetensors file, found " +
                 weights};
  Result<Model> model = openModel(weights);
  if (!model || !stated.config)
    return model;
  if (Result<void> agreed = checkAgreement(*stated.config, *model, path);
      !agreed)
    return agreed.error();
  RopePairing pairing = model->config.rope.pairing; // as the rows are stored
  if (stated.pairing && *stated.pairing != pairing)
    return Error{path + ": model.rope.pairing is not that of " + weights +
                 (pairing == RopePairing::half ? " (half)" : " (interleaved)")};
  model->config = *stated.config;
  model->config.rope.pairing = pairing;
  if (Result<void> checked = checkConfig(model->config, path); !checked)
    return checked.error();
  return model;
}

Result<Model> withoutWeights(const Stated &stated, const std::string &path) {
  Model model;
  model.path = path;
  model.config = *stated.config;
  Result<void> completed =
      completeWithoutWeights(model, stated.type.value_or(ElementType::bf16));
  if (!completed)
    return completed.error();
  return model;
}

} // namespace

Result<Model> openTomlModel(const std::string &path) {
  namespace fs = std::filesystem;
  Result<Stated> stated = readTables(path);
  if (!stated)
    return stated.error();
  auto beside = [&](const std::string &name) {
    return (fs::path(path).parent_path() / name).string();
  };
  std::string weights = beside(stated->weights);
  Result<Model> model = stated->weights.empty() ? withoutWeights(*stated, path)
                        : weights.ends_with(".safetensors")
                            ? attachFile(*stated, weights, path)
                            : attachModel(*stated, weights, path);
  if (!model)
    return model;
  model->path = path;
  model->kind = "toml";
  model->architecture = "llama";
  if (!stated->name.empty() || model->name.empty())
    model->name =
        stated->name.empty() ? fs::path(path).stem().string() : stated->name;
  model->compile = stated->compile;
  if (!stated->tokenizer.empty()) {
    Result<TokenizerSource> tokenizer =
        openTokenizer(beside(stated->tokenizer));
    if (!tokenizer)
      return tokenizer.error();
    model->tokenizer = std::move(tokenizer->spec);
    if (model->generation.endOfSequenceIds.empty())
      model->generation = std::move(tokenizer->generation);
  }
  if (Result<void> checked = checkTokenizer(*model); !checked)
    return checked.error();
  return model;
}

} // namespace quipu
