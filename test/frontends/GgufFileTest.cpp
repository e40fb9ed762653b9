//===- GgufFileTest.cpp - The GGUF reader on good and bad bytes -----------===//

#include "frontends/gguf/GgufFile.h"
#include "test/frontends/ModelFiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using test::bytesOf;
using test::ggufString;
using test::GgufWriter;
using testing::HasSubstr;
using testing::StartsWith;

std::string messageOf(std::string_view file) {
  Result<GgufFile> parsed = GgufFile::parse(
      std::as_bytes(std::span(file.data(), file.size())), "f.gguf");
  return parsed ? "none" : parsed.error().message;
}

std::string header(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
  return "GGUF" + bytesOf(version) + bytesOf(tensors) + bytesOf(keys);
}

/// A file with every kind of value and two tensors.
GgufWriter everything() {
  GgufWriter writer;
  writer.u32("a.u32", 7)
      .f32("a.f32", 0.5f)
      .boolean("a.bool", true)
      .string("a.string", "h\xc3\xa9")
      .strings("a.strings", {"x", "", "yz"})
      .i32s("a.i32s", {-1, 2})
      .raw("a.i64", 11, bytesOf(int64_t(-9)))
      .raw("a.u64", 10, bytesOf(~uint64_t(0)))
      .raw("a.nested", 9,
           bytesOf(uint32_t(9)) + bytesOf(uint64_t(1)) + bytesOf(uint32_t(0)) +
               bytesOf(uint64_t(2)) + "\x01\x02");
  writer.tensor("t", ElementType::f32, {3, 2}, std::string(24, 'a'));
  writer.tensor("q", ElementType::q4_0, {32}, std::string(18, 'b'));
  return writer;
}

TEST(GgufFile, ReadsWhatWasWritten) {
  for (uint32_t version : {2u, 3u}) {
    GgufWriter writer = everything();
    writer.version = version;
    std::string text = writer.finish();
    Result<GgufFile> file = GgufFile::parse(
        std::as_bytes(std::span(text.data(), text.size())), "f.gguf");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->version(), version);
    EXPECT_EQ(**file->integer("a.u32"), 7);
    EXPECT_EQ(**file->integer("a.i64"), -9);
    EXPECT_EQ(**file->number("a.f32"), 0.5);
    EXPECT_EQ(**file->number("a.u32"), 7.0);
    EXPECT_EQ(**file->boolean("a.bool"), true);
    EXPECT_EQ(**file->string("a.string"), "h\xc3\xa9");
    EXPECT_THAT((*file->array("a.strings", GgufType::string))->strings(),
                testing::ElementsAre("x", "", "yz"));
    EXPECT_THAT((*file->array("a.i32s", GgufType::i32))->numbers(),
                testing::ElementsAre(-1, 2));
    EXPECT_FALSE(file->integer("absent")->has_value());
    ASSERT_EQ(file->tensors().size(), 2u);
    const GgufTensor &tensor = file->tensors()[0];
    EXPECT_EQ(tensor.rows(), 2u);
    EXPECT_EQ(tensor.columns(), 3u);
    EXPECT_EQ(text.substr(tensor.offset, tensor.bytes), std::string(24, 'a'));
    const GgufTensor &quantized = file->tensors()[1];
    EXPECT_EQ(text.substr(quantized.offset, quantized.bytes),
              std::string(18, 'b'));
  }
}

TEST(GgufFile, WrongTypesAreNamed) {
  std::string text = everything().finish();
  Result<GgufFile> file = GgufFile::parse(
      std::as_bytes(std::span(text.data(), text.size())), "f.gguf");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->integer("a.f32").error().message,
            "f.gguf: a.f32: expected an integer, found f32");
  EXPECT_EQ(file->string("a.strings").error().message,
            "f.gguf: a.strings: expected a string, found array of string");
  EXPECT_EQ(file->array("a.i32s", GgufType::string).error().message,
            "f.gguf: a.i32s: expected an array of string, found array of i32");
  EXPECT_EQ(file->integer("a.u64").error().message,
            "f.gguf: a.u64: 18446744073709551615 is too large");
  EXPECT_THAT(file->integer("a.i32s").error().message,
              HasSubstr("differ between layers"));
}

// Wherever the file is cut, the reader says so and reads nothing beyond it (the
// sanitizer build checks the latter).
TEST(GgufFile, EveryTruncationIsRefused) {
  std::string text = everything().finish();
  size_t end = text.size();
  for (size_t length = 0; length < end; ++length)
    EXPECT_THAT(messageOf(std::string(text.data(), length)),
                StartsWith("f.gguf: "))
        << length;
}

// No byte of the header can be changed into something that crashes.
TEST(GgufFile, EveryByteMayBeAnything) {
  std::string text = everything().finish();
  for (size_t i = 0; i < text.size(); ++i)
    for (int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string changed = text;
      changed[i] = char(value);
      EXPECT_FALSE(messageOf(changed).empty());
    }
}

TEST(GgufFile, HeaderIsChecked) {
  EXPECT_EQ(messageOf(""), "f.gguf: file ends inside the header at byte 0: "
                           "expected 4 bytes, found 0");
  EXPECT_EQ(messageOf("ELF!aaaaaaaaaaaaaaaaaaaa"),
            "f.gguf: not a GGUF file: it does not begin with \"GGUF\"");
  EXPECT_EQ(messageOf(header(0, 0, 1)),
            "f.gguf: GGUF version 1 is not supported, expected 2 or 3");
  EXPECT_EQ(messageOf(header(0, 0, 3u << 24)),
            "f.gguf: big-endian GGUF files are not supported");
  EXPECT_THAT(messageOf(header(~uint64_t(0), 0)),
              HasSubstr("states 18446744073709551615 tensors"));
  EXPECT_THAT(messageOf(header(0, uint64_t(1) << 60)),
              HasSubstr("metadata keys, more than the file can hold"));
}

