//===- PlanExport.h - The plan dialect as plain data ------------*- C++ -*-===//
//
// The last step of the compiler proper: what the runtime reads has no IR in it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_PLANEXPORT_H
#define QUIPU_COMPILER_PLANEXPORT_H

#include "runtime/package/Plan.h"

#include "mlir/IR/BuiltinOps.h"

namespace quipu {

/// The plan in `module` (after kernel-to-plan). Kernels are numbered in the
/// order of kernelNames(); their scratchBytes and arithmetic are empty, one
/// entry a target to be added.
plan::Plan exportPlan(mlir::ModuleOp module);

/// Names of the kernels of `module`, each followed by its merge if it has one.
std::vector<std::string> kernelNames(mlir::ModuleOp module);

} // namespace quipu

#endif // QUIPU_COMPILER_PLANEXPORT_H
