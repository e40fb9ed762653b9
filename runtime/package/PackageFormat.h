//===- PackageFormat.h - The bytes of a package file ------------*- C++ -*-===//
//
// A package file is: an optional executable stub, page-aligned blobs (code,
// tokenizer, weights), a JSON header, and this footer in the last 64 bytes. The
// footer comes last so that a stub in front needs no changes.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_PACKAGEFORMAT_H
#define QUIPU_RUNTIME_PACKAGE_PACKAGEFORMAT_H

#include "base/Result.h"
#include "runtime/package/Package.h"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

namespace quipu {

/// Version of this file's layout and of the header's members.
inline constexpr int64_t packageFormatVersion = 1;

inline constexpr uint64_t packageMagic = 0x474b505550495551; // "QUIPUPKG"
inline constexpr uint64_t packagePage = 4096; // alignment of blobs

/// Little-endian, at fileBytes - 64. Offsets are from the start of the file.
struct PackageFooter {
  uint64_t magic; // packageMagic
  uint64_t format;
  uint64_t fileBytes; // of the whole file, this footer included
  uint64_t stubBytes; // of the executable in front; 0: none
  uint64_t headerOffset;
  uint64_t headerBytes;
  uint64_t headerChecksum;
  uint64_t footerChecksum; // of the 56 bytes before it
};
static_assert(sizeof(PackageFooter) == 64);

/// FNV-1a over little-endian 64-bit words, then over the bytes that are left.
/// It finds damage; it does not withstand intent.
uint64_t checksum(std::span<const std::byte> bytes);

/// A byte range of the file.
struct PackageBlob {
  uint64_t offset = 0; // a multiple of packagePage
  uint64_t bytes = 0;
  uint64_t checksum = 0; // 0 for weights, which are too many to read
};

/// Where the blobs of a package are.
struct PackageLayout {
  std::vector<PackageBlob> code; // by target
  PackageBlob tokenizer;
  PackageBlob weights;
};

/// The header of a package. Everything but the blobs' bytes is in it.
nlohmann::json headerToJson(const Package &package,
                            const PackageLayout &layout);

/// Reads and checks a header of a file of `fileBytes`; blobs lie within it, and
/// tensors within their files. The spans of the package are still empty.
Result<Package> headerFromJson(const nlohmann::json &header, uint64_t fileBytes,
                               PackageLayout &layout);

} // namespace quipu

#endif // QUIPU_RUNTIME_PACKAGE_PACKAGEFORMAT_H
