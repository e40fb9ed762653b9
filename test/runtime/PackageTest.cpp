//===- PackageTest.cpp - Package files ------------------------------------===//
//
// What is written comes back, runs, and is refused when any part is damaged.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/KernelAbi.h"
#include "runtime/package/PackageFormat.h"
#include "runtime/package/PackageReader.h"
#include "runtime/package/PackageWriter.h"
#include "runtime/weights/WeightStore.h"
#include "test/fuzz/PackageBytes.h"
#include "test/runtime/FakeModel.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace quipu {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class PackageTest : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) /
             ("quipu-package-" + std::to_string(::getpid()) + "-" +
              testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder);
    path = (folder / "model.quipu").string();
    package = *test::fakePackage();
    package.targets[0].code = std::as_bytes(std::span(code));
    package.targets[0].features = {"avx2", "fma"};
    package.tokenizer = std::as_bytes(std::span(tokenizer));
    package.chatTemplate = "{{ messages }}";
    package.generation.topK = 7;
    package.generation.endOfSequenceIds = {2, 3};
    package.provenance = {{"source", "t\xc3\xa9st"}, {"pipeline", "-O3"}};
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string write(const PackageWriteOptions &options = {}) {
    auto done = writePackage(package, path, options);
    return done ? "" : done.error().message;
  }
  std::string readError(std::span<const std::byte> bytes) {
    auto read = readPackage(bytes, "x", nullptr);
    return read ? "accepted" : read.error().message;
  }
  std::vector<std::byte> contents() {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> text((std::istreambuf_iterator<char>(file)), {});
    auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
  }
  /// A weight file of two tensors at odd offsets; `package` refers to it.
  void addWeightFile(const fs::path &place) {
    std::ofstream(place, std::ios::binary)
        << std::string(5, 'x') << std::string(34, 'q') << "????";
    package.weightFiles = {{place.string(), 43}};
    package.tensors.push_back({"extra", ElementType::q8_0, 1, 32, 0, 5, 34});
  }
  size_t filesInFolder() {
    return std::distance(fs::directory_iterator(folder), {});
  }

  std::string code = "these are no instructions", tokenizer = "spec";
  fs::path folder;
  std::string path;
  Package package;
};

TEST_F(PackageTest, comesBack) {
  ASSERT_EQ(write(), "");
  EXPECT_EQ(filesInFolder(), 1u);
  auto read = readPackage(path);
  ASSERT_TRUE(read) << read.error().message;
  const Package &got = **read;
  EXPECT_EQ(plan::toJson(got.plan), plan::toJson(package.plan));
  EXPECT_EQ(got.model.config, package.model.config);
  EXPECT_EQ(got.targets[0].features, package.targets[0].features);
  EXPECT_EQ(std::memcmp(got.targets[0].code.data(), code.data(), code.size()),
            0);
  EXPECT_EQ(got.tokenizer.size(), tokenizer.size());
  EXPECT_EQ(got.chatTemplate, package.chatTemplate);
  EXPECT_EQ(got.generation.topK, 7);
  EXPECT_FALSE(got.generation.topP);
  EXPECT_THAT(got.generation.endOfSequenceIds, ElementsAre(2, 3));
  EXPECT_EQ(got.provenance, package.provenance);
  EXPECT_EQ(got.weights.size(), 4u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(got.weights.data()) % 4096, 0u);
}

TEST_F(PackageTest, bindsWeightsInsideAndBeside) {
  addWeightFile(folder / "weights.bin");
  package.plan.parameters.push_back(
      {"extra",
       ElementType::q8_0,
       1,
       32,
       {plan::Recipe::Kind::identity, "extra", {}, 1}});
  for (bool embed : {false, true}) {
    PackageWriteOptions options;
    options.embedWeights = embed;
    int64_t reported = 0;
    options.progress = [&](int64_t done, int64_t) { return reported = done; };
    ASSERT_EQ(write(options), "");
    EXPECT_EQ(reported, embed ? 38 : 4);
    auto read = readPackage(path);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ((*read)->weightFiles.size(), embed ? 0u : 1u);
    if (!embed)
      EXPECT_EQ((*read)->weightFiles[0].path, "weights.bin"); // moves along
    auto store = WeightStore::open(**read, {});
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ(char(store->parameters()[2][33]), 'q');
    float bias;
    std::memcpy(&bias, store->parameters()[0].data(), 4);
    EXPECT_EQ(bias, float(test::fakeBias));
  }
}

TEST_F(PackageTest, keepsAStubInFrontAndReplacesItsPackage) {
  std::string stub = (folder / "stub").string();
  std::ofstream(stub) << std::string(5000, '#');
  PackageWriteOptions options;
  options.stub = stub;
  ASSERT_EQ(write(options), "");
  struct stat status;
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_TRUE(status.st_mode & S_IXUSR);
  size_t size = contents().size();
  EXPECT_EQ(char(contents()[4999]), '#');
  EXPECT_TRUE(readPackage(path));
  options.stub = path; // a package as the stub of the next
  ASSERT_EQ(write(options), "");
  EXPECT_EQ(contents().size(), size);
  EXPECT_TRUE(readPackage(path));
}

TEST_F(PackageTest, refusesAPathThatItsHeaderCannotHold) {
  addWeightFile(folder / "\xff.gguf");
  EXPECT_THAT(write(), HasSubstr("whose path is not UTF-8"));
  PackageWriteOptions inside;
  inside.embedWeights = true;
  EXPECT_EQ(write(inside), "");
}

