//===- TomlModelTest.cpp - Configs by hand --------------------------------===//

#include "frontends/OpenModel.h"
#include "test/frontends/ModelFiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using test::smallGguf;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string architecture = R"([model]
hidden_size = 64
intermediate_size = 96
num_hidden_layers = 2
num_attention_heads = 4
num_key_value_heads = 2
vocab_size = 40
max_position_embeddings = 256
rms_norm_eps = 1e-6
)";

/// Opens `text` as a config in `folder`; the message without the folder.
std::string messageOf(const TemporaryFolder &folder, const std::string &text) {
  Result<Model> model = openModel(folder.write("m.toml", text));
  if (model)
    return "none";
  std::string message = model.error().message;
  size_t at = message.find(folder.path() + "/");
  return at == 0 ? message.substr(folder.path().size() + 1) : message;
}
std::string messageOf(const std::string &text) {
  return messageOf(TemporaryFolder(), text);
}

TEST(TomlModel, WithoutWeights) {
  TemporaryFolder folder;
  Result<Model> model = openModel(folder.write("tiny.toml", architecture + R"(
tie_word_embeddings = true
attention_bias = true
[model.rope]
theta = 500
pairing = "interleaved"
type = "linear"
factor = 2
[compile]
context = 64
targets = ["cpu", "sm_90a"]
optimization_level = 2
type = "q8_0"
)"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->kind, "toml");
  EXPECT_EQ(model->name, "tiny");
  EXPECT_EQ(model->config.headDim, 16);
  EXPECT_EQ(model->config.rope.pairing, RopePairing::interleaved);
  EXPECT_EQ(model->config.rope.inverseFrequencies[0], 0.5f);
  EXPECT_EQ(model->find("lm_head"), nullptr);
  EXPECT_EQ(model->find("layers.0.attn.wq")->type, ElementType::q8_0);
  EXPECT_EQ(model->find("layers.0.attn.wq")->file, -1);
  EXPECT_EQ(model->find("layers.0.attn.bq")->type, ElementType::f32);
  EXPECT_EQ(model->compile.context, 64);
  EXPECT_EQ(model->compile.optimizationLevel, 2);
  EXPECT_THAT(model->compile.targets, ElementsAre("cpu", "sm_90a"));
  EXPECT_FALSE(model->tokenizer);
}

TEST(TomlModel, WeightsStateTheArchitecture) {
  TemporaryFolder folder;
  folder.write("w/m.gguf", smallGguf({}).finish());
  Result<Model> model =
      openModel(folder.write("m.toml", "name = \"mine\"\n"
                                       "weights = \"w/m.gguf\"\n"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->kind, "toml");
  EXPECT_EQ(model->name, "mine");
  EXPECT_THAT(model->files, ElementsAre(folder.path() + "/w/m.gguf"));
  EXPECT_TRUE(model->tokenizer);
  EXPECT_EQ(model->config.maxPositionEmbeddings, 128);
}

TEST(TomlModel, StatedNumbersGoBeforeThoseOfTheWeights) {
  TemporaryFolder folder;
  folder.write("m.gguf", smallGguf({}).finish());
  std::string text = "weights = \"m.gguf\"\n" + architecture;
  Result<Model> model = openModel(folder.write("m.toml", text));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->config.maxPositionEmbeddings, 256);
  EXPECT_EQ(model->config.rmsNormEps, 1e-6f);
  EXPECT_EQ(model->config.rope.pairing, RopePairing::interleaved);
  EXPECT_EQ(messageOf(folder, text + "head_dim = 8"),
            "m.toml: model.head_dim is 8, but " + folder.path() +
                "/m.gguf has 16");
  EXPECT_THAT(messageOf(folder, text + "[model.rope]\npairing = \"half\""),
              HasSubstr("model.rope.pairing is not that of"));
}

TEST(TomlModel, OneSafetensorsFile) {
  TemporaryFolder folder;
  test::writeSmallFolder({}, folder);
  folder.write("t.gguf", smallGguf({}).finish());
  Result<Model> model =
      openModel(folder.write("m.toml", "weights = \"model.safetensors\"\n"
                                       "tokenizer = \"t.gguf\"\n" +
                                           architecture));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->config.rope.pairing, RopePairing::half);
  EXPECT_EQ(model->find("lm_head")->file, 0);
  EXPECT_EQ(model->tokenizer->tokens.size(), 28u);
  EXPECT_THAT(model->generation.endOfSequenceIds, ElementsAre(0));
  EXPECT_THAT(messageOf(folder, "weights = \"model.safetensors\""),
              HasSubstr("[model] is missing"));
}

