//===- GenerationDefaults.h - What a model asks of its sampler --*- C++ -*-===//
//
// Read from model files by the frontends, stored in packages, and used by the
// runtime where the user gives no other value.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_GENERATIONDEFAULTS_H
#define QUIPU_RUNTIME_PACKAGE_GENERATIONDEFAULTS_H

#include <cstdint>
#include <optional>
#include <vector>

namespace quipu {

/// Sampling and stopping defaults (generation_config.json, GGUF metadata).
struct GenerationDefaults {
  std::optional<float> temperature;
  std::optional<float> topP;
  std::optional<float> minP;
  std::optional<int> topK;
  std::optional<float> repetitionPenalty;
  std::vector<int32_t> endOfSequenceIds;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_PACKAGE_GENERATIONDEFAULTS_H
