//===- Passes.h - Passes over the llama dialect -----------------*- C++ -*-===//
//
// Constructors, options and registration of the graph passes, generated from
// Passes.td, which says what each one does.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_LLAMA_PASSES_H
#define QUIPU_PASSES_LLAMA_PASSES_H

#include "passes/llama/Bounds.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace quipu::llama {

#define GEN_PASS_DECL
#include "passes/llama/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/llama/Passes.h.inc"

} // namespace quipu::llama

#endif // QUIPU_PASSES_LLAMA_PASSES_H
