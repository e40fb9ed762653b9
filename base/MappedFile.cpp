//===- MappedFile.cpp - A file's bytes, read-only -------------------------===//
//
// mmap with the checks that make a mapping safe to hand around: only regular
// files (a pipe or a device has no size), and errors that name the path.
//
//===----------------------------------------------------------------------===//

#include "base/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quipu {

Result<MappedFile> MappedFile::open(const std::string &path, uint64_t most) {
  auto failure = [&](const char *what) {
    return Error{path + ": cannot " + what + ": " + std::strerror(errno)};
  };
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return failure("open");
  struct stat status;
  if (::fstat(descriptor, &status) != 0) {
    Error error = failure("stat");
    ::close(descriptor);
    return error;
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return Error{path + ": expected a regular file"};
  }
  auto size = static_cast<size_t>(status.st_size);
  if (size > most) {
    ::close(descriptor);
    return Error{path + ": has " + std::to_string(size) +
                 " bytes, expected at most " + std::to_string(most)};
  }
  if (size == 0) {
    ::close(descriptor);
    return MappedFile(path, {});
  }
  void *address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED) {
    Error error = failure("map");
    ::close(descriptor);
    return error;
  }
  ::close(descriptor); // the mapping keeps the file alive
  return MappedFile(path, {static_cast<const std::byte *>(address), size});
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : filePath(std::move(other.filePath)),
      mapping(std::exchange(other.mapping, {})) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(filePath, other.filePath);
  std::swap(mapping, other.mapping);
  return *this;
}

MappedFile::~MappedFile() {
  if (!mapping.empty())
    ::munmap(const_cast<std::byte *>(mapping.data()), mapping.size());
}

} // namespace quipu
