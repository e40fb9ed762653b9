//===- Dequantize.h - Stored elements as numbers ----------------*- C++ -*-===//
//
// The reference meaning of every stored element type: what interpreters, tests
// and `quipu inspect` read weights with. Written for clarity; kernels have
// decode regions of their own that are tested against this.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_BASE_DEQUANTIZE_H
#define QUIPU_BASE_DEQUANTIZE_H

#include "base/ElementType.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace quipu {

/// IEEE binary16 bits to the float of the same value, and back with
/// round-to-nearest-even; overflow becomes infinity, NaN stays a (quiet) NaN.
float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value);

/// The same for bfloat16, the upper half of a float.
float bfloat16ToFloat(uint16_t bits);
uint16_t floatToBfloat16(float value);

/// Decodes a row of values.size() elements, a multiple of blockElements(type),
/// from `row`, which has rowBytes(type, values.size()) bytes. The doubles are
/// exact for finite scales; the floats are those, rounded once, which is what
/// ggml's reference code computes. i32 decodes to its value.
void dequantizeRow(ElementType type, std::span<const std::byte> row,
                   std::span<double> values);
void dequantizeRow(ElementType type, std::span<const std::byte> row,
                   std::span<float> values);

} // namespace quipu

#endif // QUIPU_BASE_DEQUANTIZE_H
