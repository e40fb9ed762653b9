//===- PackageReader.cpp - Opens package files ----------------------------===//
//
// Footer, then header, then blobs: each checked before it is believed.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/PackageReader.h"

#include "base/MappedFile.h"
#include "runtime/package/PackageFormat.h"

#include <cstring>
#include <nlohmann/json.hpp>

namespace quipu {
namespace {

Result<PackageFooter> readFooter(std::span<const std::byte> file) {
  PackageFooter footer;
  if (!endsAsPackage(file))
    return Error{"this is no quipu package: the footer is missing"};
  std::memcpy(&footer, file.data() + file.size() - sizeof footer,
              sizeof footer);
  uint64_t sum = checksum(file.last(sizeof footer).first(56));
  if (footer.footerChecksum != sum)
    return Error{"footer: the checksum does not match; the file is damaged"};
  if (footer.format != uint64_t(packageFormatVersion))
    return Error{"format version: expected " +
                 std::to_string(packageFormatVersion) + ", found " +
                 std::to_string(footer.format) +
                 "; compile the model with this version of quipu"};
  if (footer.fileBytes != file.size())
    return Error{"size: expected " + std::to_string(footer.fileBytes) +
                 " bytes, found " + std::to_string(file.size()) +
                 "; the file is damaged"};
  uint64_t end = file.size() - sizeof footer;
  if (footer.stubBytes > end || footer.headerOffset > end ||
      footer.headerBytes > end - footer.headerOffset)
    return Error{"footer: header: expected within " + std::to_string(end) +
                 " bytes, found " + std::to_string(footer.headerBytes) +
                 " bytes at offset " + std::to_string(footer.headerOffset)};
  return footer;
}

Result<std::span<const std::byte>> checkedBlob(std::span<const std::byte> file,
                                               const PackageBlob &blob,
                                               const std::string &what) {
  auto bytes = file.subspan(blob.offset, blob.bytes);
  if (checksum(bytes) != blob.checksum)
    return Error{what + ": the checksum does not match; the file is damaged"};
  return bytes;
}

Result<Package> read(std::span<const std::byte> file) {
  Result<PackageFooter> footer = readFooter(file);
  if (!footer)
    return footer.error();
  auto headerBytes = file.subspan(footer->headerOffset, footer->headerBytes);
  if (checksum(headerBytes) != footer->headerChecksum)
    return Error{"header: the checksum does not match; the file is damaged"};
  const char *text = reinterpret_cast<const char *>(headerBytes.data());
  nlohmann::json header =
      nlohmann::json::parse(text, text + headerBytes.size(), nullptr, false);
  if (header.is_discarded())
    return Error{"header: expected JSON"};
  PackageLayout layout;
  Result<Package> package = headerFromJson(header, file.size(), layout);
  if (!package)
    return package;
  for (size_t i = 0; i < package->targets.size(); ++i) {
    Target &target = package->targets[i];
    auto code = checkedBlob(file, layout.code[i], "code of " + target.name);
    if (!code)
      return code.error();
    target.code = *code;
  }
  auto tokenizer = checkedBlob(file, layout.tokenizer, "tokenizer");
  if (!tokenizer)
    return tokenizer.error();
  package->tokenizer = *tokenizer;
  package->weights = file.subspan(layout.weights.offset, layout.weights.bytes);
  return package;
}

} // namespace

bool endsAsPackage(std::span<const std::byte> file) {
  if (file.size() < sizeof(PackageFooter))
    return false;
  uint64_t magic;
  std::memcpy(&magic, file.data() + file.size() - sizeof(PackageFooter),
              sizeof magic);
  return magic == packageMagic;
}

Result<std::shared_ptr<const Package>> readPackage(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  auto owner = std::make_shared<const MappedFile>(std::move(*file));
  return readPackage(owner->bytes(), path, owner);
}

Result<std::shared_ptr<const Package>>
readPackage(std::span<const std::byte> file, const std::string &path,
            std::shared_ptr<const void> owner) {
  Result<Package> package = read(file);
  if (!package)
    return Error{path + ": " + package.error().message};
  package->path = path;
  package->owners.push_back(std::move(owner));
  return std::shared_ptr<const Package>(
      std::make_shared<Package>(std::move(*package)));
}

} // namespace quipu
