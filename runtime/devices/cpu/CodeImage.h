//===- CodeImage.h - Executable kernels -------------------------*- C++ -*-===//
//
// A flat code image (KernelAbi.h) made executable. It has no imports, no
// relocations and no writable data, so that running it takes only a copy.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CPU_CODEIMAGE_H
#define QUIPU_RUNTIME_DEVICES_CPU_CODEIMAGE_H

#include "base/Result.h"
#include "runtime/memory/AnonymousMemory.h"
#include "runtime/package/KernelAbi.h"

#include <span>
#include <string_view>
#include <vector>

namespace quipu {

/// Owns the memory of its kernels.
class CodeImage {
public:
  /// Copies `image` into memory of its own and makes that executable and
  /// read-only. A copy (under a megabyte) also works where the package lies on
  /// a file system that is mounted noexec, and cannot change after its checks.
  /// `name` is for messages.
  static Result<CodeImage> load(std::span<const std::byte> image,
                                std::string_view name);

  /// An image of functions of this program, for tests of what is around it.
  static CodeImage fromFunctions(std::vector<KernelFunction> functions);

  /// The kernel of an index, or null where the image lacks it.
  KernelFunction kernel(int64_t index) const {
    return index < int64_t(kernels.size()) ? kernels[index] : nullptr;
  }

private:
  AnonymousMemory memory;
  std::vector<KernelFunction> kernels;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_DEVICES_CPU_CODEIMAGE_H
