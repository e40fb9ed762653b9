//===- Dialect.h - The llama dialect ----------------------------*- C++ -*-===//
//
// Types, attributes and ops of the model graph. See Ops.td for what they mean.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_LLAMA_DIALECT_H
#define QUIPU_DIALECTS_LLAMA_DIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/llama/Enums.h.inc"

#include "dialects/llama/Dialect.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/llama/Types.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/llama/Attrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/llama/Ops.h.inc"

namespace quipu::llama {

/// Name of the func.func attribute that holds a step's #llama.bucket.
inline constexpr llvm::StringLiteral bucketAttrName = "llama.bucket";

/// The kind of device that `function` is compiled for: that of its bucket; cpu
/// without one.
DeviceKind deviceOf(mlir::Operation *function);

} // namespace quipu::llama

#endif // QUIPU_DIALECTS_LLAMA_DIALECT_H
