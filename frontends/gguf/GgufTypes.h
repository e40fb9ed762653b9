//===- GgufTypes.h - Types as GGUF files number them ------------*- C++ -*-===//
//
// Numbers and sizes of ggml's docs/gguf.md and of enum ggml_type.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_GGUF_GGUFTYPES_H
#define QUIPU_FRONTENDS_GGUF_GGUFTYPES_H

#include "base/ElementType.h"
#include "frontends/gguf/GgufFile.h"

#include <optional>

namespace quipu {

/// Bytes of a value of `type`; of a string or an array, the least it can have.
uint64_t leastGgufBytes(GgufType type);

/// The stored types we read, by their number in the file (enum ggml_type).
std::optional<ElementType> ggufElementType(uint32_t number);

} // namespace quipu

#endif // QUIPU_FRONTENDS_GGUF_GGUFTYPES_H
