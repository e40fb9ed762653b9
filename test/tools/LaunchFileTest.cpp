//===- LaunchFileTest.cpp - Launch descriptions ---------------------------===//
//
// Buffers, launches and outputs from JSON, and one clear message for each thing
// that cannot be.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/emulate/LaunchFile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

using namespace quipu;
using nlohmann::json;

namespace {

std::string folder() { return testing::TempDir(); }

Result<LaunchFile> read(const std::string &text) {
  std::string path = folder() + "launch.json";
  std::ofstream(path) << text;
  return readLaunchFile(path);
}

/// The message for a buffer 'b' described by `description`.
std::string bufferProblem(const std::string &description) {
  Result<LaunchFile> file = read(R"({"buffers": {"b": )" + description +
                                 R"(}, "launches": [{"kernel": "k"}]})");
  std::string where = folder() + "launch.json: buffers.b: ";
  if (file)
    return "";
  EXPECT_THAT(file.error().message, testing::StartsWith(where));
  return file.error().message.substr(where.size());
}

LaunchFile::Buffer buffer(const std::string &description) {
  Result<LaunchFile> file = read(R"({"buffers": {"b": )" + description +
                                 R"(}, "launches": [{"kernel": "k"}]})");
  EXPECT_TRUE(bool(file)) << (file ? "" : file.error().message);
  return file ? file->buffers[0] : LaunchFile::Buffer();
}

template <typename T> T at(const LaunchFile::Buffer &buffer, size_t i) {
  T value;
  std::memcpy(&value, &buffer.contents[i * sizeof value], sizeof value);
  return value;
}

TEST(LaunchFile, FillsBuffers) {
  LaunchFile::Buffer values = buffer(
      R"({"type": "f16", "values": [1, -2.5, "inf"], "writable": false})");
  ASSERT_EQ(values.contents.size(), 6u);
  EXPECT_EQ(at<uint16_t>(values, 1), 0xc100);
  EXPECT_EQ(at<uint16_t>(values, 2), 0x7c00);
  EXPECT_FALSE(values.writable);
  EXPECT_TRUE(values.defined);

  EXPECT_FALSE(values.role);
  EXPECT_EQ(buffer(R"({"count": 1, "role": "kv"})").role,
            emulator::BufferRole::kv);

  EXPECT_FALSE(buffer(R"({"type": "i64", "count": 3})").defined);
  EXPECT_EQ(buffer(R"({"type": "i64", "count": 3})").contents.size(), 24u);
  EXPECT_TRUE(buffer(R"({"count": 3, "data": "zeros"})").defined);

  std::ofstream(folder() + "data.bin") << "abcd";
  LaunchFile::Buffer file = buffer(R"({"type": "u16", "file": "data.bin"})");
  EXPECT_EQ(at<uint16_t>(file, 0), 0x6261);
}

TEST(LaunchFile, RandomContentsDependOnTheSeedAlone) {
  std::string text = R"({"type": "f32", "count": 100, "data": "random",)"
                     R"("range": [2, 3], "seed": )";
  LaunchFile::Buffer first = buffer(text + "5}");
  EXPECT_EQ(first.contents, buffer(text + "5}").contents);
  EXPECT_NE(first.contents, buffer(text + "6}").contents);
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_GE(at<float>(first, i), 2);
    EXPECT_LE(at<float>(first, i), 3);
  }
  LaunchFile::Buffer whole = buffer(
      R"({"type": "i8", "count": 50, "data": "random", "range": [-1, 1]})");
  int seen = 0;
  for (size_t i = 0; i < 50; ++i)
    seen |= 1 << (at<int8_t>(whole, i) + 1);
  EXPECT_EQ(seen, 7);
}

