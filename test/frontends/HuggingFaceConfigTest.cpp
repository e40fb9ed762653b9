//===- HuggingFaceConfigTest.cpp - config.json ----------------------------===//

#include "frontends/huggingface/HuggingFaceModel.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json smallConfig() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"hidden_size", 64},
          {"intermediate_size", 96},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 4},
          {"vocab_size", 40}};
}

/// The config with `key` set to `value`.
json with(const char *key, json value) {
  json config = smallConfig();
  config[key] = std::move(value);
  return config;
}

std::string messageOf(const json &config) {
  Result<ModelConfig> read = readHuggingFaceConfig(config, "config.json");
  return read ? "none" : read.error().message;
}

TEST(HuggingFaceConfig, DefaultsAreThoseOfLlamaConfig) {
  Result<ModelConfig> config =
      readHuggingFaceConfig(smallConfig(), "config.json");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->numKeyValueHeads, 4);
  EXPECT_EQ(config->headDim, 16);
  EXPECT_EQ(config->maxPositionEmbeddings, 2048);
  EXPECT_EQ(config->rmsNormEps, 1e-6f);
  EXPECT_FALSE(config->tieWordEmbeddings);
  EXPECT_FALSE(config->attentionBias);
  EXPECT_EQ(config->rope.pairing, RopePairing::half);
  EXPECT_EQ(config->rope.inverseFrequencies.size(), 8u);
}

TEST(HuggingFaceConfig, NullMeansAbsent) {
  json config = smallConfig();
  for (const char *key :
       {"num_key_value_heads", "head_dim", "rope_scaling", "sliding_window",
        "quantization_config", "rms_norm_eps"})
    config[key] = nullptr;
  EXPECT_EQ(messageOf(config), "none");
}

TEST(HuggingFaceConfig, ModelTypeStandsInForArchitectures) {
  json config = smallConfig();
  config.erase("architectures");
  EXPECT_EQ(messageOf(config), "config.json: architectures: is missing "
                               "(supported: [\"LlamaForCausalLM\"])");
  config["model_type"] = "llama";
  EXPECT_EQ(messageOf(config), "none");
}

TEST(HuggingFaceConfig, WhatChangesTheMathematicsIsRefused) {
  EXPECT_EQ(messageOf(with("architectures", {"MixtralForCausalLM"})),
            "config.json: architectures: [\"MixtralForCausalLM\"] is not "
            "supported (supported: [\"LlamaForCausalLM\"])");
  EXPECT_EQ(messageOf(with("sliding_window", 4096)),
            "config.json: sliding_window: 4096 is not supported (supported: "
            "full attention)");
  EXPECT_EQ(messageOf(with("num_local_experts", 8)),
            "config.json: num_local_experts: 8 is not supported (supported: a "
            "dense MLP)");
  EXPECT_THAT(messageOf(with("quantization_config", {{"bits", 4}})),
              HasSubstr("quantization_config: {\"bits\":4} is not supported"));
  EXPECT_THAT(messageOf(with("hidden_act", "gelu")),
              HasSubstr("hidden_act: 'gelu' is not supported (supported: "
                        "silu)"));
  EXPECT_THAT(messageOf(with("partial_rotary_factor", 0.5)),
              HasSubstr("partial_rotary_factor"));
  EXPECT_THAT(
      messageOf(with("layer_types", {"full_attention", "sliding_attention"})),
      HasSubstr("layer_types: only"));
  // Neutral values of the same keys change nothing.
  EXPECT_EQ(messageOf(with("partial_rotary_factor", 1)), "none");
  EXPECT_EQ(messageOf(with("rope_interleaved", false)), "none");
  EXPECT_EQ(messageOf(with("layer_types", {"full_attention"})), "none");
  EXPECT_EQ(messageOf(with("pretraining_tp", 2)), "none");
}

