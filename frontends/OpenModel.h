//===- OpenModel.h - Any model file as a Model ------------------*- C++ -*-===//
//
// The one door to the frontends: it looks at what a path is and asks the
// frontend for that kind of file.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_OPENMODEL_H
#define QUIPU_FRONTENDS_OPENMODEL_H

#include "base/Result.h"
#include "frontends/Model.h"

#include <string>

namespace quipu {

/// Reads the model that `path` names: a .gguf file (any part of a split one), a
/// .toml config, a Hugging Face folder or a config or weight file in one, or
/// the id `org/name` of one in the local Hugging Face cache. Only headers are
/// read; weights stay in their files.
Result<Model> openModel(const std::string &path);

} // namespace quipu

#endif // QUIPU_FRONTENDS_OPENMODEL_H
