//===- GgufBadModelTest.cpp - GGUF files that are no model for us ---------===//

#include "frontends/OpenModel.h"
#include "test/frontends/ModelFiles.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using test::GgufWriter;
using test::smallGguf;
using test::SmallModel;
using test::TemporaryFolder;
using testing::HasSubstr;

/// Opens what `writer` holds as m.gguf; gives the message with the folder taken
/// out, or "none".
std::string messageOf(const GgufWriter &writer) {
  TemporaryFolder folder;
  std::string path = folder.write("m.gguf", writer.finish());
  Result<Model> model = openModel(path);
  if (model)
    return "none";
  EXPECT_EQ(model.error().message.rfind(path + ": ", 0), 0u)
      << model.error().message;
  return model.error().message.substr(folder.path().size() + 1);
}

/// A small file after `change`.
template <typename Change>
std::string messageAfter(Change change, const SmallModel &model = {}) {
  GgufWriter writer = smallGguf(model);
  change(writer);
  return messageOf(writer);
}

TEST(GgufBadModel, UnsupportedModelsAreNamed) {
  EXPECT_EQ(
      messageAfter([](GgufWriter &w) {
        w.erase("general.architecture").string("general.architecture", "gemma");
      }),
      "m.gguf: general.architecture: 'gemma' is not supported "
      "(supported: llama)");
  EXPECT_EQ(messageAfter([](auto &w) { w.erase("general.architecture"); }),
            "m.gguf: general.architecture: is missing");
  EXPECT_THAT(messageAfter([](auto &w) { w.u32("llama.expert_count", 8); }),
              HasSubstr("llama.expert_count: mixture-of-experts"));
  EXPECT_THAT(
      messageAfter([](auto &w) { w.u32("llama.attention.sliding_window", 8); }),
      HasSubstr("llama.attention.sliding_window: this key is not"));
  EXPECT_THAT(
      messageAfter([](auto &w) { w.u32("llama.rope.dimension_count", 8); }),
      HasSubstr("llama.rope.dimension_count: 8 of 16"));
  EXPECT_THAT(
      messageAfter([](auto &w) { w.string("llama.rope.scaling.type", "su"); }),
      HasSubstr("llama.rope.scaling.type: 'su' is not supported"));
  EXPECT_THAT(messageAfter([](auto &w) {
                w.tensor("rope_factors_long.weight", ElementType::f32, {1},
                         "aaaa");
              }),
              HasSubstr("rope_factors_long.weight"));
}

TEST(GgufBadModel, BadNumbersAreNamed) {
  auto with = [](const char *key, uint32_t value) {
    return messageAfter([&](auto &w) { w.erase(key).u32(key, value); });
  };
  EXPECT_EQ(messageAfter([](auto &w) { w.erase("llama.block_count"); }),
            "m.gguf: llama.block_count: is missing");
  EXPECT_THAT(with("llama.block_count", 0),
              HasSubstr("num_hidden_layers is 0, expected 1 to 1024"));
  EXPECT_THAT(with("llama.block_count", ~0u), HasSubstr("num_hidden_layers"));
  EXPECT_THAT(with("llama.block_count", 3),
              HasSubstr("tensor layers.2.attn_norm is missing"));
  EXPECT_THAT(with("llama.block_count", 1),
              HasSubstr("tensor 'blk.1.attn_norm.weight' has no place"));
  EXPECT_THAT(with("llama.attention.head_count", 0),
              HasSubstr("llama.attention.head_count"));
  EXPECT_THAT(with("llama.attention.head_count_kv", 3),
              HasSubstr("expected a multiple of num_key_value_heads (3)"));
  EXPECT_THAT(with("llama.embedding_length", 63),
              HasSubstr("tensor 'token_embd.weight' is 40 x 64, expected 40 x "
                        "63"));
  EXPECT_THAT(with("llama.attention.key_length", 17),
              HasSubstr("llama.attention.key_length: is 17, expected an even "
                        "number from 2 to 1024"));
  EXPECT_THAT(with("llama.attention.key_length", 18),
              HasSubstr("llama.attention.value_length: is 16"));
  EXPECT_THAT(with("llama.vocab_size", 41), HasSubstr("llama.vocab_size"));
  EXPECT_THAT(
      messageAfter([](auto &w) {
        w.erase("llama.rope.freq_base").f32("llama.rope.freq_base", NAN);
      }),
      HasSubstr("llama.rope.freq_base: expected a finite number"));
  EXPECT_THAT(messageAfter([](auto &w) {
                w.erase("llama.context_length")
                    .raw("llama.context_length", 5, test::bytesOf(-1));
              }),
              HasSubstr("max_position_embeddings is -1"));
}

TEST(GgufBadModel, BadTensorsAreNamed) {
  EXPECT_EQ(messageAfter([](auto &w) { w.eraseTensor("token_embd.weight"); }),
            "m.gguf: token_embd.weight: the tensor is missing");
  EXPECT_EQ(messageAfter([](auto &w) { w.eraseTensor("output_norm.weight"); }),
            "m.gguf: tensor out_norm is missing");
  EXPECT_THAT(messageAfter([](auto &w) {
                w.tensor("blk.0.attn_q_norm.weight", ElementType::f32, {1},
                         "aaaa");
              }),
              HasSubstr("'blk.0.attn_q_norm.weight' has no place"));
  EXPECT_THAT(messageAfter([](auto &w) {
                w.tensor("blk.00.attn_q.weight", ElementType::f32, {1}, "aaaa");
              }),
              HasSubstr("'blk.00.attn_q.weight' has no place"));
  EXPECT_THAT(messageAfter([](auto &w) {
                w.eraseTensor("output_norm.weight")
                    .tensor("output_norm.weight", ElementType::q8_0, {64},
                            std::string(68, 0));
              }),
              HasSubstr("has type q8_0, expected f32, f16 or bf16"));
  EXPECT_THAT(messageAfter([](auto &w) {
                w.eraseTensor("output.weight")
                    .tensor("output.weight", ElementType::i32, {64, 40},
                            std::string(64 * 40 * 4, 0));
              }),
              HasSubstr("has type i32"));
}

} // namespace
} // namespace quipu
