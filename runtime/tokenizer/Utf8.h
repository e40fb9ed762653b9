//===- Utf8.h - Text out of bytes that may be cut ---------------*- C++ -*-===//
//
// Tokens carry bytes and a character may be spread over several of them: this
// tells complete characters from unfinished and impossible ones, as in table
// 3-7 of the Unicode standard.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_UTF8_H
#define QUIPU_RUNTIME_TOKENIZER_UTF8_H

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

/// Removes the complete characters from the front of `bytes` and returns them,
/// with U+FFFD for each invalid unit. A character cut at the end stays in
/// `bytes`, unless it is `final`: then it becomes U+FFFD too.
std::string takeUtf8(std::string &bytes, bool final);

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_UTF8_H
