//===- CodeImage.cpp - Executable kernels ---------------------------------===//
//
// Checks the entry table before anything is called. What the code itself does
// is not checked: a package is a program.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cpu/CodeImage.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <sys/mman.h>

namespace quipu {

Result<CodeImage> CodeImage::load(std::span<const std::byte> image,
                                  std::string_view name) {
  auto failure = [&](const std::string &what) {
    return Error{"code image " + std::string(name) + ": " + what};
  };
  ImageHeader header;
  if (image.size() < sizeof header)
    return failure("expected at least " + std::to_string(sizeof header) +
                   " bytes, found " + std::to_string(image.size()));
  std::memcpy(&header, image.data(), sizeof header);
  if (header.magic != imageMagic)
    return failure("magic: this is no code image");
  uint64_t most = (image.size() - sizeof header) / sizeof(uint64_t);
  if (header.count > most)
    return failure("count: expected at most " + std::to_string(most) +
                   ", found " + std::to_string(header.count));

  auto memory =
      AnonymousMemory::allocate(static_cast<int64_t>(image.size()), "code",
                                AnonymousMemory::Pages::small);
  if (!memory)
    return memory.error();
  CodeImage code;
  code.memory = std::move(*memory);
  std::memcpy(code.memory.data(), image.data(), image.size());
  uint64_t tableEnd = sizeof header + header.count * sizeof(uint64_t);
  for (uint64_t i = 0; i < header.count; ++i) {
    uint64_t offset;
    std::memcpy(&offset, code.memory.data() + sizeof header + i * 8, 8);
    if (offset != 0 && (offset < tableEnd || offset >= image.size()))
      return failure("offset of kernel " + std::to_string(i) + ": expected " +
                     std::to_string(tableEnd) + " to " +
                     std::to_string(image.size() - 1) + ", found " +
                     std::to_string(offset));
    code.kernels.push_back(offset == 0 ? nullptr
                                       : reinterpret_cast<KernelFunction>(
                                             code.memory.data() + offset));
  }
  if (::mprotect(code.memory.data(), code.memory.bytes().size(),
                 PROT_READ | PROT_EXEC) != 0)
    return failure(std::string("cannot make it executable: ") +
                   std::strerror(errno));
  return code;
}

CodeImage CodeImage::fromFunctions(std::vector<KernelFunction> functions) {
  CodeImage code;
  code.kernels = std::move(functions);
  return code;
}

} // namespace quipu
