//===- Dialect.h - The plan dialect -----------------------------*- C++ -*-===//
//
// Buckets, launches and buffers. See Ops.td for what they mean. (The namespace
// is planir: quipu::plan is the same thing as plain data.)
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_PLAN_DIALECT_H
#define QUIPU_DIALECTS_PLAN_DIALECT_H

#include "dialects/llama/Dialect.h"

#include "dialects/plan/Enums.h.inc"

#include "dialects/plan/Dialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/plan/Attrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/plan/Ops.h.inc"

namespace quipu::planir {

/// What offsets in an arena, and its size, are multiples of, in bytes.
inline constexpr int64_t arenaAlignment = 64;

/// Module attributes that all buckets of a plan share: the !llama.kv of every
/// layer, the number of layers, and the bound on KV ranges of a split.
inline constexpr llvm::StringLiteral kvTypeAttrName = "plan.kv";
inline constexpr llvm::StringLiteral kvLayersAttrName = "plan.kv_layers";
inline constexpr llvm::StringLiteral maxSplitsAttrName = "plan.max_splits";

/// What a launch of `skeleton`, which is in a function of its own, is as a
/// product: null where the kernel is not that and no more. Launches pass the
/// function's operands and then its result.
ProductAttr productOf(mlir::Operation *skeleton);

} // namespace quipu::planir

#endif // QUIPU_DIALECTS_PLAN_DIALECT_H
