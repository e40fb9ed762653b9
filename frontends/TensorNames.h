//===- TensorNames.h - From a format's tensor names to ours -----*- C++ -*-===//
//
// GGUF and Hugging Face name the same tensors differently; each frontend states
// its names as data, and this maps them to the roles in Model.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_TENSORNAMES_H
#define QUIPU_FRONTENDS_TENSORNAMES_H

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quipu {

/// A name in a file and Quipu's; an empty one for a tensor to ignore.
struct TensorName {
  std::string_view theirs;
  std::string_view ours;
};

/// The names of one format.
struct TensorNames {
  std::span<const TensorName> whole; // outside the layers
  std::string_view layerPrefix;      // before the layer's number: "blk."
  std::span<const TensorName> layer; // after the number and a dot
};

/// Quipu's name for `name`: empty for a tensor to ignore, nothing for one that
/// has no role.
std::optional<std::string> graphName(const TensorNames &names,
                                     std::string_view name);

} // namespace quipu

#endif // QUIPU_FRONTENDS_TENSORNAMES_H
