//===- TomlModel.h - A TOML config as a Model -------------------*- C++ -*-===//
//
// The TOML frontend: an architecture by its numbers, with weights or without.
// docs/config.md describes every key.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_TOML_TOMLMODEL_H
#define QUIPU_FRONTENDS_TOML_TOMLMODEL_H

#include "base/Result.h"
#include "frontends/Model.h"

#include <string>

namespace quipu {

/// Reads the config at `path`. Messages name the line. Without weights every
/// TensorSource has file -1.
Result<Model> openTomlModel(const std::string &path);

} // namespace quipu

#endif // QUIPU_FRONTENDS_TOML_TOMLMODEL_H
