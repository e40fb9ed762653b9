//===- ModelParameters.h - Parameters in model files ------------*- C++ -*-===//
//
// Gives interpreters the weights of a Model from its memory-mapped files.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_INTERPRETERS_MODELPARAMETERS_H
#define QUIPU_INTERPRETERS_MODELPARAMETERS_H

#include "base/MappedFile.h"
#include "base/Result.h"
#include "frontends/Model.h"
#include "interpreters/StepState.h"

#include "llvm/ADT/StringMap.h"

namespace quipu {

/// Owns the mappings of a model's files.
class ModelParameters : public ParameterSource {
public:
  /// Maps the files of `model`. Fails if one cannot be mapped or has become
  /// shorter than the model says.
  static Result<ModelParameters> open(const Model &model);

  std::span<const std::byte> bytes(std::string_view name) const override;

private:
  std::vector<MappedFile> files;
  llvm::StringMap<std::span<const std::byte>> tensors;
};

} // namespace quipu

#endif // QUIPU_INTERPRETERS_MODELPARAMETERS_H
