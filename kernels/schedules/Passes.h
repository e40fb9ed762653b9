//===- Passes.h - Choosing schedules ----------------------------*- C++ -*-===//
//
// The pass around the tables of tile sizes. See Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_SCHEDULES_PASSES_H
#define QUIPU_KERNELS_SCHEDULES_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace quipu {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "kernels/schedules/Passes.h.inc"

} // namespace quipu

#endif // QUIPU_KERNELS_SCHEDULES_PASSES_H
