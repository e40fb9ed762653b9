//===- LowerToLlvm.h - Emitted functions to the LLVM dialect ----*- C++ -*-===//
//
// The MLIR half of the CPU back end: scf, arith, math, vector, cf and func ops
// become LLVM dialect ops that need no library.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_CPU_LOWERTOLLVM_H
#define QUIPU_COMPILER_CPU_LOWERTOLLVM_H

#include "kernels/cpu/CpuVariant.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace quipu {

/// Appends the passes that take a module of emitted functions to the LLVM
/// dialect.
void buildLowerToLlvm(mlir::OpPassManager &passes, const CpuVariant &variant);

} // namespace quipu

#endif // QUIPU_COMPILER_CPU_LOWERTOLLVM_H
