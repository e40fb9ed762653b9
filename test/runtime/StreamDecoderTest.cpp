//===- StreamDecoderTest.cpp - What is given out, and when ----------------===//
//
// Each case feeds single bytes, the worst a model can do.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/StreamDecoder.h"
#include "test/runtime/TinyTokenizer.h"

#include <gmock/gmock.h>

using namespace quipu;
using testing::ElementsAre;

namespace {

class StreamDecoderTest : public testing::Test {
protected:
  Tokenizer tokenizer = std::move(*Tokenizer::create(tinySpec({})));

  /// What each byte of `text` gives out, then what flush() does.
  std::vector<std::string> feed(std::string_view text,
                                std::vector<std::string> stops = {}) {
    StreamDecoder decoder(tokenizer, {std::move(stops)});
    std::vector<std::string> out;
    for (char byte : text)
      out.push_back(decoder.push(uint8_t(byte)));
    out.push_back(decoder.flush());
    stopped = decoder.stopped();
    return out;
  }

  bool stopped = false;
};

TEST_F(StreamDecoderTest, WaitsForWholeCharacters) {
  EXPECT_THAT(feed("a\u00e9\U0001f600"),
              ElementsAre("a", "", "\u00e9", "", "", "", "\U0001f600", ""));
}

TEST_F(StreamDecoderTest, ReplacesWhatCannotBecomeACharacter) {
  EXPECT_THAT(feed("\xff"
                   "a\xe2\x82"
                   "b"),
              ElementsAre("\ufffd", "a", "", "",
                          "\ufffd"
                          "b",
                          ""));
  EXPECT_THAT(feed("\xe2\x82"), ElementsAre("", "", "\ufffd"));
}

TEST_F(StreamDecoderTest, HoldsBackWhatMayBecomeAStopString) {
  EXPECT_THAT(feed("xababc", {"abc"}),
              ElementsAre("x", "", "", "ab", "", "", ""));
  EXPECT_TRUE(stopped);
  EXPECT_THAT(feed("xab", {"abc"}), ElementsAre("x", "", "", "ab"));
  EXPECT_FALSE(stopped);
}

TEST_F(StreamDecoderTest, GivesNothingAfterAStop) {
  EXPECT_THAT(feed("a.b", {"."}), ElementsAre("a", "", "", ""));
  EXPECT_TRUE(stopped);
}

TEST_F(StreamDecoderTest, TakesTheEarliestOfSeveralStopStrings) {
  EXPECT_THAT(feed("abcd", {"d", "bc", ""}), ElementsAre("a", "", "", "", ""));
  EXPECT_TRUE(stopped);
}

TEST_F(StreamDecoderTest, LeavesOutControlTokensUnlessAsked) {
  StreamDecoder silent(tokenizer);
  EXPECT_EQ(silent.push(256), "");
  EXPECT_EQ(silent.push(257), "<|u|>");
  StreamDecoder loud(tokenizer, {{}, /*skipSpecial=*/false});
  EXPECT_EQ(loud.push(256), "<|e|>");
}

TEST_F(StreamDecoderTest, IgnoresIdsOutOfRange) {
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.push(-1), "");
  EXPECT_EQ(decoder.push(1 << 30), "");
}

} // namespace
