//===- SafetensorsTest.cpp - Safetensors files, good and bad --------------===//

#include "frontends/huggingface/Safetensors.h"
#include "test/frontends/ModelFiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using test::bytesOf;
using test::safetensors;
using testing::HasSubstr;

Result<SafetensorsFile> parse(const std::string &file) {
  return parseSafetensors(std::as_bytes(std::span(file)), "f");
}

std::string messageOf(const std::string &file) {
  Result<SafetensorsFile> parsed = parse(file);
  return parsed ? "none" : parsed.error().message;
}

/// The message about a file of one tensor `t` with 16 bytes of data.
std::string about(const std::string &entry) {
  return messageOf(safetensors("{\"t\": " + entry + "}", std::string(16, 0)));
}

TEST(Safetensors, ReadsWhatWasWritten) {
  std::string header = R"({"__metadata__": {"format": "pt"},
    "b": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [4, 16]},
    "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
    "e": {"dtype": "F16", "shape": [0, 7], "data_offsets": [4, 4]},
    "i": {"dtype": "I64", "shape": [1], "data_offsets": [16, 24]}})";
  Result<SafetensorsFile> file =
      parse(safetensors(header, std::string(24, 'x')));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors.size(), 4u);
  EXPECT_EQ(file->fileSize, 8 + header.size() + 24);
  const SafetensorsTensor &first = file->tensors[0];
  EXPECT_EQ(first.name, "a");
  EXPECT_EQ(first.offset, 8 + header.size());
  const SafetensorsTensor &second = file->tensors[1];
  EXPECT_EQ(second.name, "b");
  EXPECT_EQ(second.type, ElementType::bf16);
  EXPECT_THAT(second.shape, testing::ElementsAre(2, 3));
  EXPECT_EQ(second.bytes, 12u);
  EXPECT_EQ(file->tensors[2].bytes, 0u);
  EXPECT_FALSE(file->tensors[3].type);
  EXPECT_EQ(file->tensors[3].dtype, "I64");
}

TEST(Safetensors, LengthOfTheHeaderIsChecked) {
  EXPECT_THAT(messageOf(""), HasSubstr("file of 0 bytes is too short"));
  EXPECT_THAT(messageOf("1234567"), HasSubstr("file of 7 bytes"));
  EXPECT_THAT(messageOf(bytesOf(uint64_t(3)) + "{}"),
              HasSubstr("header of 3 bytes, expected at most 2"));
  EXPECT_THAT(messageOf(bytesOf(~uint64_t(0)) + "{}"),
              HasSubstr("header of 18446744073709551615 bytes"));
  EXPECT_EQ(messageOf(safetensors("{}", "")), "none");
  EXPECT_EQ(messageOf(safetensors("{}   ", "")), "none");
}

TEST(Safetensors, HeaderIsChecked) {
  EXPECT_EQ(messageOf(safetensors("", "")),
            "f: header: not valid JSON at byte 1");
  EXPECT_EQ(messageOf(safetensors("[]", "")),
            "f: header: expected a JSON object");
  EXPECT_EQ(messageOf(safetensors("{\"\xff\": 1}", "")),
            "f: header: not valid JSON at byte 3");
  EXPECT_EQ(messageOf(safetensors(R"({"t": 1, "t": 2})", "")),
            "f: header: key 't' appears twice in an object");
}

TEST(Safetensors, EntriesAreChecked) {
  EXPECT_THAT(about("1"), HasSubstr("tensor 't': expected an object of"));
  EXPECT_THAT(about(R"({"dtype": "F32"})"), HasSubstr("expected an object of"));
  auto entry = [](const char *dtype, const char *shape, const char *offsets) {
    return about(std::string("{\"dtype\": ") + dtype + ", \"shape\": " + shape +
                 ", \"data_offsets\": " + offsets + "}");
  };
  EXPECT_EQ(entry("\"F32\"", "[4]", "[0, 16]"), "none");
  EXPECT_THAT(entry("\"F99\"", "[4]", "[0, 16]"),
              HasSubstr("dtype \"F99\" is unknown"));
  EXPECT_THAT(entry("7", "[4]", "[0, 16]"), HasSubstr("dtype 7 is unknown"));
  EXPECT_THAT(entry("\"F32\"", "4", "[0, 16]"), HasSubstr("shape: expected"));
  EXPECT_THAT(entry("\"F32\"", "[-4]", "[0, 16]"), HasSubstr("found -4"));
  EXPECT_THAT(entry("\"F32\"", "[4.0]", "[0, 16]"), HasSubstr("found 4.0"));
  EXPECT_THAT(entry("\"F32\"", "[1,1,1,1,1,1,1,1,4]", "[0, 16]"),
              HasSubstr("at most 8 numbers"));
  EXPECT_THAT(entry("\"F32\"", "[3]", "[0, 16]"),
              HasSubstr("span 16 bytes, expected 12 for the shape"));
  EXPECT_THAT(entry("\"F32\"", "[5]", "[0, 16]"),
              HasSubstr("span 16 bytes, fewer than the shape needs"));
  // 2^62 elements of four bytes wrap to 0.
  EXPECT_THAT(entry("\"F32\"", "[4611686018427387904]", "[0, 0]"),
              HasSubstr("fewer than the shape needs"));
  EXPECT_THAT(entry("\"F32\"", "[4294967296, 4294967296]", "[0, 0]"),
              HasSubstr("fewer than the shape needs"));
  EXPECT_THAT(entry("\"F32\"", "[4]", "[16, 0]"),
              HasSubstr("data_offsets are [16, 0]"));
  EXPECT_THAT(entry("\"F32\"", "[4]", "[4, 20]"),
              HasSubstr("within the 16 bytes of tensor data"));
  EXPECT_THAT(entry("\"F32\"", "[4]", "[-16, 0]"),
              HasSubstr("data_offsets: expected two numbers"));
  EXPECT_THAT(entry("\"F32\"", "[4]", "[0, 8, 16]"),
              HasSubstr("data_offsets: expected two numbers"));
  EXPECT_THAT(entry("\"F32\"", "[4]", "[0, 99999999999999999999]"),
              HasSubstr("data_offsets: expected two numbers"));
}

TEST(Safetensors, OverlapsAreRefused) {
  EXPECT_EQ(messageOf(safetensors(
                R"({"a": {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]},
                    "b": {"dtype": "U8", "shape": [0], "data_offsets": [2, 2]},
                    "c": {"dtype": "U8", "shape": [2], "data_offsets": [8, 10]}
                   })",
                std::string(16, 0))),
            "f: tensors 'a' and 'c' overlap");
}

TEST(Safetensors, EveryTruncationIsRefused) {
  std::string file = safetensors(
      R"({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}})",
      std::string(16, 0));
  for (size_t length = 0; length < file.size(); ++length)
    EXPECT_NE(messageOf(file.substr(0, length)), "none") << length;
}

} // namespace
} // namespace quipu
