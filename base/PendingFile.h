//===- PendingFile.h - A file that appears when it is complete --*- C++ -*-===//
//
// Everything that Quipu writes goes beside its place first and is renamed at
// the end, so that nobody ever sees half of it and a failure leaves no trace.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_BASE_PENDINGFILE_H
#define QUIPU_BASE_PENDINGFILE_H

#include "base/Result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace quipu {

class PendingFile {
public:
  /// Begins a file that will stand at `path`. What stands there must be a
  /// regular file or nothing: a rename would replace a device like /dev/null.
  static Result<PendingFile> create(const std::string &path,
                                    bool executable = false);
  PendingFile(PendingFile &&other) noexcept;
  /// Without commit(), removes what was written.
  ~PendingFile();

  Result<void> write(std::span<const std::byte> bytes);

  uint64_t bytesWritten() const { return size; }

  /// Puts the file in place, on disk.
  Result<void> commit();

private:
  PendingFile() = default;
  Error failure(const char *what) const;

  std::string path;
  std::string partial; // empty: nothing to remove
  int descriptor = -1;
  uint64_t size = 0;
};

} // namespace quipu

#endif // QUIPU_BASE_PENDINGFILE_H
