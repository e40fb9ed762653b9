//===- PackageBytes.h - A package around a header ---------------*- C++ -*-===//
//
// Any header as a file whose checksums are right, so that what is wrong with
// the header itself is found. One page of zeros stands for the blobs.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_FUZZ_PACKAGEBYTES_H
#define QUIPU_TEST_FUZZ_PACKAGEBYTES_H

#include "runtime/package/PackageFormat.h"

namespace quipu::test {

inline std::vector<std::byte> packageAround(std::span<const std::byte> header) {
  std::vector<std::byte> file(packagePage);
  file.insert(file.end(), header.begin(), header.end());
  PackageFooter footer = {};
  footer.magic = packageMagic;
  footer.format = static_cast<uint64_t>(packageFormatVersion);
  footer.headerOffset = packagePage;
  footer.headerBytes = header.size();
  footer.headerChecksum = checksum(header);
  footer.fileBytes = file.size() + sizeof footer;
  auto bytes = std::as_bytes(std::span(&footer, 1));
  footer.footerChecksum = checksum(bytes.first(56));
  file.insert(file.end(), bytes.begin(), bytes.end());
  return file;
}

} // namespace quipu::test

#endif // QUIPU_TEST_FUZZ_PACKAGEBYTES_H
