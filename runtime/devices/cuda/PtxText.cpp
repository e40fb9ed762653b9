//===- PtxText.cpp - What PTX says of itself ------------------------------===//
//
// Relies on the text to be PTX that the driver accepts; of other text it finds
// something or nothing, and reads nothing outside.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/PtxText.h"

namespace quipu::cuda {
namespace {

constexpr std::string_view spaces = " \t\r\n";

/// The word at the start of `text`, after spaces: up to one of `ends`.
std::string_view wordOf(std::string_view text, std::string_view ends) {
  size_t begin = text.find_first_not_of(spaces);
  if (begin == std::string_view::npos)
    return {};
  text.remove_prefix(begin);
  return text.substr(0, text.find_first_of(ends));
}

int64_t countOf(std::string_view text, std::string_view word) {
  int64_t count = 0;
  for (size_t at = 0; (at = text.find(word, at)) != std::string_view::npos;
       at += word.size())
    ++count;
  return count;
}

} // namespace

PtxFacts scanPtx(std::string_view text) {
  constexpr std::string_view version = ".version", entry = ".entry";
  PtxFacts facts;
  if (size_t at = text.find(version); at != std::string_view::npos)
    facts.version = wordOf(text.substr(at + version.size()), " \t\r\n/");
  for (size_t at = 0; (at = text.find(entry, at)) != std::string_view::npos;) {
    at += entry.size();
    std::string_view rest = text.substr(at);
    std::string_view name = wordOf(rest, " \t\r\n({");
    std::string_view head = rest.substr(0, rest.find('{'));
    if (!name.empty())
      facts.entries[std::string(name)] = countOf(head, ".param");
  }
  return facts;
}

} // namespace quipu::cuda
