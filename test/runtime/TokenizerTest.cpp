//===- TokenizerTest.cpp - Byte-level BPE on a vocabulary one can read ----===//
//
// Ten merges written by hand show each rule by itself; whole models are
// compared with Hugging Face in TokenizerGoldenTest.cpp.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/Tokenizer.h"
#include "runtime/tokenizer/ByteAlphabet.h"
#include "runtime/tokenizer/SplitPatterns.h"
#include "test/runtime/TinyTokenizer.h"

#include <gmock/gmock.h>

using namespace quipu;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

Tokenizer make(TokenizerSpec spec) {
  Result<Tokenizer> tokenizer = Tokenizer::create(std::move(spec));
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(*tokenizer);
}

std::vector<std::string> tokensOf(const Tokenizer &tokenizer,
                                  std::string_view text,
                                  EncodeOptions options = {false, false}) {
  Result<std::vector<int32_t>> ids = tokenizer.encode(text, options);
  EXPECT_TRUE(ids);
  std::vector<std::string> tokens;
  for (int32_t id : *ids)
    tokens.push_back(tokenizer.spec().tokens[id]);
  return tokens;
}

TEST(ByteAlphabet, RoundTripsEveryByte) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte)
    bytes += char(byte);
  EXPECT_EQ(fromByteLevel(toByteLevel(bytes)), bytes);
  EXPECT_EQ(toByteLevel(" \n\xad"), "\u0120\u010a\u0143");
  EXPECT_EQ(fromByteLevel("a b"), std::nullopt);
  EXPECT_EQ(fromByteLevel("\u0144"), std::nullopt);
  EXPECT_EQ(fromByteLevel("\xc4"), std::nullopt);
}

TEST(Tokenizer, MergesByRankAndNotByPosition) {
  Tokenizer tokenizer = make(tinySpec({{"b", "c"}, {"a", "b"}}));
  EXPECT_THAT(tokensOf(tokenizer, "abc"), ElementsAre("a", "bc"));
  EXPECT_THAT(tokensOf(tokenizer, "abab"), ElementsAre("ab", "ab"));
}

TEST(Tokenizer, MergesEqualRanksLeftToRight) {
  Tokenizer tokenizer = make(tinySpec({{"a", "a"}, {"aa", "a"}}));
  EXPECT_THAT(tokensOf(tokenizer, "aaaaa"), ElementsAre("aa", "aaa"));
}

TEST(Tokenizer, DoesNotMergeAcrossWords) {
  TokenizerSpec spec = tinySpec({{"a", "b"}, {"b", "1"}});
  spec.splitPatterns = {"\\p{N}"};
  EXPECT_THAT(tokensOf(make(spec), "ab1"), ElementsAre("ab", "1"));
  spec.splitPatterns = {};
  EXPECT_THAT(tokensOf(make(spec), "b1"), ElementsAre("b1"));
}

TEST(Tokenizer, LaterPatternsSeeEachPieceAsAWholeText) {
  // After the digit is cut off, the spaces before it end their piece.
  TokenizerSpec spec = tinySpec({{"\u0120", "\u0120"}});
  spec.splitPatterns = {"\\p{N}", std::string(gpt2SplitPattern())};
  EXPECT_THAT(tokensOf(make(spec), "a  1"),
              ElementsAre("a", "\u0120\u0120", "1"));
  EXPECT_THAT(tokensOf(make(spec), "a  b"),
              ElementsAre("a", "\u0120", "\u0120", "b"));
}

TEST(Tokenizer, IgnoreMergesTakesWholeWordsFromTheVocabulary) {
  TokenizerSpec spec = tinySpec({{"b", "c"}}, {"abc"});
  EXPECT_THAT(tokensOf(make(spec), "abc"), ElementsAre("a", "bc"));
  spec.ignoreMerges = true;
  EXPECT_THAT(tokensOf(make(spec), "abc"), ElementsAre("abc"));
}

TEST(Tokenizer, PrefixSpaceGoesBeforeTextThatHasNone) {
  TokenizerSpec spec = tinySpec({});
  spec.addPrefixSpace = true;
  EXPECT_THAT(tokensOf(make(spec), "a"), ElementsAre("\u0120", "a"));
  EXPECT_THAT(tokensOf(make(spec), " a"), ElementsAre("\u0120", "a"));
}

