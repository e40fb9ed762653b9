//===- GeneratePtx.h - From emitted functions to PTX ------------*- C++ -*-===//
//
// The GPU back end: entries of the GPU kernel ABI, as kernels/nvptx emits them,
// become one PTX module that a driver compiles for its GPU.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_NVPTX_GENERATEPTX_H
#define QUIPU_COMPILER_NVPTX_GENERATEPTX_H

#include "kernels/nvptx/GpuTarget.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace quipu {

/// PTX of every kernel of a plan for one target.
struct GpuCode {
  std::string ptx;
  std::vector<int64_t> sharedBytes; // by entry: dynamic, of a block
};

/// Registers the dialects and interfaces that the back end lowers through.
void registerGpuBackend(mlir::DialectRegistry &registry);

/// Compiles the functions of `emitted`, which is left as it is, for `target`.
/// `entries` name them; an empty name leaves a gap in sharedBytes. Errors name
/// the function: an entry that `emitted` lacks, an op that cannot be lowered.
llvm::Expected<GpuCode> generatePtx(mlir::ModuleOp emitted,
                                    const GpuTarget &target,
                                    llvm::ArrayRef<llvm::StringRef> entries);

/// The optimized LLVM IR of the same code, as text.
llvm::Expected<std::string> printGpuLlvm(mlir::ModuleOp emitted,
                                         const GpuTarget &target);

} // namespace quipu

#endif // QUIPU_COMPILER_NVPTX_GENERATEPTX_H
