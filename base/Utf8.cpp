//===- Utf8.cpp - Bytes that should be text -------------------------------===//
//
// One state-free step over a character, and the two loops that use it. The
// replacement of ill-formed bytes is the standard's "maximal subpart" practice,
// which Hugging Face's decoders follow too.
//
//===----------------------------------------------------------------------===//

#include "base/Utf8.h"

#include <cassert>
#include <cstdint>

namespace quipu {

namespace {

/// Length of the character that `lead` starts (0: none) and the range of its
/// second byte, which excludes overlong forms, surrogates and > U+10FFFF.
struct Lead {
  size_t length;
  uint8_t secondLow = 0x80;
  uint8_t secondHigh = 0xbf;
};

Lead classify(uint8_t lead) {
  if (lead < 0x80)
    return {1};
  if (lead < 0xc2 || lead > 0xf4)
    return {0};
  if (lead < 0xe0)
    return {2};
  if (lead < 0xf0)
    return {3, uint8_t(lead == 0xe0 ? 0xa0 : 0x80),
            uint8_t(lead == 0xed ? 0x9f : 0xbf)};
  return {4, uint8_t(lead == 0xf0 ? 0x90 : 0x80),
          uint8_t(lead == 0xf4 ? 0x8f : 0xbf)};
}

} // namespace

Utf8Unit firstUtf8Unit(std::string_view text) {
  assert(!text.empty() && "no unit in empty text");
  Lead lead = classify(static_cast<uint8_t>(text[0]));
  if (lead.length == 0)
    return {Utf8Unit::State::invalid, 1};
  for (size_t at = 1; at < lead.length; ++at) {
    if (at == text.size())
      return {Utf8Unit::State::cut, at};
    auto byte = static_cast<uint8_t>(text[at]);
    uint8_t low = at == 1 ? lead.secondLow : 0x80;
    uint8_t high = at == 1 ? lead.secondHigh : 0xbf;
    if (byte < low || byte > high)
      return {Utf8Unit::State::invalid, at};
  }
  return {Utf8Unit::State::complete, lead.length};
}

size_t findInvalidUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    Utf8Unit unit = firstUtf8Unit(text.substr(at));
    if (unit.state != Utf8Unit::State::complete)
      return at;
    at += unit.length;
  }
  return std::string_view::npos;
}

std::string takeUtf8(std::string &bytes, bool final) {
  std::string text;
  size_t at = 0;
  while (at < bytes.size()) {
    Utf8Unit unit = firstUtf8Unit(std::string_view(bytes).substr(at));
    if (unit.state == Utf8Unit::State::complete)
      text.append(bytes, at, unit.length);
    else if (unit.state == Utf8Unit::State::cut && !final)
      break;
    else
      text += "\uFFFD";
    at += unit.length;
  }
  bytes.erase(0, at);
  return text;
}

} // namespace quipu
