//===- LoadedImage.cpp - Code images mapped for a test --------------------===//
//
// Written to anonymous memory, then made executable.
//
//===----------------------------------------------------------------------===//

#include "test/compiler/cpu/LoadedImage.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

using namespace quipu;
using namespace quipu::test;

LoadedImage::LoadedImage(const CpuImage &image) : bytes(image.bytes.size()) {
  void *mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    abort();
  memory = static_cast<char *>(mapped);
  std::memcpy(memory, image.bytes.data(), bytes);
  if (mprotect(memory, bytes, PROT_READ | PROT_EXEC) != 0)
    abort();
}

LoadedImage::~LoadedImage() { munmap(memory, bytes); }

KernelFunction LoadedImage::entry(size_t index) const {
  uint64_t offset;
  std::memcpy(&offset, memory + sizeof(ImageHeader) + 8 * index, 8);
  return reinterpret_cast<KernelFunction>(memory + offset);
}

bool test::canRun(const CpuVariant &variant) {
  if (variant.dotBf16)
    return __builtin_cpu_supports("avx512bf16") &&
           __builtin_cpu_supports("avx512vnni");
  if (variant.lanes == 16)
    return __builtin_cpu_supports("x86-64-v4");
  return __builtin_cpu_supports("x86-64-v3");
}
