//===- LaunchFile.cpp - What to run, as JSON ------------------------------===//
//
// Every key is checked: one that is not known is a typing error and not a
// default.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/emulate/LaunchFile.h"

#include "base/Json.h"
#include "tools/commands/emulate/BufferContents.h"
#include "tools/commands/emulate/LaunchReader.h"

#include <algorithm>
#include <filesystem>

using namespace quipu;
using namespace quipu::emulator;
using nlohmann::json;

std::string LaunchReader::shown(const json &value) {
  constexpr size_t most = 60;
  if (value.is_null())
    return "nothing";
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true);
  if (text.size() > most)
    text = text.substr(0, most) + "...";
  return text;
}

Result<void>
LaunchReader::checkKeys(const json &object, const std::string &where,
                        std::initializer_list<std::string_view> known) const {
  if (!object.is_object())
    return wrong(where, "expected an object, found " + shown(object));
  for (const auto &[key, value] : object.items())
    if (!std::ranges::count(known, key)) {
      std::string all;
      for (std::string_view each : known)
        all += (all.empty() ? "" : ", ") + std::string(each);
      return wrong(where, "unknown key '" + key + "', expected one of " + all);
    }
  return {};
}

Result<int> LaunchReader::findBuffer(const json &name,
                                     const std::string &where) const {
  auto at = std::ranges::find_if(
      file.buffers, [&](const auto &buffer) { return name == buffer.name; });
  if (at == file.buffers.end())
    return wrong(where, "expected the name of a buffer, found " + shown(name));
  return int(at - file.buffers.begin());
}

Result<NumberType> LaunchReader::readType(const json &object,
                                          const std::string &where,
                                          NumberType otherwise) const {
  if (!object.contains("type"))
    return otherwise;
  const json &type = object["type"];
  std::optional<NumberType> parsed;
  if (type.is_string())
    parsed = parseNumberType(type.get_ref<const std::string &>());
  if (!parsed)
    return wrong(where, "type: expected f16, bf16, f32, f64 or i8 to u64, "
                        "found " +
                            shown(type));
  return *parsed;
}

Result<uint64_t> LaunchReader::readCount(const json &object, const char *key,
                                         const std::string &where,
                                         uint64_t most,
                                         uint64_t otherwise) const {
  if (!object.contains(key))
    return otherwise;
  const json &value = object[key];
  if (!value.is_number_unsigned() || value.get<uint64_t>() > most)
    return wrong(where, std::string(key) + ": expected an integer of 0 to " +
                            std::to_string(most) + ", found " + shown(value));
  return value.get<uint64_t>();
}

Result<void> LaunchReader::readRole(const json &description,
                                    const std::string &where,
                                    LaunchFile::Buffer &buffer) const {
  if (!description.contains("role"))
    return {};
  std::string known;
  for (int i = 0; i < emulator::bufferRoles; ++i) {
    auto role = emulator::BufferRole(i);
    if (description["role"] == name(role))
      buffer.role = role;
    known += (i > 0 ? ", " : "") + std::string(name(role));
  }
  if (!buffer.role)
    return wrong(where, "role: expected one of " + known + ", found " +
                            shown(description["role"]));
  return {};
}

Result<void> LaunchReader::readBuffers(const json &document) {
  if (!document.contains("buffers"))
    return {};
  const json &buffers = document["buffers"];
  if (!buffers.is_object())
    return wrong("buffers", "expected an object, found " + shown(buffers));
  uint64_t total = 0;
  for (const auto &[name, description] : buffers.items()) {
    std::string where = "buffers." + name;
    Result<void> keys = checkKeys(description, where,
                                  {"type", "count", "data", "values", "file",
                                   "range", "seed", "writable", "role"});
    if (!keys)
      return keys;
    LaunchFile::Buffer buffer;
    buffer.name = name;
    Result<NumberType> type = readType(description, where, NumberType::u8);
    if (!type)
      return type.error();
    buffer.type = *type;
    if (description.contains("writable")) {
      if (!description["writable"].is_boolean())
        return wrong(where, "writable: expected true or false, found " +
                                shown(description["writable"]));
      buffer.writable = description["writable"].get<bool>();
    }
    Result<void> role = readRole(description, where, buffer);
    if (!role)
      return role;
    uint64_t most = (mostContentBytes - total) / numberBytes(*type);
    Result<uint64_t> count =
        readCount(description, "count", where, most, UINT64_MAX);
    if (!count)
      return count.error();
    Result<void> filled = fillBuffer(
        description, *count,
        std::filesystem::path(file.path).parent_path().string(), buffer);
    if (!filled)
      return wrong(where, filled.error().message);
    total += buffer.contents.size();
    if (total > mostContentBytes)
      return wrong(where,
                   "expected at most " + std::to_string(mostContentBytes) +
                       " bytes of buffers, found " + std::to_string(total));
    file.buffers.push_back(std::move(buffer));
  }
  return {};
}

