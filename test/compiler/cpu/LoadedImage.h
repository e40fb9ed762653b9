//===- LoadedImage.h - Code images mapped for a test ------------*- C++ -*-===//
//
// Maps a code image as the runtime does, and says which variants this processor
// can run.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_COMPILER_CPU_LOADEDIMAGE_H
#define QUIPU_TEST_COMPILER_CPU_LOADEDIMAGE_H

#include "compiler/cpu/CpuImage.h"
#include "runtime/package/KernelAbi.h"

namespace quipu::test {

/// An image in memory that is read and executed and never written.
class LoadedImage {
public:
  /// Aborts when memory cannot be mapped.
  explicit LoadedImage(const CpuImage &image);
  ~LoadedImage();
  LoadedImage(const LoadedImage &) = delete;
  LoadedImage &operator=(const LoadedImage &) = delete;

  /// Start of the image, and of entry `index` as its own header says.
  const char *base() const { return memory; }
  KernelFunction entry(size_t index) const;

private:
  char *memory;
  size_t bytes;
};

/// True if this processor has what `variant` needs.
bool canRun(const CpuVariant &variant);

} // namespace quipu::test

#endif // QUIPU_TEST_COMPILER_CPU_LOADEDIMAGE_H
