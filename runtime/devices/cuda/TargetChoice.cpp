//===- TargetChoice.cpp - Which code of a package a GPU runs --------------===//
//
// Names are compared and nothing is loaded.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/TargetChoice.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace quipu::cuda {
namespace {

/// "sm_90a" taken apart.
struct Architecture {
  int capability;  // 90
  bool isSpecific; // 'a': this capability and no other
};

std::optional<Architecture> parseArchitecture(std::string_view name) {
  if (!name.starts_with("sm_"))
    return std::nullopt;
  Architecture architecture = {0, name.ends_with('a')};
  const char *begin = name.data() + 3;
  const char *end = name.data() + name.size() - architecture.isSpecific;
  auto [last, status] = std::from_chars(begin, end, architecture.capability);
  if (status != std::errc() || last != end)
    return std::nullopt;
  return architecture;
}

bool runsOn(const Architecture &architecture, bool cubin, int capability) {
  if (architecture.isSpecific)
    return architecture.capability == capability;
  return architecture.capability <= capability &&
         (!cubin || architecture.capability / 10 == capability / 10);
}

} // namespace

bool isCubin(const Target &target) {
  constexpr std::byte magic[] = {std::byte(0x7f), std::byte('E'),
                                 std::byte('L'), std::byte('F')};
  return target.code.size() >= 4 &&
         std::equal(magic, magic + 4, target.code.begin());
}

Result<std::vector<int64_t>> usableTargets(const std::vector<Target> &targets,
                                           int computeCapability,
                                           const std::string &gpu) {
  struct Candidate {
    int64_t index;
    int rank;
  };
  std::vector<Candidate> candidates;
  std::string names; // of all GPU targets
  for (size_t i = 0; i < targets.size(); ++i) {
    auto architecture = parseArchitecture(targets[i].name);
    if (!architecture)
      continue;
    names += (names.empty() ? "" : ", ") + targets[i].name;
    bool cubin = isCubin(targets[i]);
    if (runsOn(*architecture, cubin, computeCapability))
      candidates.push_back(
          {static_cast<int64_t>(i), 4 * architecture->capability +
                                        2 * architecture->isSpecific + cubin});
  }
  if (names.empty())
    return Error{"the package has no code for a GPU; compile the model with "
                 "--target sm_80, or run with --device cpu"};
  if (candidates.empty())
    return Error{"the package has code for " + names +
                 ", none of which runs on " + gpu +
                 "; compile the model for it, or run with --device cpu"};
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate &a, const Candidate &b) {
              return a.rank != b.rank ? a.rank > b.rank : a.index < b.index;
            });
  std::vector<int64_t> indices;
  for (const Candidate &candidate : candidates)
    indices.push_back(candidate.index);
  return indices;
}

} // namespace quipu::cuda