TEST(Tokenizer, ControlTokensCountInTrustedTextOnly) {
  Tokenizer tokenizer = make(tinySpec({{"a", "b"}}));
  EXPECT_THAT(tokensOf(tokenizer, "ab<|e|>", {false, true}),
              ElementsAre("ab", "<|e|>"));
  EXPECT_THAT(tokensOf(tokenizer, "<|e|>"),
              ElementsAre("<", "|", "e", "|", ">"));
  EXPECT_THAT(tokensOf(tokenizer, "<|u|>"), ElementsAre("<|u|>"));
}

TEST(Tokenizer, PiecesShareWordsButNotControlTokens) {
  Tokenizer tokenizer = make(tinySpec({{"a", "b"}}));
  std::vector<PromptPiece> pieces = {
      {"<|e|>a", true}, {"b<|e|><|", false}, {"e|>", true}, {"<|e|>", true}};
  Result<std::vector<int32_t>> ids = tokenizer.encode(pieces, false);
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->front(), *tokenizer.find("<|e|>"));
  EXPECT_EQ((*ids)[1], *tokenizer.find("ab"));
  EXPECT_EQ(std::count(ids->begin(), ids->end(), *tokenizer.find("<|e|>")), 2);
  EXPECT_EQ(tokenizer.decode(*ids, false), "<|e|>ab<|e|><|e|><|e|>");
}

TEST(Tokenizer, AddsBosAndEosWhereTheSpecSays) {
  TokenizerSpec spec = tinySpec({});
  spec.bosId = spec.eosId = *make(spec).find("<|e|>");
  spec.addBos = spec.addEos = true;
  EXPECT_THAT(tokensOf(make(spec), "a", {true, false}),
              ElementsAre("<|e|>", "a", "<|e|>"));
  EXPECT_THAT(tokensOf(make(spec), "a"), ElementsAre("a"));
}

TEST(Tokenizer, DecodesInvalidBytesAsReplacementCharacters) {
  Tokenizer tokenizer = make(tinySpec({}));
  int32_t first = *tokenizer.find(toByteLevel("\xe2"));
  int32_t second = *tokenizer.find(toByteLevel("\x82"));
  int32_t third = *tokenizer.find(toByteLevel("\xac"));
  int32_t end = *tokenizer.find("<|e|>");
  EXPECT_EQ(tokenizer.decode(std::array{first, second, third}, true), "\u20ac");
  EXPECT_EQ(tokenizer.decode(std::array{first, second, end}, true), "\ufffd");
  EXPECT_EQ(tokenizer.decode(std::array{third, end, -1, 1 << 30}, false),
            "\ufffd<|e|>");
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8) {
  Result<std::vector<int32_t>> ids = make(tinySpec({})).encode("ab\xff");
  ASSERT_FALSE(ids);
  EXPECT_THAT(ids.error().message, HasSubstr("not valid UTF-8 at byte 2"));
}

TEST(Tokenizer, RefusesBadSpecs) {
  auto message = [](TokenizerSpec spec) {
    Result<Tokenizer> tokenizer = Tokenizer::create(std::move(spec));
    return tokenizer ? std::string() : tokenizer.error().message;
  };
  TokenizerSpec spec = tinySpec({});
  spec.merges = {{"a", "nothing"}};
  EXPECT_THAT(message(spec), HasSubstr("'nothing', which is not in the voc"));
  spec = tinySpec({});
  spec.splitPatterns = {"(a"};
  EXPECT_THAT(message(spec), HasSubstr("pattern '(a' is wrong at byte 2"));
  spec = tinySpec({});
  spec.bosId = 1 << 20;
  EXPECT_THAT(message(spec), HasSubstr("bos id: found 1048576"));
}

TEST(Tokenizer, GivesUpOnPatternsThatExplode) {
  TokenizerSpec spec = tinySpec({});
  spec.splitPatterns = {"(a|a)+b(a|a)+b(a+)+$"};
  Result<std::vector<int32_t>> ids =
      make(spec).encode(std::string(60, 'a') + "c");
  ASSERT_FALSE(ids);
  EXPECT_THAT(ids.error().message, HasSubstr("match limit"));
}

TEST(Tokenizer, EncodesAMegabyteWithoutSpaces) {
  Tokenizer tokenizer = make(tinySpec({{"a", "a"}, {"aa", "aa"}}));
  Result<std::vector<int32_t>> ids =
      tokenizer.encode(std::string(1 << 20, 'a'));
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->size(), size_t(1 << 18));
}

} // namespace
