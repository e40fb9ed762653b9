//===- Ptxas.h - What NVIDIA's assembler makes of PTX -----------*- C++ -*-===//
//
// Assembles PTX where `ptxas` is found, to learn what a kernel takes on a GPU.
// Nothing else needs it: drivers compile PTX by themselves.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_NVPTX_PTXAS_H
#define QUIPU_COMPILER_NVPTX_PTXAS_H

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>

namespace quipu {

/// What one kernel takes, a thread.
struct RegisterUse {
  int64_t registers = 0;
  int64_t stackBytes = 0;
  int64_t spillBytes = 0; // stored and loaded
};

/// Path of ptxas: in PATH, in $CUDA_HOME/bin or in /usr/local/cuda/bin; nothing
/// where there is none.
std::optional<std::string> findPtxas();

/// Assembles `ptx` for `target` ("sm_80") with the program at `ptxas` and
/// throws the result away. Returns what each entry takes, by its name. The
/// error is ptxas's first one.
llvm::Expected<llvm::StringMap<RegisterUse>>
assemble(const std::string &ptxas, llvm::StringRef ptx, llvm::StringRef target);

} // namespace quipu

#endif // QUIPU_COMPILER_NVPTX_PTXAS_H
