//===- Package.cpp - A compiled model in memory ---------------------------===//
//
// Where things named by a package are.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/Package.h"

#include <filesystem>

namespace quipu {

std::string weightFilePath(const Package &package, const WeightFile &file) {
  std::filesystem::path path = file.path;
  if (path.is_relative() && !package.path.empty())
    path = std::filesystem::path(package.path).parent_path() / path;
  return path.string();
}

} // namespace quipu
