//===- DescribeFile.h - What is in a file, as JSON --------------*- C++ -*-===//
//
// Every kind of file that Quipu reads or writes, told apart by what it holds or
// is called. Weights are not touched.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_DESCRIBEFILE_H
#define QUIPU_TOOLS_COMMANDS_DESCRIBEFILE_H

#include "base/Result.h"
#include "runtime/package/Package.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace quipu {

/// What is in the file or folder at `path`: a package, a model (a file of a
/// Hugging Face folder stands for the folder), a .safetensors file or a
/// tokenizer; `kind` says which. With `tensors` a list of them is added.
Result<nlohmann::ordered_json> describeFile(const std::string &path,
                                            bool tensors);

/// The same for a package that is open.
nlohmann::ordered_json describePackage(const Package &package, bool tensors);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_DESCRIBEFILE_H
