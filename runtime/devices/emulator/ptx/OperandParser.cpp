//===- OperandParser.cpp - PTX operands as written ------------------------===//
//
// The syntax of operands alone: `%r1`, `!%p1`, `-4`, `[%rd1+16]`, `{%r1, _}`,
// `%r1|%p1`.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/FunctionParser.h"

using namespace quipu::ptx;
using Kind = Token::Kind;

bool FunctionParser::readOperands(std::string_view mnemonic) {
  raws.clear();
  rawElements.clear();
  if (tokens.takeIf(';'))
    return true;
  bool behindBar = false;
  while (true) {
    RawOperand &raw = raws.emplace_back();
    raw.behindBar = behindBar;
    if (!readOperand(raw))
      return false;
    if (tokens.takeIf(';'))
      return true;
    behindBar = tokens.takeIf('|');
    if (!behindBar && !tokens.takeIf(','))
      return tokens.failExpecting("',' or ';'");
    if (raws.size() > maxOperands)
      return tokens.fail(tokens.line(),
                         "too many operands of " + quote(mnemonic));
  }
}

bool FunctionParser::readOperand(RawOperand &raw) {
  if (tokens.token().is('{'))
    return readVector(raw);
  if (tokens.token().is('['))
    return readAddress(raw);
  raw.inverted = tokens.takeIf('!');
  raw.negative = !raw.inverted && tokens.takeIf('-');
  bool isWord = tokens.token().kind == Kind::word && !raw.negative;
  bool isNumber = tokens.token().kind == Kind::integer ||
                  tokens.token().kind == Kind::float32 ||
                  tokens.token().kind == Kind::float64 ||
                  tokens.token().kind == Kind::decimal;
  if (!isWord && (raw.inverted || !isNumber))
    return tokens.failExpecting("an operand");
  raw.token = tokens.take();
  return !isWord || readAddend(raw);
}

bool FunctionParser::readAddend(RawOperand &raw) {
  bool plus = tokens.takeIf('+');
  bool minus = tokens.takeIf('-');
  if (!plus && !minus)
    return true;
  uint64_t addend = 0;
  if (!tokens.expectInteger(addend, INT64_MAX, "an offset"))
    return false;
  raw.addend = minus ? -int64_t(addend) : int64_t(addend);
  return true;
}

bool FunctionParser::readVector(RawOperand &raw) {
  tokens.take();
  raw.kind = RawOperand::Kind::vector;
  raw.token = tokens.token();
  raw.first = uint32_t(rawElements.size());
  do {
    if (tokens.token().is('{') || tokens.token().is('['))
      return tokens.failExpecting("a register or a number");
    RawOperand element;
    if (!readOperand(element))
      return false;
    rawElements.push_back(element);
    if (++raw.count > 16)
      return tokens.fail(tokens.line(), "more than 16 registers in braces");
  } while (tokens.takeIf(','));
  return tokens.expect('}');
}

bool FunctionParser::readAddress(RawOperand &raw) {
  tokens.take();
  raw.kind = RawOperand::Kind::address;
  raw.token = tokens.token();
  if (raw.token.kind != Kind::word && raw.token.kind != Kind::integer)
    return tokens.failExpecting("an address");
  tokens.take();
  return readAddend(raw) && tokens.expect(']');
}
