//===- PackageWriter.h - Makes package files --------------------*- C++ -*-===//
//
// Writes beside the destination and renames, so that a reader sees the old
// file or the new one and never a part.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_PACKAGEWRITER_H
#define QUIPU_RUNTIME_PACKAGE_PACKAGEWRITER_H

#include "base/Result.h"
#include "runtime/package/Package.h"

#include <cstdint>
#include <functional>
#include <string>

namespace quipu {

struct PackageWriteOptions {
  /// An executable to put in front, which then opens itself; the file becomes
  /// executable. Of a stub that carries a package already, only the executable
  /// part is taken. Empty: none.
  std::string stub;
  /// Copies every tensor into the package, streaming from mapped files.
  bool embedWeights = false;
  /// Told bytes of weights written; false gives up, leaving nothing behind.
  std::function<bool(int64_t done, int64_t total)> progress;
};

/// Writes `package` to `path`. Weight files that stay outside are recorded by
/// name alone when they lie in the same folder, else by absolute path. An
/// error leaves what was at `path` as it was.
Result<void> writePackage(const Package &package, const std::string &path,
                          const PackageWriteOptions &options);

} // namespace quipu

#endif // QUIPU_RUNTIME_PACKAGE_PACKAGEWRITER_H
