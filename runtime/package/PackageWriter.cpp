//===- PackageWriter.cpp - Makes package files ----------------------------===//
//
// Blobs go out in order and the header after them, when all offsets are known,
// so that weights of any size pass through without being held.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/PackageWriter.h"

#include "base/MappedFile.h"
#include "base/PendingFile.h"
#include "base/Utf8.h"
#include "runtime/package/PackageFormat.h"
#include "runtime/package/PackageReader.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace quipu {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t tensorAlignment = 64; // a cache line

/// The steps of writing one package.
class Writer {
public:
  Writer(const Package &package, const PackageWriteOptions &options,
         PendingFile &file)
      : package(package), options(options), file(file), header(package) {}

  Result<void> write(const std::string &path);

private:
  Result<void> padTo(uint64_t multiple);
  Result<void> writeStub();
  Result<PackageBlob> writeBlob(std::span<const std::byte> bytes);
  Result<void> writeWeights();
  Result<void> writeTensor(const WeightTensor &source, WeightTensor &written);
  Result<void> writeHeader();
  Result<std::span<const std::byte>> source(const WeightTensor &tensor);
  bool isEmbedded(const WeightTensor &tensor) const {
    return options.embedWeights || tensor.file == WeightTensor::inPackage;
  }
  Result<void> recordFiles(const std::string &path);

  const Package &package;
  const PackageWriteOptions &options;
  PendingFile &file;
  Package header; // as `package`, with what changes in the file
  PackageLayout layout;
  uint64_t stubBytes = 0;
  std::vector<std::optional<MappedFile>> mapped; // by weight file
  int64_t weightsDone = 0, weightsTotal = 0;
};

Result<void> Writer::write(const std::string &path) {
  if (auto done = writeStub(); !done)
    return done;
  for (const Target &target : package.targets) {
    auto blob = writeBlob(target.code);
    if (!blob)
      return blob.error();
    layout.code.push_back(*blob);
  }
  auto blob = writeBlob(package.tokenizer);
  if (!blob)
    return blob.error();
  layout.tokenizer = *blob;
  if (auto done = writeWeights(); !done)
    return done;
  if (auto done = recordFiles(path); !done)
    return done;
  return writeHeader();
}

Result<void> Writer::padTo(uint64_t multiple) {
  static constexpr std::byte zeros[packagePage] = {};
  uint64_t padding = (multiple - file.bytesWritten() % multiple) % multiple;
  return file.write({zeros, padding});
}

Result<void> Writer::writeStub() {
  if (options.stub.empty())
    return {};
  Result<MappedFile> stub = MappedFile::open(options.stub);
  if (!stub)
    return stub.error();
  auto bytes = stub->bytes();
  if (endsAsPackage(bytes)) {
    PackageFooter footer;
    std::memcpy(&footer, bytes.data() + bytes.size() - sizeof footer,
                sizeof footer);
    if (footer.stubBytes == 0 || footer.stubBytes > bytes.size())
      return Error{options.stub + ": expected an executable, found a package "
                                  "without one"};
    bytes = bytes.first(footer.stubBytes);
  }
  stubBytes = bytes.size();
  return file.write(bytes);
}

Result<PackageBlob> Writer::writeBlob(std::span<const std::byte> bytes) {
  if (auto done = padTo(packagePage); !done)
    return done.error();
  PackageBlob blob = {file.bytesWritten(), bytes.size(), checksum(bytes)};
  if (auto done = file.write(bytes); !done)
    return done.error();
  return blob;
}

Result<void> Writer::writeWeights() {
  if (auto done = padTo(packagePage); !done)
    return done;
  layout.weights.offset = file.bytesWritten();
  for (const WeightTensor &tensor : package.tensors)
    if (isEmbedded(tensor))
      weightsTotal += static_cast<int64_t>(tensor.bytes);
  mapped.resize(package.weightFiles.size());
  for (size_t i = 0; i < package.tensors.size(); ++i)
    if (isEmbedded(package.tensors[i]))
      if (auto done = writeTensor(package.tensors[i], header.tensors[i]); !done)
        return done;
  layout.weights.bytes = file.bytesWritten() - layout.weights.offset;
  return {};
}

