//===- Quantize.h - Numbers as stored elements ------------------*- C++ -*-===//
//
// A simple, correct writer of every stored element type, for test models and
// comparisons. Quantizers that search for better scales give better models;
// this one only promises the layout and a bound on the error.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_BASE_QUANTIZE_H
#define QUIPU_BASE_QUANTIZE_H

#include "base/ElementType.h"

#include <cstddef>
#include <span>

namespace quipu {

/// Encodes a row of finite values, a multiple of blockElements(type) of them,
/// into `row` of rowBytes(type, values.size()) bytes. f32, f16 and bf16 round
/// to nearest even; i32 to the nearest integer.
void quantizeRow(ElementType type, std::span<const float> values,
                 std::span<std::byte> row);

} // namespace quipu

#endif // QUIPU_BASE_QUANTIZE_H
