//===- Utf8.cpp - Is a string from a file text? ---------------------------===//
//
// A direct reading of the table of well-formed byte sequences in the Unicode
// standard: the second byte's range depends on the first, the rest do not.
//
//===----------------------------------------------------------------------===//

#include "base/Utf8.h"

#include <cstddef>
#include <cstdint>

namespace quipu {

bool isUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto byte = [&](size_t k) { return static_cast<uint8_t>(text[i + k]); };
    uint8_t first = byte(0);
    if (first < 0x80) {
      ++i;
      continue;
    }
    if (first < 0xc2 || first > 0xf4)
      return false;
    size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (text.size() - i < length)
      return false;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte(1) < low || byte(1) > high)
      return false;
    for (size_t k = 2; k < length; ++k)
      if ((byte(k) & 0xc0) != 0x80)
        return false;
    i += length;
  }
  return true;
}

} // namespace quipu
