//===- ElementType.h - How tensor elements are stored -----------*- C++ -*-===//
//
// The stored element types of model files, with their block geometry. A block
// is the smallest run of elements along a row that can be read by itself; the
// layouts of the quantized ones are those of the GGUF format (ggml).
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_BASE_ELEMENTTYPE_H
#define QUIPU_BASE_ELEMENTTYPE_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace quipu {

enum class ElementType : uint8_t {
  f32,
  f16,
  bf16,
  i32,
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
};

/// Elements in one block (1, 32 or 256).
int64_t blockElements(ElementType type);

/// Bytes of one block.
int64_t blockBytes(ElementType type);

/// The lower-case name, as in `q4_k`: used in IR, packages and messages.
std::string_view name(ElementType type);

/// The type that `name` gives that name to.
std::optional<ElementType> parseElementType(std::string_view name);

/// Bytes of a row of `elements`, which is a multiple of blockElements(type).
int64_t rowBytes(ElementType type, int64_t elements);

inline bool isQuantized(ElementType type) { return blockElements(type) > 1; }

} // namespace quipu

#endif // QUIPU_BASE_ELEMENTTYPE_H