TEST(GgufFile, MetadataIsChecked) {
  auto entry = [](std::string key, uint32_t type, std::string value) {
    return header(0, 1) + key + bytesOf(type) + value + std::string(64, 0);
  };
  std::string key = ggufString("k");
  EXPECT_THAT(messageOf(entry(bytesOf(~uint64_t(0)), 4, "")),
              HasSubstr("length of a metadata key at byte 24 is 1844674407"));
  EXPECT_THAT(messageOf(entry(ggufString("\xff"), 4, "")),
              HasSubstr("a metadata key at byte 32 is not UTF-8 text"));
  EXPECT_THAT(messageOf(entry(key, 13, "")),
              HasSubstr("k: value type 13 is unknown"));
  EXPECT_THAT(messageOf(entry(key, 7, "\x02")),
              HasSubstr("k: a bool is 2, expected 0 or 1"));
  EXPECT_THAT(messageOf(entry(key, 8, bytesOf(~uint64_t(0) - 3))),
              HasSubstr("length of the value of k"));
  EXPECT_THAT(messageOf(entry(key, 8, ggufString("\xed\xa0\x80"))),
              HasSubstr("the value of k at byte 45 is not UTF-8 text"));
  EXPECT_THAT(messageOf(entry(
                  key, 9, bytesOf(uint32_t(10)) + bytesOf(uint64_t(1) << 61))),
              HasSubstr("k: array of 2305843009213693952 u64 elements does "
                        "not fit"));
  EXPECT_THAT(messageOf(entry(key, 9,
                              bytesOf(uint32_t(8)) + bytesOf(uint64_t(1)) +
                                  ggufString("\x80"))),
              HasSubstr("a string of k at byte 57 is not UTF-8 text"));
  EXPECT_THAT(messageOf(GgufWriter().u32("k", 1).u32("k", 2).finish()),
              HasSubstr("metadata key 'k' appears twice"));
}

TEST(GgufFile, NestedArraysHaveALimit) {
  std::string value;
  for (int i = 0; i < 100; ++i)
    value += bytesOf(uint32_t(9)) + bytesOf(uint64_t(1));
  EXPECT_THAT(messageOf(GgufWriter().raw("k", 9, value).finish()),
              HasSubstr("k: arrays nested deeper than 4 levels"));
}

TEST(GgufFile, TensorsAreChecked) {
  // Name, then dimensions, type and offset as given.
  auto tensor = [](std::vector<uint64_t> dimensions, uint32_t type,
                   uint64_t offset, std::string name = "t") {
    std::string file =
        header(1, 0) + ggufString(name) + bytesOf(uint32_t(dimensions.size()));
    for (uint64_t extent : dimensions)
      file += bytesOf(extent);
    file += bytesOf(type) + bytesOf(offset);
    file.resize((file.size() + 31) / 32 * 32 + 64);
    return file;
  };
  EXPECT_EQ(messageOf(tensor({16}, 0, 0)), "none");
  EXPECT_THAT(messageOf(tensor({}, 0, 0)), HasSubstr("has 0 dimensions"));
  EXPECT_THAT(messageOf(tensor({1, 1, 1, 1, 1}, 0, 0)),
              HasSubstr("has 5 dimensions, expected 1 to 4"));
  EXPECT_THAT(messageOf(tensor({16, 0}, 0, 0)), HasSubstr("empty dimension"));
  EXPECT_THAT(messageOf(tensor({~uint64_t(0), ~uint64_t(0)}, 0, 0)),
              HasSubstr("tensor 't' is larger than the file"));
  EXPECT_THAT(messageOf(tensor({uint64_t(1) << 32, uint64_t(1) << 32}, 0, 0)),
              HasSubstr("tensor 't' is larger than the file"));
  EXPECT_THAT(messageOf(tensor({33}, 2, 0)),
              HasSubstr("has rows of 33 elements, expected a multiple of 32 "
                        "for q4_0"));
  EXPECT_THAT(messageOf(tensor({16}, 16, 0)),
              HasSubstr("has type 16, which is not supported"));
  EXPECT_THAT(messageOf(tensor({16}, 0, 7)),
              HasSubstr("begins at offset 7, expected a multiple of 32"));
  EXPECT_THAT(messageOf(tensor({16}, 0, 32)),
              HasSubstr("ends beyond the file: offset 32 plus 64 bytes"));
  EXPECT_THAT(messageOf(tensor({16}, 0, ~uint64_t(31))),
              HasSubstr("ends beyond the file"));
  EXPECT_THAT(messageOf(tensor({16}, 0, 0, std::string(2000, 'n'))),
              HasSubstr("length of a tensor name"));
  GgufWriter twice;
  twice.tensor("t", ElementType::f32, {1}, "aaaa");
  twice.tensor("t", ElementType::f32, {1}, "aaaa");
  EXPECT_THAT(messageOf(twice.finish()), HasSubstr("tensor 't' appears twice"));
}

TEST(GgufFile, AlignmentIsChecked) {
  GgufWriter writer = everything();
  writer.alignment = 64;
  writer.u32("general.alignment", 64);
  EXPECT_EQ(messageOf(writer.finish()), "none");
  for (uint32_t bad : {0u, 3u, 0x80000000u})
    EXPECT_THAT(messageOf(everything().u32("general.alignment", bad).finish()),
                HasSubstr("general.alignment is"));
  EXPECT_EQ(messageOf(everything().string("general.alignment", "x").finish()),
            "f.gguf: general.alignment: expected an integer, found string");
}

} // namespace
} // namespace quipu
