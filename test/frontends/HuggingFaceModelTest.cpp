//===- HuggingFaceModelTest.cpp - Hugging Face folders --------------------===//

#include "base/Json.h"
#include "frontends/OpenModel.h"
#include "test/frontends/ModelFiles.h"

#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using test::safetensors;
using test::SmallModel;
using test::TemporaryFolder;
using test::writeSmallFolder;
using testing::ElementsAre;
using testing::HasSubstr;

std::string messageOf(const TemporaryFolder &folder) {
  Result<Model> model = openModel(folder.path());
  if (model)
    return "none";
  return model.error().message.substr(folder.path().size());
}

/// Edits config.json in `folder`.
template <typename Change>
void editConfig(const TemporaryFolder &folder, Change change) {
  nlohmann::json config = *readJson(folder.path() + "/config.json");
  change(config);
  folder.write("config.json", config.dump());
}

TEST(HuggingFaceModel, Biases) {
  SmallModel small;
  small.attentionBias = small.mlpBias = true;
  TemporaryFolder folder;
  writeSmallFolder(small, folder);
  Result<Model> model = openModel(folder.path() + "/");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->name,
            std::filesystem::path(folder.path()).filename().string());
  EXPECT_EQ(model->find("layers.1.attn.bo")->columns, 64);
  EXPECT_EQ(model->find("layers.0.attn.bk")->columns, 32);
  EXPECT_EQ(model->find("layers.0.mlp.b_up")->columns, 96);
  editConfig(folder, [](auto &config) { config["mlp_bias"] = false; });
  EXPECT_THAT(messageOf(folder),
              HasSubstr("tensor 'model.layers.0.mlp.gate_proj.bias' has no "
                        "place in a LLaMA model of this config"));
}

TEST(HuggingFaceModel, TiedModelsIgnoreAStoredHead) {
  TemporaryFolder folder;
  writeSmallFolder({}, folder);
  editConfig(folder,
             [](auto &config) { config["tie_word_embeddings"] = true; });
  Result<Model> model = openModel(folder.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->find("lm_head"), nullptr);
}

TEST(HuggingFaceModel, GenerationConfigWins) {
  TemporaryFolder folder;
  writeSmallFolder({}, folder);
  EXPECT_THAT(openModel(folder.path())->generation.endOfSequenceIds,
              ElementsAre(0));
  folder.write("generation_config.json",
               R"({"eos_token_id": [3, 5, 3], "temperature": 0.6,
                   "top_p": 0.9, "min_p": 0.1, "top_k": 50, "repetition_penalty": 1.1,
                   "do_sample": true, "transformers_version": "4"})");
  Result<Model> model = openModel(folder.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(model->generation.endOfSequenceIds, ElementsAre(3, 5));
  EXPECT_EQ(model->generation.temperature, 0.6f);
  EXPECT_EQ(model->generation.topP, 0.9f);
  EXPECT_EQ(model->generation.minP, 0.1f);
  EXPECT_EQ(model->generation.topK, 50);
  EXPECT_EQ(model->generation.repetitionPenalty, 1.1f);
  folder.write("generation_config.json", R"({"do_sample": false})");
  EXPECT_EQ(openModel(folder.path())->generation.temperature, 0.0f);
  folder.write("generation_config.json", R"({"eos_token_id": "x"})");
  EXPECT_EQ(messageOf(folder),
            "/generation_config.json: eos_token_id: expected a token id or a "
            "list of them, found \"x\"");
}

TEST(HuggingFaceModel, MissingPartsAreNamed) {
  TemporaryFolder folder;
  EXPECT_EQ(messageOf(folder), ": not a model folder, config.json is missing");
  writeSmallFolder({}, folder);
  std::filesystem::remove(folder.path() + "/model.safetensors");
  EXPECT_EQ(messageOf(folder), ": no weights found, expected model.safetensors "
                               "or model.safetensors.index.json");
  folder.write("config.json", "{\"a\": }");
  EXPECT_EQ(messageOf(folder), "/config.json: not valid JSON at byte 7");
}

