//===- Registration.h - What every tool knows -------------------*- C++ -*-===//
//
// The dialects and passes of Quipu, and those upstream ones that its lowerings
// go through. quipu-opt and quipu-lsp-server share the list.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_REGISTRATION_H
#define QUIPU_COMPILER_REGISTRATION_H

#include "mlir/IR/DialectRegistry.h"

namespace quipu {

/// Adds our dialects, and the upstream ones that they are lowered to.
void registerDialects(mlir::DialectRegistry &registry);

/// Registers our passes and pipelines, and the upstream passes from arith,
/// math, vector, scf, cf, memref and func to LLVM. Once per process.
void registerPasses();

} // namespace quipu

#endif // QUIPU_COMPILER_REGISTRATION_H
