//===- Config.cpp - config.json of LlamaForCausalLM -----------------------===//
//
// Names and defaults are those of transformers' LlamaConfig. Keys that other
// families use to change the mathematics are refused by name, because ignoring
// one would give wrong text without a word.
//
//===----------------------------------------------------------------------===//

#include "frontends/ModelChecks.h"
#include "frontends/RopeScaling.h"
#include "frontends/huggingface/ConfigFields.h"
#include "frontends/huggingface/HuggingFaceModel.h"

#include <algorithm>

namespace quipu {
namespace {

/// A key that changes the mathematics, the one value that does not, and what is
/// supported in its place. Null and absent never change anything.
struct NeutralValue {
  const char *key;
  const char *value; // JSON; empty: none but null
  const char *supported;
};
constexpr NeutralValue neutralValues[] = {
    {"attention_multiplier", "", "attention scaled by 1/sqrt(head_dim)"},
    {"attn_logit_softcapping", "", "no soft-capping"},
    {"clip_qkv", "", "no clipping"},
    {"embedding_multiplier", "1.0", "1"},
    {"final_logit_softcapping", "", "no soft-capping"},
    {"logit_scale", "1.0", "1"},
    {"logits_scaling", "1.0", "1"},
    {"moe", "", "a dense MLP"},
    {"no_rope_layers", "[]", "rope in every layer"},
    {"num_experts", "0", "a dense MLP"},
    {"num_local_experts", "0", "a dense MLP"},
    {"partial_rotary_factor", "1.0", "1"},
    {"qk_norm", "false", "false"},
    {"quantization_config", "",
     "unquantized F32, F16 and BF16 weights, or a "
     "GGUF file"},
    {"residual_multiplier", "1.0", "1"},
    {"rope_interleaved", "false", "false"},
    {"sliding_window", "", "full attention"},
    {"use_qk_norm", "false", "false"},
    {"use_sliding_window", "false", "full attention"},
};

void checkArchitecture(ConfigFields &fields) {
  if (const nlohmann::json *names = fields.find("architectures")) {
    if (!names->is_array() || names->size() != 1 ||
        (*names)[0] != "LlamaForCausalLM")
      fields.fail("architectures", names->dump(-1, ' ', true).substr(0, 80) +
                                       " is not supported (supported: "
                                       "[\"LlamaForCausalLM\"])");
  } else if (fields.string("model_type").value_or("") != "llama") {
    fields.fail("architectures", "is missing (supported: "
                                 "[\"LlamaForCausalLM\"])");
  }
  for (const NeutralValue &neutral : neutralValues) {
    const nlohmann::json *value = fields.find(neutral.key);
    if (!value ||
        (*neutral.value && *value == nlohmann::json::parse(neutral.value)))
      continue;
    fields.fail(neutral.key,
                value->dump(-1, ' ', true).substr(0, 60) +
                    " is not supported (supported: " + neutral.supported + ")");
  }
  if (const nlohmann::json *types = fields.find("layer_types"))
    if (!types->is_array() ||
        !std::all_of(types->begin(), types->end(),
                     [](const auto &type) { return type == "full_attention"; }))
      fields.fail("layer_types", "only \"full_attention\" is supported");
  std::string activation = fields.string("hidden_act").value_or("silu");
  if (activation != "silu" && activation != "swish")
    fields.fail("hidden_act",
                "'" + activation + "' is not supported (supported: silu)");
}

/// longrope's two lists, of which one is used for short and one for long
/// sequences. Only where that makes no difference can a table be made ahead.
void readLongrope(ConfigFields &fields, int64_t maxPositions,
                  RopeScaling &scaling) {
  auto factors = [&](const char *key) {
    std::vector<float> values;
    const nlohmann::json *list = fields.find(key);
    if (!list || !list->is_array() || list->size() > 4096) {
      fields.fail(key, "expected a list of numbers");
      return values;
    }
    for (const nlohmann::json &value : *list) {
      if (!value.is_number())
        fields.fail(key, "expected a list of numbers");
      values.push_back(value.is_number() ? value.get<float>() : 0);
    }
    return values;
  };
  std::vector<float> shortFactors = factors("short_factor");
  std::vector<float> longFactors = factors("long_factor");
  bool alwaysShort = maxPositions <= scaling.originalMaxPositionEmbeddings;
  if (!alwaysShort && shortFactors != longFactors)
    fields.fail("long_factor",
                "factors that depend on the length of a sequence are not "
                "supported (supported: long_factor equal to short_factor)");
  scaling.divisors = std::move(shortFactors);
  if (!fields.find("factor"))
    scaling.factor =
        double(maxPositions) /
        double(std::max<int64_t>(scaling.originalMaxPositionEmbeddings, 1));
}

/// Reads the object under `rope_scaling` or `rope_parameters`.
void readScaling(ConfigFields &fields, int64_t maxPositions,
                 RopeScaling &scaling) {
  using Kind = RopeScaling::Kind;
  std::string type = fields.string("rope_type")
                         .value_or(fields.string("type").value_or("default"));
  scaling.theta = fields.number("rope_theta").value_or(scaling.theta);
  double partial = fields.number("partial_rotary_factor").value_or(1.0);
  if (partial != 1)
    fields.fail("partial_rotary_factor",
                std::to_string(partial) + " is not supported (supported: 1)");
  // dynamic changes theta only for sequences beyond max_position_embeddings,
  // which is the longest context here, so that it equals default.
  if (type == "default" || type == "dynamic")
    return;
  std::optional<int64_t> original =
      fields.integer("original_max_position_embeddings");
  scaling.originalMaxPositionEmbeddings = original.value_or(maxPositions);
  if (type == "linear") {
    scaling.kind = Kind::linear;
    scaling.factor = fields.requiredNumber("factor");
  } else if (type == "llama3") {
    scaling.kind = Kind::llama3;
    scaling.factor = fields.requiredNumber("factor");
    scaling.lowFreqFactor = fields.requiredNumber("low_freq_factor");
    scaling.highFreqFactor = fields.requiredNumber("high_freq_factor");
  } else if (type == "yarn") {
    scaling.kind = Kind::yarn;
    scaling.factor = fields.find("factor") || !original || *original < 1
                         ? fields.requiredNumber("factor")
                         : double(maxPositions) / double(*original);
    scaling.attentionFactor = fields.number("attention_factor");
    scaling.mscale = fields.number("mscale");
    scaling.mscaleAllDim = fields.number("mscale_all_dim");
    scaling.betaFast = fields.number("beta_fast").value_or(32.0);
    scaling.betaSlow = fields.number("beta_slow").value_or(1.0);
    scaling.truncate = fields.boolean("truncate").value_or(true);
  } else if (type == "longrope") {
    scaling.kind = Kind::longrope;
    scaling.factor = fields.number("factor").value_or(1.0);
    scaling.attentionFactor = fields.number("attention_factor");
    readLongrope(fields, maxPositions, scaling);
  } else {
    fields.fail("rope_type", "'" + type +
                                 "' is not supported (supported: default, "
                                 "linear, dynamic, llama3, yarn, longrope)");
  }
}

void readRope(ConfigFields &fields, ModelConfig &config) {
  RopeScaling scaling;
  scaling.dimension = config.headDim;
  scaling.theta = fields.number("rope_theta").value_or(10000.0);
  for (const char *key : {"rope_scaling", "rope_parameters"}) {
    const nlohmann::json *object = fields.find(key);
    if (!object)
      continue;
    if (!object->is_object())
      return fields.mismatch(key, "an object", *object);
    // Some configs state it beside the object, and there it has priority.
    nlohmann::json merged = *object;
    constexpr const char *original = "original_max_position_embeddings";
    if (const nlohmann::json *outer = fields.find(original))
      merged[original] = *outer;
    ConfigFields inner{merged, fields.path + ": " + key, {}};
    readScaling(inner, config.maxPositionEmbeddings, scaling);
    if (inner.error && !fields.error)
      fields.error = inner.error;
  }
  if (fields.error)
    return;
  Result<Rope> rope = computeRope(scaling, RopePairing::half);
  if (!rope)
    return fields.fail("rope_scaling", rope.error().message);
  config.rope = std::move(*rope);
}

} // namespace

Result<ModelConfig> readHuggingFaceConfig(const nlohmann::json &json,
                                          const std::string &path) {
  if (!json.is_object())
    return Error{path + ": expected a JSON object"};
  ConfigFields fields{json, path, {}};
  checkArchitecture(fields);
  ModelConfig config;
  config.hiddenSize = fields.requiredInteger("hidden_size");
  config.intermediateSize = fields.requiredInteger("intermediate_size");
  config.numHiddenLayers = fields.requiredInteger("num_hidden_layers");
  config.numAttentionHeads = fields.requiredInteger("num_attention_heads");
  config.numKeyValueHeads =
      fields.integer("num_key_value_heads").value_or(config.numAttentionHeads);
  config.vocabSize = fields.requiredInteger("vocab_size");
  config.maxPositionEmbeddings =
      fields.integer("max_position_embeddings").value_or(2048);
  config.rmsNormEps = float(fields.number("rms_norm_eps").value_or(1e-6));
  config.tieWordEmbeddings =
      fields.boolean("tie_word_embeddings").value_or(false);
  config.attentionBias = fields.boolean("attention_bias").value_or(false);
  config.mlpBias = fields.boolean("mlp_bias").value_or(false);
  std::optional<int64_t> headDim = fields.integer("head_dim");
  if (!fields.error && config.numAttentionHeads < 1)
    fields.fail("num_attention_heads",
                "is " + std::to_string(config.numAttentionHeads) +
                    ", expected at least 1");
  if (!fields.error && !headDim &&
      config.hiddenSize % config.numAttentionHeads != 0)
    fields.fail("hidden_size",
                "is " + std::to_string(config.hiddenSize) +
                    ", expected a multiple of num_attention_heads (" +
                    std::to_string(config.numAttentionHeads) + ")");
  if (!fields.error) {
    config.headDim =
        headDim.value_or(config.hiddenSize / config.numAttentionHeads);
    // Before a table of that size is made.
    if (std::string fault = headDimFault(config.headDim); !fault.empty())
      fields.fail(headDim ? "head_dim" : "hidden_size / num_attention_heads",
                  fault);
  }
  if (!fields.error)
    readRope(fields, config);
  if (fields.error)
    return *fields.error;
  return config;
}

} // namespace quipu