TEST(TomlModel, SyntaxErrorsNameTheLine) {
  EXPECT_THAT(messageOf("name = \"x\"\n[model\n"), HasSubstr("m.toml:2: "));
  EXPECT_THAT(messageOf("[=]\n"), HasSubstr("m.toml:1: "));
  EXPECT_THAT(messageOf("a = 1\n[ !"), HasSubstr("m.toml:2: "));
  EXPECT_THAT(messageOf("a = 1\na = 2\n"), HasSubstr("m.toml:2: "));
  EXPECT_EQ(messageOf("name = \"\xff\"\n"), "m.toml: not UTF-8 text");
  EXPECT_THAT(messageOf("a = 1\n\xc3\xa9 = 2\n"), HasSubstr("m.toml:2: "));
  EXPECT_THAT(messageOf("a = " + std::string(100000, '[')),
              HasSubstr("m.toml:1: "));
  EXPECT_THAT(messageOf("a = 99999999999999999999"), HasSubstr("m.toml:1: "));
}

TEST(TomlModel, UnknownKeysNameTheLine) {
  EXPECT_EQ(messageOf(architecture + "hiden_size = 1\n"),
            "m.toml:10: model.hiden_size: unknown key, expected one of: "
            "hidden_size, intermediate_size, num_hidden_layers, "
            "num_attention_heads, num_key_value_heads, head_dim, vocab_size, "
            "max_position_embeddings, rms_norm_eps, tie_word_embeddings, "
            "attention_bias, mlp_bias, rope");
  EXPECT_THAT(messageOf(architecture + "[model.rope]\nfactor = 1\n"),
              HasSubstr("m.toml:11: model.rope.factor: unknown key, expected "
                        "one of: theta, pairing, type"));
  EXPECT_THAT(messageOf("weigths = 1\n" + architecture),
              HasSubstr("m.toml:1: weigths: unknown key, expected one of: "
                        "name, weights, tokenizer, model, compile"));
  EXPECT_THAT(messageOf(architecture + "[compile]\ncontxt = 1\n"),
              HasSubstr("m.toml:11: compile.contxt: unknown key"));
}

TEST(TomlModel, BadValuesNameTheLine) {
  EXPECT_EQ(messageOf(""), "m.toml:1: model: is missing (a config without "
                           "weights needs it)");
  EXPECT_EQ(messageOf("model = 3"), "m.toml:1: model: expected a table");
  EXPECT_THAT(messageOf("[model]\nhidden_size = \"64\"\n"),
              HasSubstr("m.toml:2: model.hidden_size: expected an integer"));
  EXPECT_THAT(messageOf("[model]\nhidden_size = 64\n"),
              HasSubstr("m.toml:1: model.intermediate_size: is missing"));
  EXPECT_THAT(messageOf(architecture + "head_dim = -2\n"),
              HasSubstr("m.toml:10: model.head_dim: is -2, expected an even "
                        "number from 2 to 1024"));
  EXPECT_THAT(messageOf(architecture + "head_dim = 1000000\n"),
              HasSubstr("m.toml:10: model.head_dim: is 1000000, expected"));
  EXPECT_THAT(messageOf(architecture + "[model.rope]\ntheta = nan\n"),
              HasSubstr("m.toml:11: model.rope.theta: expected a number"));
  EXPECT_THAT(messageOf(architecture + "[model.rope]\ntype = \"su\"\n"),
              HasSubstr("model.rope.type: 'su' is not supported"));
  EXPECT_THAT(messageOf(architecture + "[model.rope]\npairing = \"x\"\n"),
              HasSubstr("model.rope.pairing: 'x' is unknown"));
  EXPECT_THAT(messageOf(architecture + "[compile]\ntype = \"i32\"\n"),
              HasSubstr("compile.type: 'i32' is unknown, expected f32"));
  EXPECT_THAT(messageOf(architecture + "[compile]\ntype = \"q4_k\"\n"),
              HasSubstr("type q4_k does not fit tok_embed: rows of 64"));
  EXPECT_THAT(messageOf(architecture + "[compile]\ntargets = [1]\n"),
              HasSubstr("compile.targets: expected a list of strings"));
  EXPECT_THAT(messageOf(architecture + "[compile]\ncontext = 0\n"),
              HasSubstr("compile.context: expected at least 1"));
}

// A config that led to another could lead back to itself.
TEST(TomlModel, WeightsAreNotAConfig) {
  EXPECT_THAT(messageOf("weights = \"m.toml\"\n"),
              HasSubstr("weights: expected a folder, a .gguf or a "
                        ".safetensors file, found "));
}

TEST(TomlModel, NumbersThatOverflowAreRefused) {
  std::string text = architecture;
  text.replace(text.find("vocab_size = 40"), 15,
               "vocab_size = 9223372036854775807");
  EXPECT_EQ(messageOf(text), "m.toml: vocab_size is 9223372036854775807, "
                             "expected 1 to 16777216");
}

} // namespace
} // namespace quipu
