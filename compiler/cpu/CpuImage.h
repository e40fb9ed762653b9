//===- CpuImage.h - From emitted functions to a flat code image -*- C++ -*-===//
//
// The CPU back end: functions of the CPU kernel ABI, as kernels/cpu emits them,
// become one position-independent image that a runtime maps and calls. See
// runtime/package/KernelAbi.h for the image's header.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_CPU_CPUIMAGE_H
#define QUIPU_COMPILER_CPU_CPUIMAGE_H

#include "kernels/cpu/CpuVariant.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace quipu {

/// Code that runs wherever it is mapped: no imports, no relocations and no
/// writable data.
struct CpuImage {
  std::vector<char> bytes;           // ImageHeader, offsets, code, constants
  std::vector<uint64_t> offsets;     // by entry; 0 where the image lacks one
  std::vector<int64_t> scratchBytes; // by entry; 0 where it needs none
};

/// Registers the dialects and interfaces that the back end lowers through.
void registerCpuBackend(mlir::DialectRegistry &registry);

/// Compiles the functions called `entries` of `emitted`, which is left as it
/// is, for `variant`. Entry i of the image is entries[i]; an empty name leaves
/// a gap. Functions that entries call are compiled with them.
///
/// Errors name the function or symbol: an entry that `emitted` lacks, an op
/// that cannot be lowered, a call to a function outside the image, data that
/// would be written or need a relocation.
llvm::Expected<CpuImage> buildCpuImage(mlir::ModuleOp emitted,
                                       const CpuVariant &variant,
                                       llvm::ArrayRef<llvm::StringRef> entries);

/// The optimized LLVM IR of the same code, as text.
llvm::Expected<std::string>
printCpuLlvm(mlir::ModuleOp emitted, const CpuVariant &variant,
             llvm::ArrayRef<llvm::StringRef> entries);

/// The assembly of the same code, as text.
llvm::Expected<std::string>
printCpuAssembly(mlir::ModuleOp emitted, const CpuVariant &variant,
                 llvm::ArrayRef<llvm::StringRef> entries);

} // namespace quipu

#endif // QUIPU_COMPILER_CPU_CPUIMAGE_H
