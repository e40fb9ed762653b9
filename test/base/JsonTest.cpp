//===- JsonTest.cpp -------------------------------------------------------===//

#include "base/Json.h"
#include "base/Utf8.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

std::string messageOf(std::string_view text) {
  Result<nlohmann::json> json = parseJson(text, "f");
  return json ? "none" : json.error().message;
}

TEST(Json, Parses) {
  Result<nlohmann::json> json = parseJson(R"({"a": [1, {"a": 2}]})", "f");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["a"][1]["a"], 2);
}

TEST(Json, SyntaxErrorsNameTheByte) {
  EXPECT_EQ(messageOf("{\"a\": }"), "f: not valid JSON at byte 7");
  EXPECT_EQ(messageOf(""), "f: not valid JSON at byte 1");
  EXPECT_EQ(messageOf("{} x"), "f: not valid JSON at byte 4");
  EXPECT_EQ(messageOf("{\"a\": \"\xff\"}"), "f: not valid JSON at byte 8");
  EXPECT_EQ(messageOf("1e999"), "f: not valid JSON at byte 5");
}

TEST(Json, DuplicateKeysAreRefused) {
  EXPECT_EQ(messageOf(R"({"a": 1, "b": {"a": 2, "a": 3}})"),
            "f: key 'a' appears twice in an object");
  EXPECT_EQ(messageOf(R"([{"a": 1}, {"a": 1}])"), "none");
}

TEST(Json, DeepNestingIsRefused) {
  std::string deep = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(messageOf(deep), "none");
  EXPECT_EQ(messageOf("[" + deep + "]"),
            "f: JSON nested deeper than 64 levels");
  EXPECT_EQ(messageOf(std::string(1'000'000, '[')),
            "f: JSON nested deeper than 64 levels");
}

TEST(Utf8, Table37) {
  EXPECT_TRUE(isUtf8(""));
  EXPECT_TRUE(isUtf8("a\xc2\x80\xe0\xa0\x80\xed\x9f\xbf\xf4\x8f\xbf\xbf"));
  for (const char *bad :
       {"\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe2\x82",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff"})
    EXPECT_FALSE(isUtf8(bad)) << bad;
}

} // namespace
} // namespace quipu
