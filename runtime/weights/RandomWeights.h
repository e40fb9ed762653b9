//===- RandomWeights.h - Weights for a model that has none ------*- C++ -*-===//
//
// Plausible values in any stored type, so that a config alone can be compiled,
// run and measured.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_WEIGHTS_RANDOMWEIGHTS_H
#define QUIPU_RUNTIME_WEIGHTS_RANDOMWEIGHTS_H

#include "runtime/package/Plan.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace quipu {

/// Fills `bytes` with values of mean about 0 and deviation 1 / sqrt(columns);
/// norm weights lie around 1. The same seed and parameter name give the same
/// bytes on every machine. Quantized blocks have random quants and finite
/// scales.
void fillRandom(const plan::Parameter &parameter, uint64_t seed,
                std::span<std::byte> bytes);

} // namespace quipu

#endif // QUIPU_RUNTIME_WEIGHTS_RANDOMWEIGHTS_H
