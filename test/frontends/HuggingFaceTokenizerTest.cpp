//===- HuggingFaceTokenizerTest.cpp - Tokenizer files of a folder ---------===//
//
// Which file is the authority on what, and the message for each kind of file
// that Quipu does not read. Ids are compared in TokenizerGoldenTest.cpp.
//
//===----------------------------------------------------------------------===//

#include "base/Json.h"
#include "frontends/huggingface/Tokenizer.h"
#include "frontends/huggingface/TokenizerJson.h"
#include "runtime/tokenizer/SentencePieceProto.h"
#include "test/frontends/ModelFiles.h"

#include <gmock/gmock.h>

using namespace quipu;
using nlohmann::json;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

json byteLevel() {
  return json::parse(R"({
    "added_tokens": [{"id": 4, "content": "<s>", "special": true},
                     {"id": 5, "content": "<u>", "special": false}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
                      "use_regex": true},
    "post_processor": {"type": "TemplateProcessing", "single": [
      {"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, " b": 3},
              "merges": ["a b"]}})",
                     nullptr, false);
}

SentencePieceProto proto() {
  SentencePieceProto proto;
  proto.pieces = {{"<unk>", 0, TokenKind::unknown},
                  {"<s>", 0, TokenKind::control},
                  {"</s>", 0, TokenKind::control},
                  {"\u2581a", -1, TokenKind::normal}};
  return proto;
}

std::string messageOf(const json &file) {
  Result<TokenizerSpec> spec = parseTokenizerJson(file, "t.json");
  return spec ? "read" : spec.error().message;
}

TEST(TokenizerJson, ReadsByteLevelBpe) {
  Result<TokenizerSpec> spec = parseTokenizerJson(byteLevel(), "t.json");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->model, TokenizerSpec::Model::byteLevelBpe);
  EXPECT_THAT(spec->tokens, ElementsAre("a", "b", "ab", " b", "<s>", "<u>"));
  EXPECT_EQ(spec->kinds[4], TokenKind::control);
  EXPECT_EQ(spec->kinds[5], TokenKind::userDefined);
  EXPECT_THAT(spec->merges, ElementsAre(testing::Pair("a", "b")));
  EXPECT_EQ(spec->splitPatterns.size(), 1u);
  EXPECT_TRUE(spec->addBos);
  EXPECT_EQ(spec->bosId, 4);
  EXPECT_FALSE(spec->addEos);
}

TEST(TokenizerJson, TranslatesPreTokenizersInOrder) {
  json file = byteLevel();
  file["pre_tokenizer"] = json::parse(R"({"type": "Sequence", "pretokenizers": [
    {"type": "Digits", "individual_digits": true},
    {"type": "Split", "pattern": {"String": "a.b"}, "behavior": "Isolated"},
    {"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Removed",
     "invert": true},
    {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})",
                                      nullptr, false);
  Result<TokenizerSpec> spec = parseTokenizerJson(file, "t.json");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_THAT(spec->splitPatterns, ElementsAre("\\p{N}", "a\\.b", "x+"));
}

TEST(TokenizerJson, TurnsTheOrderOfMergesIntoScores) {
  json file = byteLevel();
  file["pre_tokenizer"] = nullptr;
  file["normalizer"] = json::parse(R"({"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})",
                                   nullptr, false);
  file["model"] = json::parse(R"({"type": "BPE", "byte_fallback": true,
    "unk_token": "?", "vocab": {"?": 0, "<0x41>": 1, "a": 2, "▁": 3, "▁a": 6,
    "aa": 7, "zz": 8}, "merges": [["▁", "a"], ["a", "a"]]})",
                              nullptr, false);
  Result<TokenizerSpec> spec = parseTokenizerJson(file, "t.json");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->model, TokenizerSpec::Model::sentencePiece);
  EXPECT_TRUE(spec->addPrefixSpace);
  EXPECT_THAT(spec->scores, ElementsAre(-2, -2, -2, -2, -2, -2, 0, -1, -2));
  EXPECT_EQ(spec->kinds[0], TokenKind::unknown);
  EXPECT_EQ(spec->kinds[1], TokenKind::byte);
  EXPECT_EQ(spec->kinds[8], TokenKind::unused); // no merge gives it
  EXPECT_EQ(spec->unknownId, 0);
}

