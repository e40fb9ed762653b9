//===- PlanNames.h - What plans call things in JSON -------------*- C++ -*-===//
//
// Names of the enumerations of Plan.h, in their order, for who writes plans and
// who reads them.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_PLANNAMES_H
#define QUIPU_RUNTIME_PACKAGE_PLANNAMES_H

#include <cstddef>
#include <string>
#include <string_view>

namespace quipu::plan {

inline constexpr std::string_view recipeNames[] = {"identity", "rope_table"};
inline constexpr std::string_view argumentNames[] = {"arena", "parameter",
                                                     "keys", "values", "input"};
inline constexpr std::string_view inputNames[] = {
    "tokens", "positions", "slots", "sequences", "pages", "rows", "work"};
inline constexpr std::string_view symbolNames[] = {"one", "tokens", "rows",
                                                   "work", "splits"};
inline constexpr std::string_view entryNames[] = {"logits", "argmax"};
inline constexpr std::string_view deviceNames[] = {"cpu", "gpu"};

template <typename Enum, size_t N>
std::string nameOf(Enum value, const std::string_view (&names)[N]) {
  return std::string(names[static_cast<size_t>(value)]);
}

} // namespace quipu::plan

#endif // QUIPU_RUNTIME_PACKAGE_PLANNAMES_H
