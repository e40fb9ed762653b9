//===- LaunchParameters.cpp - Parameters in a launch file -----------------===//
//
// Numbers, addresses of buffers and structs of them, laid out as C++ does.
// Plain numbers stay numbers until the kernel says of which type.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/emulate/LaunchReader.h"

#include <algorithm>
#include <bit>

using namespace quipu;
using nlohmann::json;

static constexpr uint64_t mostAlign = 128; // of a field
static constexpr int mostStructDepth = 16;

static size_t alignUp(size_t size, size_t align) {
  return (size + align - 1) / align * align;
}

/// Puts `field` behind `to`, at the next multiple of its alignment.
static void append(LaunchFile::Parameter &to,
                   const LaunchFile::Parameter &field) {
  size_t at = alignUp(to.bytes.size(), field.align);
  to.bytes.resize(at);
  to.bytes.insert(to.bytes.end(), field.bytes.begin(), field.bytes.end());
  for (LaunchFile::Pointer pointer : field.pointers) {
    pointer.at += at;
    to.pointers.push_back(pointer);
  }
  to.align = std::max(to.align, field.align);
}

/// The address of a buffer: its name, or an object with an offset.
Result<LaunchFile::Parameter>
LaunchReader::readPointer(const json &value, const std::string &where) const {
  LaunchFile::Pointer pointer;
  Result<int> buffer = findBuffer(
      value.is_object() ? value.value("buffer", json()) : value, where);
  if (!buffer)
    return buffer.error();
  pointer.buffer = *buffer;
  if (value.is_object()) {
    Result<void> keys = checkKeys(value, where, {"buffer", "offset"});
    if (!keys)
      return keys.error();
    Result<uint64_t> offset =
        readCount(value, "offset", where,
                  file.buffers[size_t(*buffer)].contents.size(), 0);
    if (!offset)
      return offset.error();
    pointer.offset = *offset;
  }
  LaunchFile::Parameter parameter;
  parameter.align = sizeof(uint64_t);
  parameter.bytes.resize(sizeof(uint64_t));
  parameter.pointers.push_back(pointer);
  return parameter;
}

/// Numbers of one type, or addresses among integers of 64 bits.
Result<LaunchFile::Parameter>
LaunchReader::readTyped(const json &value, const std::string &where) const {
  Result<void> keys = checkKeys(value, where, {"type", "value", "align"});
  if (!keys)
    return keys.error();
  if (!value.contains("type") || !value.contains("value"))
    return wrong(where, "expected a number, the name of a buffer, a list of "
                        "fields, or an object with type and value, found " +
                            shown(value));
  Result<NumberType> type = readType(value, where, NumberType::u8);
  if (!type)
    return type.error();
  LaunchFile::Parameter parameter;
  Result<uint64_t> align =
      readCount(value, "align", where, mostAlign, numberBytes(*type));
  if (!align)
    return align.error();
  if (!std::has_single_bit(*align))
    return wrong(where, "align: expected a power of two, found " +
                            std::to_string(*align));
  parameter.align = *align;
  bool mayPoint = *type == NumberType::u64 || *type == NumberType::i64;
  const json &given = value["value"];
  for (const json &element : given.is_array() ? given : json::array({given})) {
    if (mayPoint && (element.is_string() || element.is_object())) {
      Result<LaunchFile::Parameter> pointer = readPointer(element, where);
      if (!pointer)
        return pointer.error();
      pointer->align = 1; // as `type` or `align` says
      append(parameter, *pointer);
      continue;
    }
    Result<void> appended = appendNumber(element, *type, parameter.bytes);
    if (!appended)
      return wrong(where, appended.error().message);
  }
  return parameter;
}

/// The fields of a struct, each at a multiple of its alignment, as C++ lays
/// them out.
Result<LaunchFile::Parameter> LaunchReader::readFields(const json &list,
                                                       const std::string &where,
                                                       int depth) const {
  LaunchFile::Parameter parameter;
  if (list.empty() || depth == mostStructDepth)
    return wrong(where, list.empty()
                            ? "expected a list of one or more fields, found []"
                            : "lists of fields are nested too deep: expected "
                              "at most " +
                                  std::to_string(mostStructDepth) + " levels");
  for (size_t i = 0; i < list.size(); ++i) {
    std::string at = where + "[" + std::to_string(i) + "]";
    if (list[i].is_number())
      return wrong(at, "expected a field with its type, as in {\"type\": "
                       "\"i32\", \"value\": " +
                           shown(list[i]) + "}, found " + shown(list[i]));
    Result<LaunchFile::Parameter> field = readParameter(list[i], at, depth + 1);
    if (!field)
      return field;
    append(parameter, *field);
  }
  parameter.bytes.resize(alignUp(parameter.bytes.size(), parameter.align));
  return parameter;
}

Result<LaunchFile::Parameter>
LaunchReader::readParameter(const json &value, const std::string &where,
                            int depth) const {
  if (value.is_number()) {
    LaunchFile::Parameter parameter;
    parameter.number = value;
    return parameter;
  }
  if (value.is_array())
    return readFields(value, where, depth);
  bool isBuffer =
      value.is_string() || (value.is_object() && value.contains("buffer"));
  return isBuffer ? readPointer(value, where) : readTyped(value, where);
}
