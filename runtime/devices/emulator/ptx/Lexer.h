//===- Lexer.h - PTX text as tokens -----------------------------*- C++ -*-===//
//
// Splits PTX into words, directives, numbers and punctuation. Dotted words come
// as one token: `ld.global.v4.b32`, `%tid.x`.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_LEXER_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_LEXER_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quipu::ptx {

struct Token {
  enum class Kind : uint8_t {
    end,
    word,        // a name, with what is joined to it by '.'
    directive,   // `.reg`, `.shared::cta`: text without the dot
    integer,     // value
    float32,     // 0f3F800000; value: its bits
    float64,     // 0d3FF0000000000000; value: its bits
    decimal,     // 1.5, 2e3; value: the bits of a double
    string,      // text between the quotes
    punctuation, // text: one character
    error,       // text: what is wrong, for a user
  };

  Kind kind = Kind::end;
  uint32_t line = 1;
  std::string_view text;
  uint64_t value = 0;

  bool is(char punctuation) const {
    return kind == Kind::punctuation && text.front() == punctuation;
  }
  bool isDirective(std::string_view name) const {
    return kind == Kind::directive && text == name;
  }
};

/// Reads tokens of `text`, which outlives them.
class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}

  Token next();
  /// Drops what remains of the current line.
  void skipLine();

private:
  /// Whether nothing was left open: "" or what was.
  std::string_view skipSpace();
  void number(Token &token);
  void hexadecimal(Token &token, size_t begin);
  void decimal(Token &token);
  Token finish(Token &token, size_t begin, size_t end);

  std::string_view text;
  size_t position = 0;
  uint32_t line = 1;
};

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_LEXER_H
