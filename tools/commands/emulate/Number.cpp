//===- Number.cpp - Numbers in a launch file ------------------------------===//
//
// Little-endian bytes, as on the GPU.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/emulate/Number.h"

#include "base/Dequantize.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

using namespace quipu;
using nlohmann::json;

static constexpr std::string_view names[] = {"f16", "bf16", "f32", "f64",
                                             "i8",  "u8",   "i16", "u16",
                                             "i32", "u32",  "i64", "u64"};

std::optional<NumberType> quipu::parseNumberType(std::string_view name) {
  auto at = std::ranges::find(names, name);
  if (at == std::end(names))
    return std::nullopt;
  return NumberType(at - std::begin(names));
}

std::string_view quipu::name(NumberType type) { return names[size_t(type)]; }

size_t quipu::numberBytes(NumberType type) {
  constexpr size_t bytes[] = {2, 2, 4, 8, 1, 1, 2, 2, 4, 4, 8, 8};
  return bytes[size_t(type)];
}

std::optional<NumberType> quipu::numberTypeOf(ptx::Type type) {
  switch (type) {
  case ptx::Type::f16:
    return NumberType::f16;
  case ptx::Type::bf16:
    return NumberType::bf16;
  case ptx::Type::f32:
    return NumberType::f32;
  case ptx::Type::f64:
    return NumberType::f64;
  case ptx::Type::s8:
    return NumberType::i8;
  case ptx::Type::b8:
  case ptx::Type::u8:
    return NumberType::u8;
  case ptx::Type::s16:
    return NumberType::i16;
  case ptx::Type::b16:
  case ptx::Type::u16:
    return NumberType::u16;
  case ptx::Type::s32:
    return NumberType::i32;
  case ptx::Type::b32:
  case ptx::Type::u32:
    return NumberType::u32;
  case ptx::Type::s64:
    return NumberType::i64;
  case ptx::Type::b64:
  case ptx::Type::u64:
    return NumberType::u64;
  default:
    return std::nullopt;
  }
}

static void append(uint64_t value, size_t size, std::vector<std::byte> &bytes) {
  size_t at = bytes.size();
  bytes.resize(at + size);
  std::memcpy(&bytes[at], &value, size);
}

static std::optional<double> floatOf(const json &number) {
  if (number.is_number())
    return number.get<double>();
  if (number == "inf")
    return std::numeric_limits<double>::infinity();
  if (number == "-inf")
    return -std::numeric_limits<double>::infinity();
  if (number == "nan")
    return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

/// Whether the integer `number` is one of `width` bits.
static bool fits(const json &number, unsigned width, bool isSigned) {
  bool negative = !number.is_number_unsigned() && number.get<int64_t>() < 0;
  if (negative)
    return isSigned && (width == 64 ||
                        number.get<int64_t>() >= -(int64_t(1) << (width - 1)));
  unsigned digits = isSigned ? width - 1 : width;
  return digits == 64 || number.get<uint64_t>() >> digits == 0;
}

Result<void> quipu::appendNumber(const json &number, NumberType type,
                                 std::vector<std::byte> &bytes) {
  std::string wrong =
      "expected a number of type " + std::string(name(type)) + ", found " +
      number.dump(-1, ' ', true, json::error_handler_t::replace);
  size_t size = numberBytes(type);
  if (!isFloat(type)) {
    bool isSigned = names[size_t(type)].front() == 'i';
    if (!number.is_number_integer() ||
        !fits(number, unsigned(size) * 8, isSigned))
      return Error{wrong};
    append(number.is_number_unsigned() ? number.get<uint64_t>()
                                       : uint64_t(number.get<int64_t>()),
           size, bytes);
    return {};
  }
  std::optional<double> value = floatOf(number);
  if (!value)
    return Error{wrong};
  uint64_t bits = 0;
  if (type == NumberType::f16)
    bits = floatToHalf(float(*value));
  else if (type == NumberType::bf16)
    bits = floatToBfloat16(float(*value));
  else if (type == NumberType::f32)
    bits = std::bit_cast<uint32_t>(float(*value));
  else
    bits = std::bit_cast<uint64_t>(*value);
  append(bits, size, bytes);
  return {};
}

static nlohmann::ordered_json floatNumber(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value > 0 ? "inf" : "-inf";
  return value;
}

/// As the number with the fewest digits that is this float.
static double shortest(float value) {
  if (!std::isfinite(value))
    return value;
  char digits[32] = {};
  std::to_chars(digits, std::end(digits), value);
  double result = 0;
  std::from_chars(digits, std::end(digits), result);
  return result;
}

nlohmann::ordered_json quipu::readNumber(const std::byte *data,
                                         NumberType type) {
  uint64_t bits = 0;
  size_t size = numberBytes(type);
  std::memcpy(&bits, data, size);
  switch (type) {
  case NumberType::f16:
    return floatNumber(shortest(halfToFloat(uint16_t(bits))));
  case NumberType::bf16:
    return floatNumber(shortest(bfloat16ToFloat(uint16_t(bits))));
  case NumberType::f32:
    return floatNumber(shortest(std::bit_cast<float>(uint32_t(bits))));
  case NumberType::f64:
    return floatNumber(std::bit_cast<double>(bits));
  case NumberType::i8:
    return int8_t(bits);
  case NumberType::i16:
    return int16_t(bits);
  case NumberType::i32:
    return int32_t(bits);
  case NumberType::i64:
    return int64_t(bits);
  default:
    return bits;
  }
}
