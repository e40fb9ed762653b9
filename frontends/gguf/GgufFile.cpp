//===- GgufFile.cpp - Typed access to GGUF metadata -----------------------===//
//
// What readers ask of a parsed file. The layout of array elements is the one
// GgufParser checked, so they are decoded here without further bounds.
//
//===----------------------------------------------------------------------===//

#include "frontends/gguf/GgufFile.h"

#include <cstring>
#include <iterator>
#include <limits>

namespace quipu {
namespace {

constexpr std::string_view typeNames[] = {
    "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
    "bool", "string", "array", "u64", "i64", "f64"};

/// Reads a T at the front of `bytes` and drops it from there.
template <typename T> T take(std::span<const std::byte> &bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes = bytes.subspan(sizeof(T));
  return value;
}

double takeNumber(GgufType type, std::span<const std::byte> &bytes) {
  switch (type) {
  case GgufType::u8:
  case GgufType::boolean:
    return take<uint8_t>(bytes);
  case GgufType::i8:
    return take<int8_t>(bytes);
  case GgufType::u16:
    return take<uint16_t>(bytes);
  case GgufType::i16:
    return take<int16_t>(bytes);
  case GgufType::u32:
    return take<uint32_t>(bytes);
  case GgufType::i32:
    return take<int32_t>(bytes);
  case GgufType::f32:
    return take<float>(bytes);
  case GgufType::u64:
    return static_cast<double>(take<uint64_t>(bytes));
  case GgufType::i64:
    return static_cast<double>(take<int64_t>(bytes));
  case GgufType::f64:
    return take<double>(bytes);
  case GgufType::string:
  case GgufType::array:
    break;
  }
  return 0;
}

bool isInteger(GgufType type) {
  return type != GgufType::f32 && type != GgufType::f64 &&
         type != GgufType::boolean && type != GgufType::string &&
         type != GgufType::array;
}

} // namespace

std::string_view name(GgufType type) {
  return typeNames[static_cast<uint32_t>(type)];
}

std::vector<std::string_view> GgufArray::strings() const {
  std::vector<std::string_view> result;
  if (elementType != GgufType::string)
    return result;
  result.reserve(count);
  std::span<const std::byte> rest = bytes;
  for (uint64_t i = 0; i < count; ++i) {
    auto length = static_cast<size_t>(take<uint64_t>(rest));
    result.emplace_back(reinterpret_cast<const char *>(rest.data()), length);
    rest = rest.subspan(length);
  }
  return result;
}

std::vector<double> GgufArray::numbers() const {
  std::vector<double> result;
  if (elementType == GgufType::string || elementType == GgufType::array)
    return result;
  result.reserve(count);
  std::span<const std::byte> rest = bytes;
  for (uint64_t i = 0; i < count; ++i)
    result.push_back(takeNumber(elementType, rest));
  return result;
}

const GgufValue *GgufFile::find(std::string_view key) const {
  auto found = entryByKey.find(key);
  return found == entryByKey.end() ? nullptr : &entries[found->second].second;
}

Error GgufFile::typeError(std::string_view key,
                          std::string_view expected) const {
  const GgufValue *value = find(key);
  std::string found(name(value->type));
  if (auto *array = std::get_if<GgufArray>(&value->value))
    found += " of " + std::string(name(array->elementType));
  return Error{filePath + ": " + std::string(key) + ": expected " +
               std::string(expected) + ", found " + found};
}

Result<std::optional<int64_t>> GgufFile::integer(std::string_view key) const {
  const GgufValue *value = find(key);
  if (!value)
    return std::optional<int64_t>();
  if (auto *number = std::get_if<int64_t>(&value->value))
    return std::optional<int64_t>(*number);
  if (auto *number = std::get_if<uint64_t>(&value->value)) {
    if (*number > uint64_t(std::numeric_limits<int64_t>::max()))
      return Error{filePath + ": " + std::string(key) + ": " +
                   std::to_string(*number) + " is too large"};
    return std::optional<int64_t>(static_cast<int64_t>(*number));
  }
  auto *array = std::get_if<GgufArray>(&value->value);
  if (!array || !isInteger(array->elementType) || array->count == 0)
    return typeError(key, "an integer");
  // Files with per-layer numbers; a model whose layers are alike needs one.
  std::span<const std::byte> rest = array->bytes;
  double first = takeNumber(array->elementType, rest);
  for (uint64_t i = 1; i < array->count; ++i)
    if (takeNumber(array->elementType, rest) != first)
      return Error{filePath + ": " + std::string(key) +
                   ": values that differ between layers are not supported"};
  if (!(first >= -9e15 && first <= 9e15))
    return Error{filePath + ": " + std::string(key) + ": value out of range"};
  return std::optional<int64_t>(static_cast<int64_t>(first));
}

Result<std::optional<double>> GgufFile::number(std::string_view key) const {
  const GgufValue *value = find(key);
  if (!value)
    return std::optional<double>();
  if (auto *number = std::get_if<double>(&value->value))
    return std::optional<double>(*number);
  if (auto *number = std::get_if<int64_t>(&value->value))
    return std::optional<double>(static_cast<double>(*number));
  if (auto *number = std::get_if<uint64_t>(&value->value))
    return std::optional<double>(static_cast<double>(*number));
  return typeError(key, "a number");
}

Result<std::optional<bool>> GgufFile::boolean(std::string_view key) const {
  const GgufValue *value = find(key);
  if (!value)
    return std::optional<bool>();
  if (auto *flag = std::get_if<bool>(&value->value))
    return std::optional<bool>(*flag);
  return typeError(key, "a bool");
}

Result<std::optional<std::string>>
GgufFile::string(std::string_view key) const {
  const GgufValue *value = find(key);
  if (!value)
    return std::optional<std::string>();
  if (auto *text = std::get_if<std::string_view>(&value->value))
    return std::optional<std::string>(std::string(*text));
  return typeError(key, "a string");
}

Result<std::optional<GgufArray>> GgufFile::array(std::string_view key,
                                                 GgufType elementType) const {
  const GgufValue *value = find(key);
  if (!value)
    return std::optional<GgufArray>();
  auto *array = std::get_if<GgufArray>(&value->value);
  if (!array || array->elementType != elementType)
    return typeError(key, "an array of " + std::string(name(elementType)));
  return std::optional<GgufArray>(*array);
}

} // namespace quipu
