//===- TokenizerGoldenTest.cpp - The same ids as Hugging Face's -----------===//
//
// Each tokenizer of test/runtime/goldens on every text there, both ways and as
// a stream. The ids come from make_tokenizer_goldens.py.
//
//===----------------------------------------------------------------------===//

#include "frontends/TokenizerSource.h"
#include "runtime/chat/ChatTemplate.h"
#include "runtime/tokenizer/StreamDecoder.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace quipu;

namespace {

const std::string folder = "test/runtime/goldens/";

Tokenizer open(const std::string &path) {
  Result<TokenizerSource> source = openTokenizer(path);
  EXPECT_TRUE(source) << source.error().message;
  // What a package keeps must do: encode with the spec as it is read back.
  std::string bytes = serialize(source->spec);
  Result<TokenizerSpec> spec =
      deserializeTokenizer(std::as_bytes(std::span(bytes)));
  EXPECT_TRUE(spec) << spec.error().message;
  Result<Tokenizer> tokenizer = Tokenizer::create(std::move(*spec));
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(*tokenizer);
}

/// What a stream gives for `ids` in all.
std::string streamed(const Tokenizer &tokenizer,
                     const std::vector<int32_t> &ids, bool skipSpecial) {
  StreamDecoder decoder(tokenizer, {{}, skipSpecial});
  std::string text;
  for (int32_t id : ids)
    text += decoder.push(id);
  return text + decoder.flush();
}

/// `options` are those that Hugging Face has by default.
void compare(const Tokenizer &tokenizer, const std::string &golden,
             EncodeOptions options = {true, true}) {
  std::ifstream file(folder + golden + ".json");
  auto cases = nlohmann::json::parse(file, nullptr, false);
  ASSERT_TRUE(cases.is_array());
  ASSERT_GT(cases.size(), 40u);
  for (const auto &test : cases) {
    std::string text = test["text"];
    std::vector<int32_t> expected = test["ids"];
    Result<std::vector<int32_t>> ids = tokenizer.encode(text, options);
    ASSERT_TRUE(ids) << ids.error().message;
    EXPECT_EQ(*ids, expected) << golden << ": '" << text << "'";
    for (bool skip : {false, true}) {
      std::string decoded = test[skip ? "plain" : "decoded"];
      EXPECT_EQ(tokenizer.decode(expected, skip), decoded) << golden;
      EXPECT_EQ(streamed(tokenizer, expected, skip), decoded) << golden;
    }
  }
}

TEST(TokenizerGolden, Llama3Pattern) {
  Tokenizer tokenizer = open(folder + "llama3");
  EXPECT_TRUE(tokenizer.spec().addBos);
  EXPECT_TRUE(tokenizer.spec().ignoreMerges);
  EXPECT_EQ(tokenizer.piece(tokenizer.eosId()), "<|eot_id|>");
  compare(tokenizer, "llama3");
}

TEST(TokenizerGolden, Gpt2PatternWithPrefixSpace) {
  Tokenizer tokenizer = open(folder + "gpt2");
  EXPECT_FALSE(tokenizer.spec().addBos);
  EXPECT_EQ(tokenizer.spec().chatTemplate, "<|im_start|>");
  compare(tokenizer, "gpt2");
}

TEST(TokenizerGolden, SentencePieceBpe) {
  compare(open(folder + "bpe"), "bpe", {false, false});
}

TEST(TokenizerGolden, SentencePieceUnigram) {
  compare(open(folder + "unigram"), "unigram", {false, false});
}

// As GGUF files hold them: the model is made from tokens, scores and kinds.
TEST(TokenizerGolden, SentencePieceBpeWithoutItsModelFile) {
  Result<TokenizerSource> source = openTokenizer(folder + "bpe");
  ASSERT_TRUE(source);
  source->spec.sentencePieceModel.clear();
  Result<Tokenizer> tokenizer = Tokenizer::create(source->spec);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  compare(*tokenizer, "bpe", {false, false});
}

TEST(TokenizerGolden, Llama2TokenizerJson) {
  Tokenizer tokenizer = open(folder + "llama2");
  EXPECT_TRUE(tokenizer.spec().addBos);
  EXPECT_EQ(tokenizer.spec().unknownId, 0);
  compare(tokenizer, "llama2");
}

TEST(TokenizerGolden, MetaspaceTokenizerJson) {
  compare(open(folder + "metaspace"), "metaspace");
}

TEST(TokenizerGolden, SmolLm2FromGguf) {
  const char *given = std::getenv("QUIPU_TEST_MODEL");
  const char *home = std::getenv("HOME");
  std::string model =
      given ? given
            : std::string(home ? home : "") +
                  "/.cache/quipu/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!std::filesystem::exists(model))
    GTEST_SKIP() << "no " << model << ": scripts/get-model fetches it";
  Tokenizer tokenizer = open(model);
  compare(tokenizer, "smollm2");

  // The prompt in trusted and other pieces has the ids of the whole text.
  std::optional<ChatTemplate> chat =
      ChatTemplate::detect(tokenizer.spec().chatTemplate);
  ASSERT_TRUE(chat);
  EXPECT_EQ(chat->name(), "smollm2");
  Result<std::vector<PromptPiece>> pieces = chat->render(
      {{"user", "\n Why is the sky blue?\n"}, {"assistant", " So."}},
      ChatContext::of(tokenizer.spec()));
  ASSERT_TRUE(pieces);
  EXPECT_EQ(*tokenizer.encode(*pieces, false),
            *tokenizer.encode(joined(*pieces), {false, true}));
  EXPECT_EQ(chat->stopIds(tokenizer), (std::vector<int32_t>{2, 0}));
}

} // namespace