TEST_F(PackageTest, aFailureLeavesTheOldFileAlone) {
  std::ofstream(path) << "old";
  addWeightFile(folder / "weights.bin");
  PackageWriteOptions options;
  options.embedWeights = true;
  options.progress = [](int64_t, int64_t) { return false; };
  EXPECT_EQ(write(options), "interrupted");
  package.tensors.back().offset = 10; // past the end of the file
  options.progress = {};
  EXPECT_THAT(write(options), HasSubstr("tensor 'extra': expected 34 bytes"));
  package.weightFiles[0].path = (folder / "missing").string();
  EXPECT_THAT(write(options), HasSubstr("missing: cannot open"));
  EXPECT_EQ(contents().size(), 3u);
  EXPECT_EQ(filesInFolder(), 2u);
  path = (folder / "no" / "such").string();
  EXPECT_THAT(write(), HasSubstr("cannot create: No such file"));
  path = folder.string(); // a folder
  EXPECT_THAT(write(), HasSubstr("expected a regular file"));
}

TEST_F(PackageTest, refusesEveryTruncation) {
  ASSERT_EQ(write(), "");
  auto bytes = contents();
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 97)
    EXPECT_THAT(readError(std::span(bytes).first(size)), HasSubstr("x: "))
        << size;
}

TEST_F(PackageTest, refusesEveryDamagedByteThatItReads) {
  ASSERT_EQ(write(), "");
  auto bytes = contents();
  PackageFooter footer;
  std::memcpy(&footer, &bytes[bytes.size() - 64], 64);
  for (size_t at = footer.headerOffset; at < bytes.size(); at += 3) {
    bytes[at] ^= std::byte(1 + at % 255);
    EXPECT_NE(readError(bytes), "accepted") << at;
    bytes[at] ^= std::byte(1 + at % 255);
  }
  bytes[7] ^= std::byte(4); // in the code of the first target
  EXPECT_THAT(readError(bytes), HasSubstr("code of cpu-functions: the check"));
}

TEST_F(PackageTest, refusesForeignVersionsByName) {
  PackageLayout layout;
  layout.code.resize(1);
  nlohmann::json header = headerToJson(package, layout);
  header["abi"] = 99;
  header.erase("plan");
  auto read = headerFromJson(header, 4096, layout);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message,
              HasSubstr("abi version: expected " + std::to_string(abiVersion) +
                        ", found 99"));
}

struct BadHeader {
  const char *pointer;
  nlohmann::json value;
  const char *message;
};

TEST_F(PackageTest, refusesHeadersThatPointOutside) {
  addWeightFile(folder / "weights.bin");
  const BadHeader cases[] = {
      {"/targets/0/code/offset", 8192, "targets[0].code.offset"},
      {"/targets/0/code/offset", 100, "multiple of 4096"},
      {"/targets/0/code/bytes", 4097, "targets[0].code.bytes"},
      {"/targets/0/code/checksum", -1, "checksum"},
      {"/tokenizer/bytes", -1, "$.tokenizer.bytes"},
      {"/weights/blob/bytes", INT64_MAX, "$.weights.blob.bytes"},
      {"/weights/blob/bytes", 3, "tensors[0].bytes: expected at most 3"},
      {"/weights/tensors/1/offset", 10, "tensors[1].offset"},
      {"/weights/tensors/1/file", 1, "tensors[1].file"},
      {"/weights/tensors/1/file", -2, "tensors[1].file"},
      {"/weights/tensors/1/bytes", 33, "tensors[1].bytes"},
      {"/weights/tensors/1/columns", 33, "multiple of 32, found 33"},
      {"/weights/tensors/1/name", "bias", "came before"},
      {"/weights/tensors/1/type", "q9", "unknown element type"},
      {"/plan/kernels/0/scratch_bytes", nlohmann::json::array(),
       "expected one for each of 1 targets, found 0"},
      {"/generation/top_k", 1e10, "$.generation.top_k"},
  };
  PackageLayout layout;
  layout.code.resize(1);
  layout.weights.bytes = 4;
  nlohmann::json good = headerToJson(package, layout);
  PackageLayout unused;
  ASSERT_TRUE(headerFromJson(good, 4096, unused));
  for (const BadHeader &bad : cases) {
    nlohmann::json header = good;
    header[nlohmann::json::json_pointer(bad.pointer)] = bad.value;
    PackageLayout found;
    auto read = headerFromJson(header, 4096, found);
    ASSERT_FALSE(read) << bad.pointer;
    EXPECT_THAT(read.error().message, HasSubstr(bad.message));
  }
}

// What the fuzzer starts from must get past the versions: after a change of
// them, write these files again.
TEST(PackageSeeds, areAccepted) {
  int count = 0;
  for (const auto &seed :
       fs::directory_iterator("test/fuzz/corpus/PackageFuzzer")) {
    std::ifstream file(seed.path(), std::ios::binary);
    std::string header((std::istreambuf_iterator<char>(file)), {});
    auto package = readPackage(
        test::packageAround(std::as_bytes(std::span(header))), "x", nullptr);
    ASSERT_TRUE(package) << seed.path() << ": " << package.error().message;
    EXPECT_FALSE((*package)->plan.buckets[0].buffers.empty()) << seed.path();
    ++count;
  }
  EXPECT_GE(count, 2);
}

} // namespace
} // namespace quipu
