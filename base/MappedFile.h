//===- MappedFile.h - A file's bytes, read-only -----------------*- C++ -*-===//
//
// Model files and packages are read through the page cache and never copied;
// this owns one such mapping.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_BASE_MAPPEDFILE_H
#define QUIPU_BASE_MAPPEDFILE_H

#include "base/Result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace quipu {

/// Owns a read-only private mapping of one whole file. The bytes stay where
/// they are when the object moves.
class MappedFile {
public:
  /// Maps the regular file at `path`; an empty file gives empty bytes. One of
  /// more than `most` bytes is an error: readers of text and protocols that
  /// copy all they read say what they expect at most.
  static Result<MappedFile> open(const std::string &path,
                                 uint64_t most = UINT64_MAX);

  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return mapping; }
  const std::string &path() const { return filePath; }

private:
  MappedFile(std::string path, std::span<const std::byte> mapping)
      : filePath(std::move(path)), mapping(mapping) {}

  std::string filePath;
  std::span<const std::byte> mapping; // page-aligned; empty for no mapping
};

} // namespace quipu

#endif // QUIPU_BASE_MAPPEDFILE_H
