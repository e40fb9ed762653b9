//===- Lexer.cpp - PTX text as tokens -------------------------------------===//
//
// One pass over the bytes; nothing is copied.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/Lexer.h"

#include <array>
#include <bit>
#include <charconv>

using namespace quipu::ptx;
using Kind = Token::Kind;

namespace {

/// What a byte may be part of.
enum : uint8_t { wordByte = 1, digitByte = 2, hexByte = 4 };

constexpr std::array<uint8_t, 256> classes = [] {
  std::array<uint8_t, 256> table = {};
  for (int c = 'a'; c <= 'z'; ++c)
    table[c] = table[c - 'a' + 'A'] = wordByte | (c <= 'f' ? hexByte : 0);
  for (int c = '0'; c <= '9'; ++c)
    table[c] = wordByte | digitByte | hexByte;
  for (char c : {'_', '$', '%'})
    table[c] = wordByte;
  return table;
}();

bool has(char c, uint8_t what) { return classes[uint8_t(c)] & what; }

} // namespace

Token Lexer::finish(Token &token, size_t begin, size_t end) {
  token.text = text.substr(begin, end - begin);
  position = end;
  return token;
}

std::string_view Lexer::skipSpace() {
  while (position < text.size()) {
    char c = text[position];
    if (c == '\n') {
      ++line;
      ++position;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
      ++position;
    } else if (c == '/' && text.substr(position, 2) == "//") {
      skipLine();
    } else if (c == '/' && text.substr(position, 2) == "/*") {
      size_t end = text.find("*/", position + 2);
      if (end == text.npos)
        return "a comment that does not end";
      for (; position < end + 2; ++position)
        line += text[position] == '\n';
    } else {
      return {};
    }
  }
  return {};
}

void Lexer::skipLine() {
  size_t end = text.find('\n', position);
  position = end == text.npos ? text.size() : end;
}

void Lexer::hexadecimal(Token &token, size_t begin) {
  size_t end = begin;
  while (end < text.size() && has(text[end], hexByte))
    ++end;
  auto [stop, error] =
      std::from_chars(text.data() + begin, text.data() + end, token.value, 16);
  // All digits are wanted: 0f3F8 is no float.
  size_t digits = token.kind == Kind::float32   ? 8
                  : token.kind == Kind::float64 ? 16
                                                : end - begin;
  bool whole = end > begin && error == std::errc() && end - begin == digits;
  position = end;
  if (!whole)
    token.kind = Kind::error;
}

void Lexer::decimal(Token &token) {
  size_t end = position;
  while (end < text.size() && has(text[end], digitByte))
    ++end;
  const char *first = text.data() + position;
  const char *last = text.data() + text.size();
  char next = end < text.size() ? text[end] : ' ';
  if (next == '.' || next == 'e' || next == 'E') {
    double value = 0;
    auto [stop, error] = std::from_chars(first, last, value);
    token.kind = error == std::errc() ? Kind::decimal : Kind::error;
    token.value = std::bit_cast<uint64_t>(value);
    position = size_t(stop - text.data());
    return;
  }
  bool octal = end - position > 1 && *first == '0';
  auto [stop, error] =
      std::from_chars(first, text.data() + end, token.value, octal ? 8 : 10);
  if (error != std::errc() || stop != text.data() + end)
    token.kind = Kind::error;
  position = end;
}

void Lexer::number(Token &token) {
  size_t begin = position;
  token.kind = Kind::integer;
  char second = position + 1 < text.size() ? text[position + 1] : ' ';
  if (text[position] != '0')
    second = ' ';
  if (second == 'x' || second == 'X') {
    hexadecimal(token, begin + 2);
  } else if (second == 'f' || second == 'F') {
    token.kind = Kind::float32;
    hexadecimal(token, begin + 2);
  } else if (second == 'd' || second == 'D') {
    token.kind = Kind::float64;
    hexadecimal(token, begin + 2);
  } else if (second == 'b' || second == 'B') {
    auto [stop, error] = std::from_chars(
        text.data() + begin + 2, text.data() + text.size(), token.value, 2);
    position = size_t(stop - text.data());
    if (error != std::errc())
      token.kind = Kind::error;
  } else {
    decimal(token);
  }
  if (token.kind == Kind::integer && position < text.size() &&
      text[position] == 'U')
    ++position;
  if (token.kind == Kind::error ||
      (position < text.size() && has(text[position], wordByte))) {
    token.kind = Kind::error;
    token.text = "a malformed number";
  }
}

Token Lexer::next() {
  Token token;
  std::string_view open = skipSpace();
  token.line = line;
  if (!open.empty()) {
    token.kind = Kind::error;
    token.text = open;
    return token;
  }
  if (position == text.size())
    return token;
  char c = text[position];
  size_t end = position;
  auto word = [&] {
    while (end < text.size() && has(text[end], wordByte))
      ++end;
  };
  // `a.b` and `.shared::cta` go on behind a dot or two colons.
  auto goesOn = [&](std::string_view joint) {
    size_t behind = end + joint.size();
    return behind < text.size() && has(text[behind], wordByte) &&
           text.compare(end, joint.size(), joint) == 0;
  };
  if (has(c, digitByte)) {
    number(token);
    return token;
  }
  if (has(c, wordByte)) {
    token.kind = Kind::word;
    for (word(); goesOn(".") || goesOn("::"); word())
      end += text[end] == '.' ? 1 : 2;
    return finish(token, position, end);
  }
  if (goesOn(".") && c == '.') {
    token.kind = Kind::directive;
    size_t begin = ++end;
    for (word(); goesOn("::"); word())
      end += 2;
    return finish(token, begin, end);
  }
  if (c == '"') {
    end = text.find_first_of("\"\n", position + 1);
    if (end == text.npos || text[end] == '\n') {
      token.kind = Kind::error;
      token.text = "a string that does not end";
      return token;
    }
    token.kind = Kind::string;
    finish(token, position + 1, end);
    ++position;
    return token;
  }
  token.kind = Kind::punctuation;
  if (!(c >= ' ' && c <= '~')) {
    token.kind = Kind::error;
    token.text = "a byte that is not PTX";
    return token;
  }
  return finish(token, position, position + 1);
}
