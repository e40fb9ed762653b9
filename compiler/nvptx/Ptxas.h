//===- Ptxas.h - What NVIDIA's assembler makes of PTX -----------*- C++ -*-===//
//
// Assembles PTX where `ptxas` is found, to learn what a kernel takes on a GPU
// and that a driver will take it. Nothing else needs it: drivers compile PTX by
// themselves.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_NVPTX_PTXAS_H
#define QUIPU_COMPILER_NVPTX_PTXAS_H

#include "base/Result.h"
#include "runtime/package/Plan.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace quipu {

/// Path of ptxas: in PATH, else in $CUDA_HOME/bin, or where CUDA_HOME is not
/// set in /usr/local/cuda/bin. The error says where there is none.
Result<std::string> findPtxas();

/// What ptxas found of the code of a target.
struct Assembled {
  llvm::StringMap<plan::Resources> resources; // by entry
  /// Why it was not assembled, in a way that is no fault of the code: a ptxas
  /// that does not know the target or the version of PTX, or that crashed, no
  /// room for a file. Empty where it was.
  std::string failure;
};

/// Assembles `ptx` for `target` ("sm_80") with the program at `ptxas` and
/// throws the result away. The error is the first fault that ptxas names in the
/// code, with the target and the entry that it is about:
/// "sm_80: kernel 'matvec_0': ptxas: Unknown symbol 'x' (line 70)".
Result<Assembled> assemble(const std::string &ptxas, llvm::StringRef ptx,
                           llvm::StringRef target);

} // namespace quipu

#endif // QUIPU_COMPILER_NVPTX_PTXAS_H