Result<Extent> LaunchReader::readExtent(const json &value,
                                        const std::string &where) const {
  Extent extent;
  uint32_t *parts[] = {&extent.x, &extent.y, &extent.z};
  json list = value.is_array() ? value : json::array({value});
  bool fine = !list.empty() && list.size() <= 3;
  for (size_t i = 0; fine && i < list.size(); ++i) {
    fine = list[i].is_number_unsigned() && list[i].get<uint64_t>() >= 1 &&
           list[i].get<uint64_t>() <= INT32_MAX;
    if (fine)
      *parts[i] = list[i].get<uint32_t>();
  }
  if (!fine)
    return wrong(where, "expected one to three positive integers, found " +
                            shown(value));
  return extent;
}

Result<void> LaunchReader::readLaunch(const json &launch,
                                      const std::string &where) {
  Result<void> keys = checkKeys(
      launch, where, {"kernel", "grid", "block", "shared", "parameters"});
  if (!keys)
    return keys;
  LaunchFile::Launch read;
  const json kernel = launch.value("kernel", json());
  if (!kernel.is_string())
    return wrong(where, "kernel: expected a name, found " + shown(kernel));
  read.kernel = kernel.get<std::string>();
  if (launch.contains("grid")) {
    Result<Extent> grid = readExtent(launch["grid"], where + ".grid");
    if (!grid)
      return grid.error();
    read.grid = *grid;
  }
  if (launch.contains("block")) {
    Result<Extent> block = readExtent(launch["block"], where + ".block");
    if (!block)
      return block.error();
    read.block = *block;
  }
  Result<uint64_t> shared = readCount(launch, "shared", where, UINT32_MAX, 0);
  if (!shared)
    return shared.error();
  read.sharedBytes = uint32_t(*shared);
  json parameters = launch.value("parameters", json::array());
  if (!parameters.is_array())
    return wrong(where,
                 "parameters: expected a list, found " + shown(parameters));
  for (const json &value : parameters) {
    Result<LaunchFile::Parameter> parameter = readParameter(
        value,
        where + ".parameters[" + std::to_string(read.parameters.size()) + "]",
        0);
    if (!parameter)
      return parameter.error();
    read.parameters.push_back(std::move(*parameter));
  }
  file.launches.push_back(std::move(read));
  return {};
}

Result<void> LaunchReader::readOutput(const json &output,
                                      const std::string &where) {
  Result<void> keys =
      checkKeys(output, where, {"buffer", "type", "first", "count", "file"});
  if (!keys)
    return keys;
  Result<int> index = findBuffer(output.value("buffer", json()), where);
  if (!index)
    return index.error();
  const LaunchFile::Buffer &buffer = file.buffers[size_t(*index)];
  Result<NumberType> type = readType(output, where, buffer.type);
  if (!type)
    return type.error();
  uint64_t elements = buffer.contents.size() / numberBytes(*type);
  Result<uint64_t> first = readCount(output, "first", where, elements, 0);
  if (!first)
    return first.error();
  Result<uint64_t> count =
      readCount(output, "count", where, elements - *first, elements - *first);
  if (!count)
    return count.error();
  LaunchFile::Output read{*index, *type, *first, *count, {}};
  if (output.contains("file")) {
    if (!output["file"].is_string())
      return wrong(where,
                   "file: expected a path, found " + shown(output["file"]));
    std::filesystem::path folder =
        std::filesystem::path(file.path).parent_path();
    read.file = (folder / output["file"].get<std::string>()).string();
  }
  file.outputs.push_back(std::move(read));
  return {};
}

Result<LaunchFile> LaunchReader::read() {
  Result<json> document = readJson(file.path);
  if (!document)
    return document.error();
  if (!document->is_object())
    return Error{file.path + ": expected an object, found " + shown(*document)};
  for (const auto &[key, value] : document->items())
    if (key != "buffers" && key != "launches" && key != "outputs")
      return Error{file.path + ": unknown key '" + key +
                   "', expected one of buffers, launches, outputs"};
  Result<void> buffers = readBuffers(*document);
  if (!buffers)
    return buffers.error();
  for (const char *key : {"launches", "outputs"}) {
    const json list = document->value(key, json::array());
    if (!list.is_array())
      return wrong(key, "expected a list, found " + shown(list));
    for (size_t i = 0; i < list.size(); ++i) {
      std::string where = std::string(key) + "[" + std::to_string(i) + "]";
      Result<void> read = key[0] == 'l' ? readLaunch(list[i], where)
                                        : readOutput(list[i], where);
      if (!read)
        return read.error();
    }
  }
  if (file.launches.empty())
    return Error{file.path + ": launches: expected at least one"};
  return std::move(file);
}

Result<LaunchFile> quipu::readLaunchFile(const std::string &path) {
  return LaunchReader(path).read();
}
