//===- GgufTokenizerTest.cpp - Tokenizers inside GGUF files ---------------===//

#include "frontends/OpenModel.h"
#include "frontends/TokenizerSource.h"
#include "runtime/tokenizer/SplitPatterns.h"
#include "test/frontends/ModelFiles.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using test::GgufWriter;
using test::smallGguf;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

Result<Model> open(const GgufWriter &writer) {
  TemporaryFolder folder;
  return openModel(folder.write("m.gguf", writer.finish()));
}

std::string messageOf(const GgufWriter &writer) {
  Result<Model> model = open(writer);
  return model ? "none" : model.error().message;
}

/// A SentencePiece tokenizer of four pieces in place of the byte-level one.
GgufWriter sentencePiece() {
  GgufWriter writer = smallGguf({});
  for (const char *key : {"model", "pre", "merges", "tokens", "token_type"})
    writer.erase("tokenizer.ggml." + std::string(key));
  writer.erase("tokenizer.ggml.eos_token_id")
      .string("tokenizer.ggml.model", "llama")
      .strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "<0x0A>"})
      .f32s("tokenizer.ggml.scores", {0, 0, 0, -1.5f})
      .i32s("tokenizer.ggml.token_type", {2, 3, 3, 6});
  return writer;
}

TEST(GgufTokenizer, SentencePieceWithDefaults) {
  Result<Model> model = open(sentencePiece());
  ASSERT_TRUE(model) << model.error().message;
  const TokenizerSpec &spec = *model->tokenizer;
  EXPECT_EQ(spec.model, TokenizerSpec::Model::sentencePiece);
  EXPECT_TRUE(spec.addPrefixSpace);
  EXPECT_TRUE(spec.addBos);
  EXPECT_FALSE(spec.addEos);
  EXPECT_EQ(spec.bosId, 1);
  EXPECT_EQ(spec.eosId, 2);
  EXPECT_EQ(spec.unknownId, 0);
  EXPECT_EQ(spec.kinds[3], TokenKind::byte);
  EXPECT_EQ(spec.scores[3], -1.5f);
  EXPECT_TRUE(spec.sentencePieceModel.empty());
  EXPECT_THAT(model->generation.endOfSequenceIds, ElementsAre(2));
}

TEST(GgufTokenizer, StatedKeysWin) {
  Result<Model> model =
      open(sentencePiece()
               .boolean("tokenizer.ggml.add_bos_token", false)
               .boolean("tokenizer.ggml.add_eos_token", true)
               .boolean("tokenizer.ggml.add_space_prefix", false)
               .u32("tokenizer.ggml.eos_token_id", 3)
               .u32("tokenizer.ggml.eot_token_id", 1)
               .u32("tokenizer.ggml.unknown_token_id", 0xffffffff)
               .string("tokenizer.chat_template", "{{ x }}"));
  ASSERT_TRUE(model) << model.error().message;
  const TokenizerSpec &spec = *model->tokenizer;
  EXPECT_FALSE(spec.addBos);
  EXPECT_TRUE(spec.addEos);
  EXPECT_FALSE(spec.addPrefixSpace);
  EXPECT_EQ(spec.unknownId, -1);
  EXPECT_EQ(spec.chatTemplate, "{{ x }}");
  EXPECT_THAT(model->generation.endOfSequenceIds, ElementsAre(3, 1));
}

TEST(GgufTokenizer, PreTokenizersByName) {
  auto with = [](const char *pre) {
    return open(smallGguf({})
                    .erase("tokenizer.ggml.pre")
                    .string("tokenizer.ggml.pre", pre)
                    .u32("tokenizer.ggml.bos_token_id", 0));
  };
  EXPECT_TRUE(with("llama-bpe")->tokenizer->ignoreMerges);
  EXPECT_TRUE(with("llama-bpe")->tokenizer->addBos);
  EXPECT_FALSE(with("gpt-2")->tokenizer->addBos);
  for (std::string_view name : splitPatternNames())
    EXPECT_EQ(with(std::string(name).c_str())->tokenizer->splitPatterns,
              findSplitPatterns(name)->patterns);
  Result<Model> missing = open(smallGguf({}).erase("tokenizer.ggml.pre"));
  EXPECT_EQ(missing->tokenizer->splitPatterns,
            findSplitPatterns("default")->patterns);
  Result<Model> unknown = with("klingon");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message,
              HasSubstr("tokenizer.ggml.pre: pre-tokenizer 'klingon' is not "
                        "supported (supported: default, gpt-2, smollm"));
}

