//===- PendingFile.cpp - A file that appears when it is complete ----------===//
//
// The name beside the place holds the process id, so that two processes that
// write the same file, as two first runs of a model do, never share bytes.
//
//===----------------------------------------------------------------------===//

#include "base/PendingFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quipu {

Result<PendingFile> PendingFile::create(const std::string &path,
                                        bool executable) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return Error{path + ": cannot create: expected a regular file or none"};
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
  return file.failure("create");
}

PendingFile::PendingFile(PendingFile &&other) noexcept
    : path(std::move(other.path)), partial(std::exchange(other.partial, {})),
      descriptor(std::exchange(other.descriptor, -1)), size(other.size) {}

PendingFile::~PendingFile() {
  if (descriptor >= 0)
    ::close(descriptor);
  if (!partial.empty())
    ::unlink(partial.c_str());
}

Error PendingFile::failure(const char *what) const {
  return Error{path + ": cannot " + what + ": " + std::strerror(errno)};
}

Result<void> PendingFile::write(std::span<const std::byte> bytes) {
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

Result<void> PendingFile::commit() {
  if (::fsync(descriptor) != 0)
    return failure("write");
  if (::close(std::exchange(descriptor, -1)) != 0)
    return failure("close");
  if (::rename(partial.c_str(), path.c_str()) != 0)
    return failure("replace");
  partial.clear();
  return {};
}

} // namespace quipu
