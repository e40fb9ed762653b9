//===- Ptxas.h - What NVIDIA's assembler makes of PTX -----------*- C++ -*-===//
//
// Assembles PTX where `ptxas` is found, to learn what a kernel takes on a GPU
// and that a driver will take it. Nothing else needs it: drivers compile PTX by
// themselves.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_NVPTX_PTXAS_H
#define QUIPU_COMPILER_NVPTX_PTXAS_H

#include "runtime/package/Plan.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>

namespace quipu {

/// Path of ptxas: in PATH, else in $CUDA_HOME/bin, or where CUDA_HOME is not
/// set in /usr/local/cuda/bin; nothing where there is none.
std::optional<std::string> findPtxas();

/// Why findPtxas() found nothing, for messages.
inline constexpr llvm::StringLiteral withoutPtxas =
    "ptxas is not in PATH, $CUDA_HOME/bin or /usr/local/cuda/bin";

/// Assembles `ptx` for `target` ("sm_80") with the program at `ptxas` and
/// throws the result away. Returns what each entry takes, by its name. The
/// error is ptxas's first one, with the target and the entry that it is about:
/// "sm_80: kernel 'matvec_0': ptxas: Unknown symbol 'x' (line 70)".
llvm::Expected<llvm::StringMap<plan::Resources>>
assemble(const std::string &ptxas, llvm::StringRef ptx, llvm::StringRef target);

} // namespace quipu

#endif // QUIPU_COMPILER_NVPTX_PTXAS_H
