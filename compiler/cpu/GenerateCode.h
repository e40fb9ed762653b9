//===- GenerateCode.h - LLVM dialect to machine code ------------*- C++ -*-===//
//
// The LLVM half of the CPU back end. Each call works on its own LLVMContext, so
// that modules are compiled side by side.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_CPU_GENERATECODE_H
#define QUIPU_COMPILER_CPU_GENERATECODE_H

#include "kernels/cpu/CpuVariant.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Error.h"

namespace quipu {

/// What comes out: optimized LLVM IR or assembly as text, or an ELF object.
enum class CodeForm : uint8_t { llvm, assembly, object };

using CodeBuffer = llvm::SmallString<0>;

/// Compiles `module`, which is in the LLVM dialect, for `variant`. Public
/// functions keep their names; the others may vanish.
llvm::Expected<CodeBuffer>
generateCode(mlir::ModuleOp module, const CpuVariant &variant, CodeForm form);

} // namespace quipu

#endif // QUIPU_COMPILER_CPU_GENERATECODE_H
