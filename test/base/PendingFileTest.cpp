//===- PendingFileTest.cpp - A file that appears when it is complete ------===//
//
// What others see of a file while it is written, and what is never replaced.
//
//===----------------------------------------------------------------------===//

#include "base/PendingFile.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <unistd.h>

namespace quipu {
namespace {

namespace fs = std::filesystem;

class PendingFileTest : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) /
             ("quipu-pending-" + std::to_string(::getpid()));
    fs::create_directories(folder);
    path = folder / "file";
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string contents() {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  ptrdiff_t filesInFolder() {
    return std::distance(fs::directory_iterator(folder), {});
  }
  void write(PendingFile &file, std::string_view text) {
    ASSERT_TRUE(file.write(std::as_bytes(std::span(text))));
  }

  fs::path folder, path;
};

TEST_F(PendingFileTest, replacesAtTheEndOnly) {
  std::ofstream(path) << "old";
  Result<PendingFile> file = PendingFile::create(path);
  ASSERT_TRUE(file) << file.error().message;
  write(*file, "new");
  EXPECT_EQ(contents(), "old");
  EXPECT_EQ(file->bytesWritten(), 3u);
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(contents(), "new");
  EXPECT_EQ(filesInFolder(), 1);
}

TEST_F(PendingFileTest, leavesNothingWithoutCommit) {
  {
    Result<PendingFile> file = PendingFile::create(path);
    ASSERT_TRUE(file) << file.error().message;
    write(*file, "new");
  }
  EXPECT_EQ(filesInFolder(), 0);
}

TEST_F(PendingFileTest, twoWritersOfOneFileDoNotMeet) {
  Result<PendingFile> one = PendingFile::create(path);
  Result<PendingFile> two = PendingFile::create(path);
  ASSERT_TRUE(one && two);
  write(*one, "one");
  write(*two, "two");
  ASSERT_TRUE(two->commit());
  ASSERT_TRUE(one->commit());
  EXPECT_EQ(contents(), "one");
}

TEST_F(PendingFileTest, replacesNoDeviceAndNoFolder) {
  for (const char *place : {"/dev/null", "/tmp"}) {
    Result<PendingFile> file = PendingFile::create(place);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().message,
              std::string(place) +
                  ": cannot create: expected a regular file or none");
  }
}

} // namespace
} // namespace quipu
