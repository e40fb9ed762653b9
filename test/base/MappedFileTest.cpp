//===- MappedFileTest.cpp -------------------------------------------------===//

#include "base/MappedFile.h"

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

} // namespace
} // namespace quipu
