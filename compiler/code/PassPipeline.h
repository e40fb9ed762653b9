//===- PassPipeline.h - Passes over an LLVM module --------------*- C++ -*-===//
//
// Emitters vectorize and unroll by themselves, so every back end only cleans
// up, with a pipeline of its own.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_CODE_PASSPIPELINE_H
#define QUIPU_COMPILER_CODE_PASSPIPELINE_H

#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace quipu {

/// Runs `pipeline`, in the syntax of opt's -passes, on `module` for `machine`.
/// No pass may turn code into calls of library functions.
llvm::Error runPassPipeline(llvm::Module &module, llvm::TargetMachine &machine,
                            llvm::StringRef pipeline);

} // namespace quipu

#endif // QUIPU_COMPILER_CODE_PASSPIPELINE_H