TEST(GgufTokenizer, EndsOfTurnsAreFound) {
  Result<Model> model =
      open(smallGguf({})
               .erase("tokenizer.ggml.tokens")
               .erase("tokenizer.ggml.token_type")
               .strings("tokenizer.ggml.tokens",
                        {"<|eos|>", "<|im_end|>", "<|eot_id|>", "ab"})
               .i32s("tokenizer.ggml.token_type", {3, 3, 1, 1}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(model->generation.endOfSequenceIds, ElementsAre(0, 1));
}

TEST(GgufTokenizer, SamplingDefaults) {
  Result<Model> model = open(smallGguf({})
                                 .f32("general.sampling.temp", 0.6f)
                                 .f32("general.sampling.top_p", 0.9f)
                                 .f32("general.sampling.min_p", 0.1f)
                                 .u32("general.sampling.top_k", 40));
  ASSERT_TRUE(model);
  EXPECT_EQ(model->generation.temperature, 0.6f);
  EXPECT_EQ(model->generation.topP, 0.9f);
  EXPECT_EQ(model->generation.minP, 0.1f);
  EXPECT_EQ(model->generation.topK, 40);
}

TEST(GgufTokenizer, MayBeAbsent) {
  Result<Model> model = open(smallGguf({}).erase("tokenizer.ggml.model"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_FALSE(model->tokenizer);
}

TEST(GgufTokenizer, AloneFromAFile) {
  TemporaryFolder folder;
  Result<TokenizerSource> source =
      openTokenizer(folder.write("m.gguf", sentencePiece().finish()));
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->spec.tokens.size(), 4u);
  EXPECT_THAT(source->generation.endOfSequenceIds, ElementsAre(2));
}

TEST(GgufTokenizer, BadValuesAreNamed) {
  EXPECT_THAT(messageOf(smallGguf({})
                            .erase("tokenizer.ggml.model")
                            .string("tokenizer.ggml.model", "rwkv")),
              HasSubstr("'rwkv' is not supported (supported: gpt2, llama)"));
  EXPECT_THAT(messageOf(smallGguf({}).erase("tokenizer.ggml.tokens")),
              HasSubstr("tokenizer.ggml.tokens: is missing"));
  EXPECT_THAT(messageOf(smallGguf({}).erase("tokenizer.ggml.merges")),
              HasSubstr("tokenizer.ggml.merges: is missing"));
  EXPECT_THAT(messageOf(smallGguf({})
                            .erase("tokenizer.ggml.merges")
                            .strings("tokenizer.ggml.merges", {"a b", "ab"})),
              HasSubstr("merge 1 is 'ab', expected two parts"));
  EXPECT_THAT(messageOf(smallGguf({}).u32("tokenizer.ggml.bos_token_id", 99)),
              HasSubstr("token id 99 is outside the vocabulary of 28"));
  EXPECT_THAT(messageOf(smallGguf({})
                            .erase("tokenizer.ggml.token_type")
                            .i32s("tokenizer.ggml.token_type", {1})),
              HasSubstr("token_type: 1 entries, expected one for each of 28"));
  EXPECT_THAT(messageOf(sentencePiece()
                            .erase("tokenizer.ggml.token_type")
                            .i32s("tokenizer.ggml.token_type", {1, 1, -7, 1})),
              HasSubstr("kind -7 of token 2 is unknown"));
  EXPECT_THAT(messageOf(sentencePiece()
                            .erase("tokenizer.ggml.scores")
                            .f32s("tokenizer.ggml.scores", {0, NAN, 0, 0})),
              HasSubstr("score of token 1 is not finite"));
  EXPECT_THAT(messageOf(smallGguf({})
                            .erase("tokenizer.ggml.tokens")
                            .erase("tokenizer.ggml.token_type")
                            .strings("tokenizer.ggml.tokens",
                                     std::vector<std::string>(41, "x"))),
              HasSubstr("41 tokens, more than the vocabulary of 40"));
}

} // namespace
} // namespace quipu
