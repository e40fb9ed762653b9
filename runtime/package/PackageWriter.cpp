//===- PackageWriter.cpp - Makes package files ----------------------------===//
//
// Blobs go out in order and the header after them, when all offsets are known,
// so that weights of any size pass through without being held.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/PackageWriter.h"

#include "base/MappedFile.h"
#include "runtime/package/PackageFormat.h"
#include "runtime/package/PackageReader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace quipu {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t tensorAlignment = 64; // a cache line

/// A file that appears at its path only when it is complete.
class PendingFile {
public:
  static Result<PendingFile> create(const std::string &path, bool executable) {
    PendingFile file;
    file.path = path;
    for (int attempt = 0; attempt < 100; ++attempt) {
      file.partial = path + ".partial-" + std::to_string(::getpid()) + "-" +
                     std::to_string(attempt);
      file.descriptor =
          ::open(file.partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                 executable ? 0777 : 0666); // less the umask
      if (file.descriptor >= 0)
        return file;
      if (errno != EEXIST)
        break;
    }
    file.partial.clear(); // not ours to remove
    return Error{path + ": cannot create: " + std::strerror(errno)};
  }
  PendingFile(PendingFile &&other) noexcept
      : path(std::move(other.path)), partial(std::exchange(other.partial, {})),
        descriptor(std::exchange(other.descriptor, -1)), size(other.size) {}
  ~PendingFile() {
    if (descriptor >= 0)
      ::close(descriptor);
    if (!partial.empty())
      ::unlink(partial.c_str());
  }

  uint64_t bytesWritten() const { return size; }

  Result<void> write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        return failure("write");
      bytes = bytes.subspan(static_cast<size_t>(count));
      size += static_cast<uint64_t>(count);
    }
    return {};
  }

  Result<void> padTo(uint64_t multiple) {
    static constexpr std::byte zeros[packagePage] = {};
    uint64_t padding = (multiple - size % multiple) % multiple;
    return write({zeros, padding});
  }

  /// Puts the file in place.
  Result<void> commit() {
    if (::fsync(descriptor) != 0)
      return failure("write");
    if (::close(std::exchange(descriptor, -1)) != 0)
      return failure("close");
    if (::rename(partial.c_str(), path.c_str()) != 0)
      return failure("replace");
    partial.clear();
    return {};
  }

private:
  PendingFile() = default;
  Error failure(const char *what) const {
    return Error{path + ": cannot " + what + ": " + std::strerror(errno)};
  }

  std::string path;
  std::string partial; // empty: nothing to remove
  int descriptor = -1;
  uint64_t size = 0;
};

/// The steps of writing one package.
class Writer {
public:
  Writer(const Package &package, const PackageWriteOptions &options,
         PendingFile &file)
      : package(package), options(options), file(file), header(package) {}

  Result<void> write(const std::string &path);

private:
  Result<void> writeStub();
  Result<PackageBlob> writeBlob(std::span<const std::byte> bytes);
  Result<void> writeWeights();
  Result<void> writeTensor(const WeightTensor &source, WeightTensor &written);
  Result<void> writeHeader();
  Result<std::span<const std::byte>> source(const WeightTensor &tensor);
  bool isEmbedded(const WeightTensor &tensor) const {
    return options.embedWeights || tensor.file == WeightTensor::inPackage;
  }
  void recordFiles(const std::string &path);

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
  recordFiles(path);
  return writeHeader();
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
  if (auto done = file.padTo(packagePage); !done)
    return done.error();
  PackageBlob blob = {file.bytesWritten(), bytes.size(), checksum(bytes)};
  if (auto done = file.write(bytes); !done)
    return done.error();
  return blob;
}

Result<void> Writer::writeWeights() {
  if (auto done = file.padTo(packagePage); !done)
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
  if (auto done = file.padTo(tensorAlignment); !done)
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

void Writer::recordFiles(const std::string &path) {
  if (options.embedWeights) {
    header.weightFiles.clear();
    return;
  }
  fs::path folder = fs::absolute(path).lexically_normal().parent_path();
  for (WeightFile &recorded : header.weightFiles) {
    fs::path place =
        fs::absolute(weightFilePath(package, recorded)).lexically_normal();
    recorded.path =
        (place.parent_path() == folder ? place.filename() : place).string();
  }
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