TEST(HuggingFaceModel, TensorsAreHeldToTheConfig) {
  TemporaryFolder folder;
  writeSmallFolder({}, folder);
  editConfig(folder, [](auto &config) { config["vocab_size"] = 41; });
  EXPECT_EQ(messageOf(folder),
            ": tensor 'model.embed_tokens.weight' is 40 x 64, expected 41 x 64 "
            "for this config");
  editConfig(folder, [](auto &config) {
    config["vocab_size"] = 40;
    config["num_hidden_layers"] = 3;
  });
  EXPECT_EQ(messageOf(folder), ": tensor layers.2.attn_norm is missing");
  editConfig(folder, [](auto &config) {
    config["num_hidden_layers"] = 2;
    config["num_key_value_heads"] = 3;
  });
  EXPECT_THAT(messageOf(folder),
              HasSubstr("/config.json: num_attention_heads is 4, expected a "
                        "multiple of num_key_value_heads (3)"));
}

TEST(HuggingFaceModel, TensorKindsAreChecked) {
  auto message = [](const char *name, const char *dtype, const char *shape) {
    TemporaryFolder folder;
    writeSmallFolder({}, folder);
    folder.write("model.safetensors",
                 safetensors(std::string("{\"") + name + "\": {\"dtype\": \"" +
                                 dtype + "\", \"shape\": " + shape +
                                 ", \"data_offsets\": [0, 8]}}",
                             std::string(8, 0)));
    return messageOf(folder);
  };
  EXPECT_THAT(message("model.layers.0.self_attn.q_norm.weight", "F32", "[2]"),
              HasSubstr("'model.layers.0.self_attn.q_norm.weight' has no place "
                        "in LlamaForCausalLM"));
  EXPECT_THAT(message("model.norm.weight", "I64", "[1]"),
              HasSubstr("has dtype I64, which is not supported (supported: F32 "
                        "F16 BF16)"));
  EXPECT_THAT(message("model.norm.weight", "F32", "[1, 1, 2]"),
              HasSubstr("has 3 dimensions, expected 1 or 2"));
  // Rotary tables of old checkpoints are not needed, whatever their type.
  EXPECT_THAT(
      message("model.layers.0.self_attn.rotary_emb.inv_freq", "F64", "[1]"),
      HasSubstr("tensor tok_embed is missing"));
}

TEST(HuggingFaceModel, IndexIsChecked) {
  TemporaryFolder folder;
  writeSmallFolder({}, folder);
  std::filesystem::rename(folder.path() + "/model.safetensors",
                          folder.path() + "/part.safetensors");
  auto message = [&](const std::string &index) {
    folder.write("model.safetensors.index.json", index);
    return messageOf(folder);
  };
  EXPECT_EQ(message("[]"), "/model.safetensors.index.json: weight_map: "
                           "expected an object");
  EXPECT_EQ(message(R"({"weight_map": 1})"),
            "/model.safetensors.index.json: weight_map: expected an object");
  for (const char *name :
       {"\"../part.safetensors\"", "\"/etc/passwd\"", "7", "\"\"",
        "\"model.safetensors.index.json\"", "\"a\\u0000.safetensors\""})
    EXPECT_THAT(message(std::string(R"({"weight_map": {"t": )") + name + "}}"),
                HasSubstr("weight_map: 't' lies in "))
        << name;
  EXPECT_THAT(message(R"({"weight_map": {"t": "none.safetensors"}})"),
              HasSubstr("/none.safetensors: cannot open"));
  EXPECT_THAT(message(R"({"weight_map": {"t": "part.safetensors"}})"),
              HasSubstr("tensor 't', which the index places here, is not in "
                        "the file"));
  EXPECT_THAT(message(R"({"weight_map": {}})"),
              HasSubstr("tensor tok_embed is missing"));
}

TEST(HuggingFaceModel, IdsOfTheLocalCache) {
  TemporaryFolder home;
  std::string repository = "hub/models--org--small/";
  home.write(repository + "refs/main", "0123abcd\n");
  std::filesystem::create_directories(home.path() + "/" + repository +
                                      "snapshots");
  ASSERT_EQ(::setenv("HF_HOME", home.path().c_str(), 1), 0);
  ::unsetenv("HF_HUB_CACHE");
  Result<Model> missing = openModel("org/small");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "org/small: no such file or folder, and not the id of a model in "
            "the Hugging Face cache");
  TemporaryFolder source;
  writeSmallFolder({}, source);
  std::filesystem::copy(source.path(),
                        home.path() + "/" + repository + "snapshots/0123abcd");
  Result<Model> model = openModel("org/small");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->name, "org/small");
  home.write(repository + "refs/main", "../../../../etc");
  EXPECT_FALSE(openModel("org/small"));
  EXPECT_FALSE(openModel("../small"));
  ::unsetenv("HF_HOME");
}

} // namespace
} // namespace quipu
