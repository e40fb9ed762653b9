//===- Utf8.h - Bytes that should be text -----------------------*- C++ -*-===//
//
// Strings of model files are checked before they reach a message, a tokenizer
// or a JSON document; tokens carry bytes of which a character may need several.
// Both rest on table 3-7 of the Unicode standard: no overlong forms, no
// surrogates, nothing above U+10FFFF.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_BASE_UTF8_H
#define QUIPU_BASE_UTF8_H

#include <cstddef>
#include <string>
#include <string_view>

namespace quipu {

/// What begins at some byte: a character, a prefix of one that the text ends
/// in, or bytes that no character begins with.
struct Utf8Unit {
  enum class State { complete, cut, invalid };
  State state;
  size_t length; // bytes; at least 1. An invalid unit becomes one U+FFFD.
};

/// The unit at the start of `text`, which is not empty.
Utf8Unit firstUtf8Unit(std::string_view text);

/// Offset of the first byte that is not valid UTF-8 (a cut character counts),
/// or npos.
size_t findInvalidUtf8(std::string_view text);

/// Whether all of `text` is valid UTF-8.
inline bool isUtf8(std::string_view text) {
  return findInvalidUtf8(text) == std::string_view::npos;
}

/// Removes the complete characters from the front of `bytes` and returns them,
/// with U+FFFD for each invalid unit. A character cut at the end stays in
/// `bytes`, unless it is `final`: then it becomes U+FFFD too.
std::string takeUtf8(std::string &bytes, bool final);

} // namespace quipu

#endif // QUIPU_BASE_UTF8_H
