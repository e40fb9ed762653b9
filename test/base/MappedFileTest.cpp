//===- MappedFileTest.cpp -------------------------------------------------===//

#include "base/MappedFile.h"

#include <fstream>
#include <gtest/gtest.h>

namespace quipu {
namespace {

TEST(MappedFile, MissingFileNamesThePath) {
  Result<MappedFile> file = MappedFile::open("/nonexistent/model.gguf");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "/nonexistent/model.gguf: cannot open: "
                                  "No such file or directory");
}

TEST(MappedFile, FolderIsRefused) {
  Result<MappedFile> file = MappedFile::open("/tmp");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "/tmp: expected a regular file");
}

TEST(MappedFile, MoreThanExpectedIsRefused) {
  std::string path = testing::TempDir() + "/five-bytes";
  std::ofstream(path) << "12345";
  EXPECT_TRUE(MappedFile::open(path, 5));
  Result<MappedFile> file = MappedFile::open(path, 4);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, path + ": has 5 bytes, expected at most 4");
}

} // namespace
} // namespace quipu
