//===- Utf8.h - Is a string from a file text? -------------------*- C++ -*-===//
//
// The check that every string read from a model file passes before it reaches a
// message, a tokenizer or a JSON document.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_BASE_UTF8_H
#define QUIPU_BASE_UTF8_H

#include <string_view>

namespace quipu {

/// True if `text` is well-formed UTF-8 (Unicode 15, table 3-7): no overlong
/// forms, no surrogates, nothing above U+10FFFF, nothing cut short.
bool isUtf8(std::string_view text);

} // namespace quipu

#endif // QUIPU_BASE_UTF8_H
