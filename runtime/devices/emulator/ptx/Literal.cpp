//===- Literal.cpp - Numbers and widths in PTX ----------------------------===//
//
// A hexadecimal float is bits and fits any type of its width that is not an
// integer; LLVM writes `mov.b32 %r1, 0f3F800000`.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/Literal.h"

#include "runtime/devices/emulator/ptx/FormTable.h"
#include "runtime/devices/emulator/ptx/TokenStream.h"

#include <bit>

using namespace quipu::ptx;
using Kind = Token::Kind;

RegisterClass quipu::ptx::registerClass(Type type) {
  unsigned width = bits(type);
  return width == 1    ? RegisterClass::pred
         : width <= 16 ? RegisterClass::b16
         : width == 32 ? RegisterClass::b32
                       : RegisterClass::b64;
}

static bool isInteger(Type type) {
  return type >= Type::u8 && type <= Type::s64;
}

/// The value of a float literal, which is a double where it is decimal.
static double floatValue(const Token &literal, bool negative) {
  double value = literal.kind == Kind::float32
                     ? std::bit_cast<float>(uint32_t(literal.value))
                     : std::bit_cast<double>(literal.value);
  return negative ? -value : value;
}

static std::string integerBits(const Token &literal, bool negative, Type type,
                               uint64_t &value) {
  unsigned width = bits(type);
  uint64_t mask = width >= 64 ? ~uint64_t(0) : (uint64_t(1) << width) - 1;
  if (type == Type::pred) {
    value = literal.value != 0;
    return {};
  }
  // What is negative needs the sign bit.
  uint64_t most = negative ? (mask >> 1) + 1 : mask;
  if (literal.value > most)
    return (negative ? "-" : "") + std::to_string(literal.value) +
           " does not fit in " + std::to_string(width) + " bits";
  value = (negative ? 0 - literal.value : literal.value) & mask;
  return {};
}

std::string quipu::ptx::literalBits(const Token &literal, bool negative,
                                    Type type, uint64_t &value) {
  std::string typeName(name(type));
  switch (literal.kind) {
  case Kind::integer:
    if (type == Type::f32 || type == Type::f64)
      return "expected a ." + typeName + " literal, found an integer";
    return integerBits(literal, negative, type, value);
  case Kind::float32:
  case Kind::float64:
  case Kind::decimal:
    break;
  case Kind::error:
    return std::string(literal.text);
  default:
    return "expected a number, found " + quote(literal.text);
  }
  if (isInteger(type) || (bits(type) != 32 && bits(type) != 64))
    return "expected a ." + typeName + " literal, found a float";
  // Bits are kept as they are, those of a NaN too.
  bool same = (literal.kind == Kind::float32 && bits(type) == 32) ||
              (literal.kind == Kind::float64 && bits(type) == 64);
  uint64_t sign = negative ? uint64_t(1) << (bits(type) - 1) : 0;
  if (same)
    value = literal.value ^ sign;
  else if (bits(type) == 32)
    value = std::bit_cast<uint32_t>(float(floatValue(literal, negative)));
  else
    value = std::bit_cast<uint64_t>(floatValue(literal, negative));
  return {};
}
