//===- PackageReader.h - Opens package files --------------------*- C++ -*-===//
//
// Maps a file and checks all of it but weights and code themselves. A package
// is a program: its code is run as it stands.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_PACKAGEREADER_H
#define QUIPU_RUNTIME_PACKAGE_PACKAGEREADER_H

#include "base/Result.h"
#include "runtime/package/Package.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace quipu {

/// Whether the file ends as a package does. For telling files apart, and for an
/// executable that wonders whether a package is behind it.
bool endsAsPackage(std::span<const std::byte> file);

/// Maps the package at `path`. Errors name the path and what is wrong.
Result<std::shared_ptr<const Package>> readPackage(const std::string &path);

/// As above from the bytes of a file, which `owner` keeps alive. `path` is for
/// messages and for finding weight files beside it.
Result<std::shared_ptr<const Package>>
readPackage(std::span<const std::byte> file, const std::string &path,
            std::shared_ptr<const void> owner);

} // namespace quipu

#endif // QUIPU_RUNTIME_PACKAGE_PACKAGEREADER_H