TEST(TokenizerJson, NamesWhatItDoesNotSupport) {
  auto with = [](const char *pointer, json value) {
    json file = byteLevel();
    file[json::json_pointer(pointer)] = std::move(value);
    return messageOf(file);
  };
  EXPECT_THAT(messageOf(json::array()), HasSubstr("expected a JSON object"));
  EXPECT_EQ(with("/model/type", "WordPiece"),
            "t.json: model.type: 'WordPiece' is not supported (supported: "
            "BPE)");
  EXPECT_THAT(with("/normalizer", {{"type", "NFC"}}),
              HasSubstr("normalizer: 'NFC' is not supported"));
  EXPECT_THAT(with("/pre_tokenizer/type", "Bert"), HasSubstr("'Bert' is not"));
  EXPECT_THAT(with("/pre_tokenizer", nullptr), HasSubstr("expected ByteLevel"));
  EXPECT_THAT(with("/model/end_of_word_suffix", "</w>"), HasSubstr("'</w>'"));
  EXPECT_THAT(with("/model/vocab/a", 1), HasSubstr("'a' and 'b' share an id"));
  EXPECT_THAT(with("/model/vocab/a", "x"),
              HasSubstr("id of 'a' is not an int"));
  EXPECT_THAT(with("/model/vocab/a", -1), HasSubstr("has id -1"));
  EXPECT_THAT(with("/model/vocab/a", 9000000), HasSubstr("has id 9000000"));
  EXPECT_THAT(with("/model/merges/0", "ab"), HasSubstr("merges: entry 0"));
  EXPECT_THAT(with("/added_tokens/0/id", nullptr), HasSubstr("added_tokens"));
  EXPECT_THAT(with("/post_processor/single/0/SpecialToken/id", "<x>"),
              HasSubstr("adds '<x>', which is not a token"));
  EXPECT_THAT(with("/post_processor/type", "Bert"), HasSubstr("'Bert' is not"));
}

TEST(HuggingFaceTokenizer, ConfigNamesSpecialTokensAndTheTemplate) {
  TemporaryFolder folder;
  folder.write("tokenizer.json", byteLevel().dump());
  folder.write("special_tokens_map.json", R"({"eos_token": "a"})");
  folder.write("tokenizer_config.json",
               R"({"bos_token": null, "eos_token": {"content": "<u>"},
                   "chat_template": "from config"})");
  Result<TokenizerSpec> spec = readHuggingFaceTokenizer(folder.path());
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->bosId, 4);
  EXPECT_EQ(spec->eosId, 5);
  EXPECT_EQ(spec->chatTemplate, "from config");
  folder.write("chat_template.jinja", "from file");
  EXPECT_EQ(readHuggingFaceTokenizer(folder.path())->chatTemplate, "from file");
}

TEST(HuggingFaceTokenizer, ReadsAModelFileAlone) {
  TemporaryFolder folder;
  folder.write("tokenizer.model", proto().serialize());
  folder.write("tokenizer_config.json",
               R"({"add_bos_token": true, "add_eos_token": true,
                   "added_tokens_decoder": {"4": {"content": "<x>",
                                                  "special": true}}})");
  Result<TokenizerSpec> spec = readHuggingFaceTokenizer(folder.path());
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_THAT(spec->tokens,
              ElementsAre("<unk>", "<s>", "</s>", "\u2581a", "<x>"));
  EXPECT_EQ(spec->kinds[4], TokenKind::control);
  EXPECT_TRUE(spec->addBos && spec->addEos && spec->addPrefixSpace);
  EXPECT_EQ(spec->bosId, 1);
  EXPECT_EQ(spec->eosId, 2);
}

TEST(HuggingFaceTokenizer, SaysWhichFileIsWrong) {
  TemporaryFolder folder;
  auto message = [&] {
    Result<TokenizerSpec> spec = readHuggingFaceTokenizer(folder.path());
    return spec ? "read" : spec.error().message;
  };
  EXPECT_THAT(message(), HasSubstr("expected tokenizer.json or tokenizer.mod"));
  folder.write("tokenizer.model", "not a model");
  EXPECT_THAT(message(), HasSubstr("tokenizer.model: SentencePiece model: "));
  folder.write("tokenizer.model", proto().serialize());
  EXPECT_EQ(message(), "read");
  folder.write("tokenizer_config.json", R"({"bos_token": "<q>"})");
  EXPECT_THAT(message(), HasSubstr("tokenizer_config.json: bos_token: '<q>' is "
                                   "not in the vocabulary"));
  folder.write("tokenizer_config.json", R"({"chat_template": 3})");
  EXPECT_THAT(message(), HasSubstr("chat_template: expected a string"));
}

TEST(SentencePieceProto, RefusesWhatIsNoModel) {
  std::string bytes = proto().serialize();
  for (size_t size = 0; size < bytes.size(); ++size) {
    // A cut between two fields leaves a smaller model, so only survival counts
    // there; a cut inside of the first piece must be seen.
    bool read = bool(SentencePieceProto::parse(bytes.substr(0, size)));
    EXPECT_FALSE(read && size < 10) << size;
  }
  std::string rules = "\x1a\x04\x12\x02xx"; // normalizer_spec {charsmap: "xx"}
  Result<SentencePieceProto> read = SentencePieceProto::parse(bytes + rules);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("normalizer_spec: found rules"));
}

} // namespace
