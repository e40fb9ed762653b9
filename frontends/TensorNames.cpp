//===- TensorNames.cpp - From a format's tensor names to ours -------------===//
//
// A layer's number must be written in the one usual way, so that two names
// cannot mean one tensor.
//
//===----------------------------------------------------------------------===//

#include "frontends/TensorNames.h"

namespace quipu {
namespace {

bool isLayerNumber(std::string_view text) {
  return !text.empty() && text.size() <= 4 &&
         text.find_first_not_of("0123456789") == text.npos &&
         (text[0] != '0' || text.size() == 1);
}

} // namespace

std::optional<std::string> graphName(const TensorNames &names,
                                     std::string_view name) {
  for (const TensorName &entry : names.whole)
    if (name == entry.theirs)
      return std::string(entry.ours);
  if (!name.starts_with(names.layerPrefix))
    return std::nullopt;
  name.remove_prefix(names.layerPrefix.size());
  size_t dot = name.find('.');
  if (dot == name.npos || !isLayerNumber(name.substr(0, dot)))
    return std::nullopt;
  for (const TensorName &entry : names.layer) {
    if (name.substr(dot + 1) != entry.theirs)
      continue;
    if (entry.ours.empty())
      return std::string();
    return "layers." + std::string(name.substr(0, dot + 1)) +
           std::string(entry.ours);
  }
  return std::nullopt;
}

} // namespace quipu