TEST(HuggingFaceConfig, BadNumbersAreNamed) {
  json config = smallConfig();
  config.erase("hidden_size");
  EXPECT_EQ(messageOf(config), "config.json: hidden_size: is missing");
  EXPECT_EQ(messageOf(with("hidden_size", "64")),
            "config.json: hidden_size: expected an integer, found \"64\"");
  EXPECT_THAT(messageOf(with("hidden_size", 64.5)),
              HasSubstr("expected an integer, found 64.5"));
  EXPECT_THAT(messageOf(with("hidden_size", ~uint64_t(0))),
              HasSubstr("expected an integer, found 18446744073709551615"));
  EXPECT_THAT(messageOf(with("hidden_size", 66)),
              HasSubstr("is 66, expected a multiple of num_attention_heads"));
  EXPECT_THAT(messageOf(with("num_attention_heads", 0)),
              HasSubstr("num_attention_heads: is 0"));
  EXPECT_THAT(messageOf(with("num_attention_heads", -4)),
              HasSubstr("num_attention_heads: is -4"));
  EXPECT_THAT(messageOf(with("head_dim", 1000000000)),
              HasSubstr("head_dim: is 1000000000, expected an even number "
                        "from 2 to 1024"));
  EXPECT_THAT(messageOf(with("head_dim", 15)),
              HasSubstr("head_dim: is 15, expected an even number"));
  EXPECT_THAT(messageOf(with("hidden_size", 60)),
              HasSubstr("hidden_size / num_attention_heads: is 15, expected"));
  EXPECT_THAT(messageOf(with("rms_norm_eps", true)),
              HasSubstr("expected a number, found true"));
  EXPECT_THAT(messageOf(with("tie_word_embeddings", 1)),
              HasSubstr("expected true or false, found 1"));
  EXPECT_EQ(messageOf(json::array()), "config.json: expected a JSON object");
}

TEST(HuggingFaceConfig, RopeSpellings) {
  auto frequencies = [](const json &config) {
    Result<ModelConfig> read = readHuggingFaceConfig(config, "c");
    EXPECT_TRUE(read) << read.error().message;
    return read ? read->rope.inverseFrequencies : std::vector<float>();
  };
  std::vector<float> plain = frequencies(smallConfig());
  json linear = {{"type", "linear"}, {"factor", 2.0}};
  std::vector<float> scaled = frequencies(with("rope_scaling", linear));
  EXPECT_EQ(scaled[3], plain[3] / 2);
  json newer = {{"rope_type", "linear"}, {"factor", 2}, {"rope_theta", 1e4}};
  EXPECT_EQ(frequencies(with("rope_parameters", newer)), scaled);
  json theta = {{"rope_type", "default"}, {"rope_theta", 500.0}};
  EXPECT_EQ(frequencies(with("rope_parameters", theta)),
            frequencies(with("rope_theta", 500)));
  // Equal to default up to max_position_embeddings, the longest context.
  json dynamic = {{"type", "dynamic"}, {"factor", 2.0}};
  EXPECT_EQ(frequencies(with("rope_scaling", dynamic)), plain);
}

TEST(HuggingFaceConfig, LongropeNeedsOneListOfFactors) {
  json rope = {{"type", "longrope"},
               {"short_factor", json::array({1, 1, 1, 1, 1, 1, 1, 2})},
               {"long_factor", json::array({1, 1, 1, 1, 1, 1, 1, 4})},
               {"original_max_position_embeddings", 1024}};
  EXPECT_THAT(messageOf(with("rope_scaling", rope)),
              HasSubstr("rope_scaling: long_factor: factors that depend on"));
  json equal = rope;
  equal["long_factor"] = equal["short_factor"];
  Result<ModelConfig> config =
      readHuggingFaceConfig(with("rope_scaling", equal), "c");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FLOAT_EQ(config->rope.attentionFactor,
                  float(std::sqrt(1 + std::log(2.0) / std::log(1024.0))));
  rope["original_max_position_embeddings"] = 2048; // never long
  EXPECT_EQ(messageOf(with("rope_scaling", rope)), "none");
  rope["short_factor"] = json::array({1, "x"});
  EXPECT_THAT(messageOf(with("rope_scaling", rope)),
              HasSubstr("short_factor: expected a list of numbers"));
}

TEST(HuggingFaceConfig, BadRopeIsNamed) {
  EXPECT_THAT(messageOf(with("rope_scaling", 3)),
              HasSubstr("rope_scaling: expected an object, found 3"));
  EXPECT_THAT(messageOf(with("rope_scaling", {{"type", "xpos"}})),
              HasSubstr("rope_scaling: rope_type: 'xpos' is not supported"));
  EXPECT_THAT(messageOf(with("rope_scaling", {{"type", "linear"}})),
              HasSubstr("rope_scaling: factor: is missing"));
  EXPECT_THAT(
      messageOf(with("rope_scaling", {{"type", "linear"}, {"factor", 0}})),
      HasSubstr("rope scaling factor is 0"));
  EXPECT_THAT(
      messageOf(with("rope_scaling", {{"type", "llama3"}, {"factor", 8}})),
      HasSubstr("low_freq_factor: is missing"));
  EXPECT_THAT(messageOf(with("rope_theta", -1)), HasSubstr("rope_theta is -1"));
}

} // namespace
} // namespace quipu
