//===- TokenizerSpecTest.cpp - The stored form of a tokenizer -------------===//
//
// What goes in comes out, and no damaged byte does more than fail.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/TokenizerSpec.h"

#include <gmock/gmock.h>

using namespace quipu;
using testing::HasSubstr;

namespace {

TokenizerSpec fullSpec() {
  TokenizerSpec spec;
  spec.model = TokenizerSpec::Model::sentencePiece;
  spec.tokens = {"<s>", "a", "", std::string(300, 'x'), std::string(1, '\0')};
  spec.kinds = {TokenKind::control, TokenKind::normal, TokenKind::unused,
                TokenKind::byte, TokenKind::unknown};
  spec.scores = {0.0f, -1.5f, -1e10f, 3.25f, -0.0f};
  spec.merges = {{"a", "b"}, {"", "c"}};
  spec.splitPatterns = {"\\s+", "x"};
  spec.addPrefixSpace = true;
  spec.prefixUnlessSpace = true;
  spec.prefixFirstOnly = true;
  spec.ignoreMerges = true;
  spec.sentencePieceModel = std::string("\x0a\0\x80", 3);
  spec.bosId = 0;
  spec.eosId = 4;
  spec.addBos = true;
  spec.chatTemplate = "{{ messages }}";
  return spec;
}

Result<TokenizerSpec> read(std::string_view bytes) {
  return deserializeTokenizer(std::as_bytes(std::span(bytes)));
}

TEST(TokenizerSpec, RoundTrips) {
  TokenizerSpec spec = fullSpec();
  Result<TokenizerSpec> again = read(serialize(spec));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->model, spec.model);
  EXPECT_EQ(again->tokens, spec.tokens);
  EXPECT_EQ(again->kinds, spec.kinds);
  EXPECT_EQ(again->scores, spec.scores);
  EXPECT_EQ(again->merges, spec.merges);
  EXPECT_EQ(again->splitPatterns, spec.splitPatterns);
  EXPECT_EQ(again->addPrefixSpace, spec.addPrefixSpace);
  EXPECT_EQ(again->prefixUnlessSpace, spec.prefixUnlessSpace);
  EXPECT_EQ(again->prefixFirstOnly, spec.prefixFirstOnly);
  EXPECT_EQ(again->ignoreMerges, spec.ignoreMerges);
  EXPECT_EQ(again->sentencePieceModel, spec.sentencePieceModel);
  EXPECT_EQ(again->bosId, spec.bosId);
  EXPECT_EQ(again->eosId, spec.eosId);
  EXPECT_EQ(again->unknownId, -1);
  EXPECT_EQ(again->addBos, true);
  EXPECT_EQ(again->addEos, false);
  EXPECT_EQ(again->chatTemplate, spec.chatTemplate);
}

TEST(TokenizerSpec, RefusesEveryTruncation) {
  std::string bytes = serialize(fullSpec());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(read(std::string_view(bytes).substr(0, size))) << size;
  EXPECT_THAT(read(bytes + "x").error().message, HasSubstr("1 extra bytes"));
}

TEST(TokenizerSpec, SurvivesEveryDamagedByte) {
  const std::string bytes = serialize(fullSpec());
  size_t refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at)
    for (char value : {'\0', '\x7f', '\x80', '\xff'}) {
      std::string damaged = bytes;
      damaged[at] = value;
      refused += read(damaged) ? 0 : 1;
    }
  EXPECT_GT(refused, 0u);
}

TEST(TokenizerSpec, NamesWhatIsWrong) {
  EXPECT_THAT(read("QTOX").error().message, HasSubstr("begin with QTOK"));
  EXPECT_THAT(read("QTOK\x09").error().message, HasSubstr("found 9"));
  EXPECT_THAT(read(std::string("QTOK\x02\0\xff\xff\x03", 9)).error().message,
              HasSubstr("tokens at byte 4: found a count of 65535"));
  TokenizerSpec spec = fullSpec();
  spec.eosId = 5;
  EXPECT_THAT(read(serialize(spec)).error().message, HasSubstr("eos id"));
  spec = fullSpec();
  spec.kinds.pop_back();
  EXPECT_THAT(read(serialize(spec)).error().message,
              HasSubstr("token kinds: found 4, expected 5"));
}

} // namespace
