//===- Passes.h - Conversions between the dialects --------------*- C++ -*-===//
//
// llama -> kernel -> plan. See Passes.td for what each pass expects and leaves.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_CONVERSION_PASSES_H
#define QUIPU_PASSES_CONVERSION_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace quipu {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/conversion/Passes.h.inc"

} // namespace quipu

#endif // QUIPU_PASSES_CONVERSION_PASSES_H
