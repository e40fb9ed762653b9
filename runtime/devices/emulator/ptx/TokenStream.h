//===- TokenStream.h - Tokens and the first error ---------------*- C++ -*-===//
//
// What the parts of the parser share: one token of lookahead and the error that
// ends the parse. A function that returns bool returns whether all is well.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_TOKENSTREAM_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_TOKENSTREAM_H

#include "base/Result.h"
#include "runtime/devices/emulator/ptx/Lexer.h"

#include <optional>
#include <string>

namespace quipu::ptx {

class TokenStream {
public:
  TokenStream(std::string_view text, std::string fileName)
      : fileName(std::move(fileName)), lexer(text) {
    current = lexer.next();
  }

  const Token &token() const { return current; }
  uint32_t line() const { return current.line; }
  bool atEnd() const { return current.kind == Token::Kind::end; }

  /// The token behind token().
  const Token &peek() {
    if (!ahead)
      ahead = lexer.next();
    return *ahead;
  }

  /// Returns token() and goes on.
  Token take() {
    Token taken = current;
    current = ahead ? *ahead : lexer.next();
    ahead.reset();
    return taken;
  }

  /// Goes behind the line of token(), which is the last token taken from it.
  void skipLine();

  bool takeIf(char punctuation) {
    bool found = current.is(punctuation);
    if (found)
      take();
    return found;
  }
  bool expect(char punctuation);
  bool expectWord(std::string_view &word, const char *what);
  /// A non-negative integer of at most `most`.
  bool expectInteger(uint64_t &value, uint64_t most, const char *what);

  /// Keeps the first error; returns false.
  bool fail(uint32_t line, const std::string &message);
  /// "expected `what`, found `token()`".
  bool failExpecting(const std::string &what);

  Error error() const { return *failure; }

private:
  std::string fileName;
  Lexer lexer;
  Token current;
  std::optional<Token> ahead;
  std::optional<Error> failure;
};

/// `text` between quotes, cut where it is long.
std::string quote(std::string_view text);

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_TOKENSTREAM_H