TEST(LaunchFile, WrongBuffersAreNamed) {
  EXPECT_EQ(bufferProblem("5"), "expected an object, found 5");
  EXPECT_EQ(bufferProblem("{}"), "count: expected a number of elements");
  EXPECT_EQ(bufferProblem(R"({"typ": "f32"})"),
            "unknown key 'typ', expected one of type, count, data, values, "
            "file, range, seed, writable, role");
  EXPECT_EQ(bufferProblem(R"({"type": "f8"})"),
            "type: expected f16, bf16, f32, f64 or i8 to u64, found \"f8\"");
  EXPECT_EQ(bufferProblem(R"({"type": "f64", "count": 99999999999})"),
            "count: expected an integer of 0 to 1073741824, found 99999999999");
  EXPECT_EQ(bufferProblem(R"({"count": -1})"),
            "count: expected an integer of 0 to 8589934592, found -1");
  EXPECT_EQ(bufferProblem(R"({"type": "u8", "values": [1, 256]})"),
            "values: expected a number of type u8, found 256");
  EXPECT_EQ(bufferProblem(R"({"type": "f32", "values": ["x"]})"),
            "values: expected a number of type f32, found \"x\"");
  EXPECT_EQ(bufferProblem(R"({"count": 4, "values": [1]})"),
            "expected 4 bytes for count, found 1");
  EXPECT_EQ(bufferProblem(R"({"values": [1], "data": "zeros"})"),
            "expected one of values, file and data");
  EXPECT_EQ(bufferProblem(R"({"count": 1, "data": "ones"})"),
            "data: expected zeros, uninitialized or random, found \"ones\"");
  EXPECT_EQ(bufferProblem(R"({"count": 1, "data": "random", "range": [2, 1]})"),
            "range: expected two numbers, the lower first, found [2,1]");
  EXPECT_EQ(bufferProblem(R"({"count": 1, "role": "weight"})"),
            "role: expected one of weights, constants, activations, kv, found "
            "\"weight\"");
  EXPECT_NE(bufferProblem(R"({"file": "nothing.bin"})"), "");
}

TEST(LaunchFile, WrongLaunchesAreNamed) {
  auto problem = [](const std::string &text) {
    Result<LaunchFile> file = read(text);
    return file ? "" : file.error().message.substr(folder().size());
  };
  EXPECT_EQ(problem("[]"), "launch.json: expected an object, found []");
  EXPECT_EQ(problem("{}"), "launch.json: launches: expected at least one");
  EXPECT_EQ(problem(R"({"launch": []})"),
            "launch.json: unknown key 'launch', expected one of buffers, "
            "launches, outputs");
  EXPECT_EQ(problem("{\"launches\": \"" + std::string(99, 'x') + "\"}"),
            "launch.json: launches: expected a list, found \"" +
                std::string(59, 'x') + "...");
  EXPECT_EQ(problem(R"({"launches": [{}]})"),
            "launch.json: launches[0]: kernel: expected a name, found nothing");
  EXPECT_EQ(problem(R"({"launches": [{"kernel": "k", "grid": [1, 0]}]})"),
            "launch.json: launches[0].grid: expected one to three positive "
            "integers, found [1,0]");
  EXPECT_EQ(problem(R"({"launches": [{"kernel": "k", "parameters": ["b"]}]})"),
            "launch.json: launches[0].parameters[0]: expected the name of a "
            "buffer, found \"b\"");
  EXPECT_EQ(problem(R"({"launches": [{"kernel": "k"}],)"
                    R"("outputs": [{"buffer": "b"}]})"),
            "launch.json: outputs[0]: expected the name of a buffer, found "
            "\"b\"");
}

TEST(LaunchFile, ParametersFollowTheKernel) {
  Result<ptx::Module> module =
      ptx::parseModule(".version 8.0\n.target sm_80\n"
                       ".entry k(.param .u64 p, .param .f32 a, .param .b32 n,"
                       " .param .align 4 .b8 s[8]) .reqntid 32, 2 { ret; }\n",
                       "k.ptx");
  ASSERT_TRUE(bool(module));
  Result<LaunchFile> file = read(
      R"({"buffers": {"b": {"count": 64}}, "launches": [{"kernel": "k",
      "parameters": [{"buffer": "b", "offset": 16}, 0.5, -1,
                     {"type": "u32", "value": [7, 8]}]}]})");
  ASSERT_TRUE(bool(file)) << file.error().message;
  const ptx::Function &kernel = *module->entry("k");
  LaunchFile::Launch launch = file->launches[0];
  uint64_t address = 0x1000;
  auto block = encodeParameters(launch, kernel, {&address, 1});
  ASSERT_TRUE(bool(block)) << block.error().message;
  ASSERT_EQ(block->size(), 24u);
  uint32_t words[6];
  std::memcpy(words, block->data(), sizeof words);
  EXPECT_THAT(words,
              testing::ElementsAre(0x1010, 0, 0x3f000000, 0xffffffff, 7, 8));
  EXPECT_EQ(blockOf(launch, kernel)->y, 2u);

  launch.parameters[3].bytes.pop_back();
  EXPECT_EQ(encodeParameters(launch, kernel, {&address, 1}).error().message,
            "parameter 3 ('s') of kernel 'k': expected 8 bytes, found 7");
  launch.parameters.pop_back();
  EXPECT_EQ(encodeParameters(launch, kernel, {&address, 1}).error().message,
            "kernel 'k' takes 4 parameters, found 3");
}