Result<void> Writer::writeTensor(const WeightTensor &tensor,
                                 WeightTensor &written) {
  auto bytes = source(tensor);
  if (!bytes)
    return bytes.error();
  if (auto done = padTo(tensorAlignment); !done)
    return done;
  written.file = WeightTensor::inPackage;
  written.offset = file.bytesWritten() - layout.weights.offset;
  constexpr size_t chunk = size_t(16) << 20;
  for (size_t at = 0; at < bytes->size(); at += chunk) {
    auto part = bytes->subspan(at, std::min(chunk, bytes->size() - at));
    if (auto done = file.write(part); !done)
      return done;
    weightsDone += static_cast<int64_t>(part.size());
    if (options.progress && !options.progress(weightsDone, weightsTotal))
      return Error{"interrupted"};
  }
  return {};
}

/// The stored bytes of a tensor, from its file or from the package itself.
Result<std::span<const std::byte>> Writer::source(const WeightTensor &tensor) {
  std::span<const std::byte> bytes = package.weights;
  if (tensor.file != WeightTensor::inPackage) {
    const WeightFile &recorded = package.weightFiles[tensor.file];
    std::optional<MappedFile> &open = mapped[tensor.file];
    if (!open) {
      auto opened = MappedFile::open(weightFilePath(package, recorded));
      if (!opened)
        return opened.error();
      open.emplace(std::move(*opened));
    }
    bytes = open->bytes();
  }
  if (tensor.offset > bytes.size() ||
      tensor.bytes > bytes.size() - tensor.offset)
    return Error{"tensor '" + tensor.name + "': expected " +
                 std::to_string(tensor.bytes) + " bytes at offset " +
                 std::to_string(tensor.offset) + ", but the file has " +
                 std::to_string(bytes.size())};
  return bytes.subspan(tensor.offset, tensor.bytes);
}

Result<void> Writer::recordFiles(const std::string &path) {
  if (options.embedWeights) {
    header.weightFiles.clear();
    return {};
  }
  fs::path folder = fs::absolute(path).lexically_normal().parent_path();
  for (WeightFile &recorded : header.weightFiles) {
    fs::path place =
        fs::absolute(weightFilePath(package, recorded)).lexically_normal();
    recorded.path =
        (place.parent_path() == folder ? place.filename() : place).string();
    if (!isUtf8(recorded.path))
      return Error{recorded.path + ": a package cannot refer to a file whose "
                                   "path is not UTF-8"};
  }
  return {};
}

Result<void> Writer::writeHeader() {
  // Names from model files need not be UTF-8; JSON must be.
  std::string text =
      headerToJson(header, layout)
          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  auto bytes = std::as_bytes(std::span<const char>(text));
  PackageFooter footer = {};
  footer.magic = packageMagic;
  footer.format = packageFormatVersion;
  footer.stubBytes = stubBytes;
  footer.headerOffset = file.bytesWritten();
  footer.headerBytes = bytes.size();
  footer.headerChecksum = checksum(bytes);
  footer.fileBytes = file.bytesWritten() + bytes.size() + sizeof footer;
  auto footerBytes = std::as_bytes(std::span(&footer, 1));
  footer.footerChecksum = checksum(footerBytes.first(56));
  if (auto done = file.write(bytes); !done)
    return done;
  return file.write(footerBytes);
}

} // namespace

Result<void> writePackage(const Package &package, const std::string &path,
                          const PackageWriteOptions &options) {
  Result<PendingFile> file = PendingFile::create(path, !options.stub.empty());
  if (!file)
    return file.error();
  if (auto done = Writer(package, options, *file).write(path); !done)
    return done;
  return file->commit();
}

} // namespace quipu
