//===- StoredTypes.h - Stored element types in IR ---------------*- C++ -*-===//
//
// Translates between quipu::ElementType, which files and packages use, and the
// element types of tensors: builtin floats and i32, or a type of this dialect.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_LLAMA_STOREDTYPES_H
#define QUIPU_DIALECTS_LLAMA_STOREDTYPES_H

#include "base/ElementType.h"

#include "mlir/IR/Types.h"

#include <optional>

namespace quipu::llama {

/// The IR type of elements stored as `type`.
mlir::Type storedType(mlir::MLIRContext *context, ElementType type);

/// How elements of IR type `type` are stored; none for types that no file has.
std::optional<ElementType> elementType(mlir::Type type);

} // namespace quipu::llama

#endif // QUIPU_DIALECTS_LLAMA_STOREDTYPES_H