/// struct { const float *x; int n; float4 v; struct { short s; double *p[2]; }
/// inner; }
TEST(LaunchFile, StructsHoldPointers) {
  Result<LaunchFile> file = read(
      R"({"buffers": {"b": {"count": 64}, "c": {"count": 8}},
      "launches": [{"kernel": "k", "parameters": [[
        "b", {"type": "i32", "value": -7},
        {"type": "f32", "value": [1, 2, 3, 4], "align": 16},
        [{"type": "i16", "value": 3},
         {"type": "u64", "value": ["c", {"buffer": "b", "offset": 64}]}]]]}]})");
  ASSERT_TRUE(bool(file)) << file.error().message;
  Result<ptx::Module> module =
      ptx::parseModule(".version 8.0\n.target sm_80\n"
                       ".entry k(.param .align 16 .b8 s[64]) { ret; }\n",
                       "k.ptx");
  ASSERT_TRUE(bool(module));
  std::vector<uint64_t> addresses = {0x1000, 0x2000};
  auto block =
      encodeParameters(file->launches[0], *module->entry("k"), addresses);
  ASSERT_TRUE(bool(block)) << block.error().message;
  struct Inner {
    int16_t s;
    uint64_t p[2];
  };
  struct {
    uint64_t x;
    int32_t n;
    alignas(16) float v[4];
    Inner inner;
  } passed;
  ASSERT_EQ(block->size(), sizeof passed);
  std::memcpy(&passed, block->data(), sizeof passed);
  EXPECT_EQ(passed.x, 0x1000u);
  EXPECT_EQ(passed.n, -7);
  EXPECT_THAT(passed.v, testing::ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(passed.inner.s, 3);
  EXPECT_THAT(passed.inner.p, testing::ElementsAre(0x2000u, 0x1040u));

  module = ptx::parseModule(".version 8.0\n.target sm_80\n"
                            ".entry k(.param .align 8 .b8 s[56]) { ret; }\n",
                            "k.ptx");
  EXPECT_EQ(encodeParameters(file->launches[0], *module->entry("k"), addresses)
                .error()
                .message,
            "parameter 0 ('s') of kernel 'k': expected 56 bytes, found 64");
}

/// #pragma pack(4): struct { int n; double *x; }
TEST(LaunchFile, PointersOfPackedStructsFollowAlign) {
  Result<LaunchFile> file = read(R"({"buffers": {"b": {"count": 8}},
      "launches": [{"kernel": "k", "parameters": [[
        {"type": "i32", "value": 7},
        {"type": "u64", "value": "b", "align": 4}]]}]})");
  ASSERT_TRUE(bool(file)) << file.error().message;
  const LaunchFile::Parameter &passed = file->launches[0].parameters[0];
  EXPECT_EQ(passed.bytes.size(), 12u);
  ASSERT_EQ(passed.pointers.size(), 1u);
  EXPECT_EQ(passed.pointers[0].at, 4u);
}

TEST(LaunchFile, WrongFieldsAreNamed) {
  auto problem = [](const std::string &parameter) {
    Result<LaunchFile> file =
        read(R"({"launches": [{"kernel": "k", "parameters": [)" + parameter +
             "]}]}");
    std::string where = "launch.json: launches[0].parameters[0]";
    return file ? ""
                : file.error().message.substr(folder().size() + where.size());
  };
  EXPECT_EQ(problem("[]"), ": expected a list of one or more fields, found []");
  EXPECT_EQ(problem(R"([{"type": "i32", "value": 1}, 5])"),
            "[1]: expected a field with its type, as in {\"type\": \"i32\", "
            "\"value\": 5}, found 5");
  EXPECT_EQ(problem(R"([["x"]])"),
            "[0][0]: expected the name of a buffer, found \"x\"");
  EXPECT_EQ(problem(R"({"type": "u64", "value": {"offset": 8}})"),
            ": expected the name of a buffer, found nothing");
  EXPECT_EQ(problem(R"({"type": "i32", "value": ["x"]})"),
            ": expected a number of type i32, found \"x\"");
  EXPECT_EQ(problem(R"({"type": "i32", "value": 1, "align": 3})"),
            ": align: expected a power of two, found 3");
  EXPECT_THAT(problem(std::string(20, '[') + std::string(20, ']')),
              testing::HasSubstr("nested too deep"));
}

} // namespace
