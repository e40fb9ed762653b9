//===- CpuVariant.h - The CPUs that code is emitted for ---------*- C++ -*-===//
//
// A package holds one code image per variant; the runtime picks the best one
// that the processor can run.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_CPUVARIANT_H
#define QUIPU_KERNELS_CPU_CPUVARIANT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace quipu {

struct CpuVariant {
  llvm::StringLiteral name;     // of the package's target
  llvm::StringLiteral cpu;      // LLVM's name of the base architecture
  llvm::StringLiteral features; // LLVM's additions to it
  int64_t lanes;                // f32 lanes of a vector register
  int64_t registers;            // vector registers
  bool dotBf16;                 // has vdpbf16ps
};

inline constexpr CpuVariant cpuVariants[] = {
    {"cpu-x86-64-v3", "x86-64-v3", "", 8, 16, false},
    {"cpu-x86-64-v4", "x86-64-v4", "-prefer-256-bit", 16, 32, false},
    {"cpu-x86-64-v4-bf16", "x86-64-v4",
     "-prefer-256-bit,+avx512vnni,+avx512bf16", 16, 32, true},
};

/// The variant called `name`, or null.
inline const CpuVariant *findCpuVariant(llvm::StringRef name) {
  for (const CpuVariant &variant : cpuVariants)
    if (variant.name == name)
      return &variant;
  return nullptr;
}

} // namespace quipu

#endif // QUIPU_KERNELS_CPU_CPUVARIANT_H
