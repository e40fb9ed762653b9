//===- TokenStream.cpp - Tokens and the first error -----------------------===//
//
// The small expectations that every part of the parser has.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/TokenStream.h"

using namespace quipu::ptx;
using Kind = Token::Kind;

std::string quipu::ptx::quote(std::string_view text) {
  constexpr size_t most = 80;
  bool cut = text.size() > most;
  return "'" + std::string(text.substr(0, most)) + (cut ? "...'" : "'");
}

void TokenStream::skipLine() {
  uint32_t line = current.line;
  while (!atEnd() && current.line == line && current.kind != Kind::error)
    take();
}

bool TokenStream::fail(uint32_t line, const std::string &message) {
  if (!failure)
    failure = Error{fileName + ":" + std::to_string(line) + ": " + message};
  return false;
}

bool TokenStream::failExpecting(const std::string &what) {
  if (current.kind == Kind::error)
    return fail(line(), std::string(current.text));
  std::string found;
  if (atEnd())
    found = "the end of the file";
  else if (current.kind == Kind::directive)
    found = quote("." + std::string(current.text));
  else if (current.text.empty())
    found = "a number";
  else
    found = quote(current.text);
  return fail(line(), "expected " + what + ", found " + found);
}

bool TokenStream::expect(char punctuation) {
  if (takeIf(punctuation))
    return true;
  return failExpecting(std::string("'") + punctuation + "'");
}

bool TokenStream::expectWord(std::string_view &word, const char *what) {
  if (current.kind != Kind::word)
    return failExpecting(what);
  word = take().text;
  return true;
}

bool TokenStream::expectInteger(uint64_t &value, uint64_t most,
                                const char *what) {
  if (current.kind != Kind::integer)
    return failExpecting(what);
  if (current.value > most)
    return fail(line(), std::string("expected ") + what + " of at most " +
                            std::to_string(most) + ", found " +
                            std::to_string(current.value));
  value = take().value;
  return true;
}
