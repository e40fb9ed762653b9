//===- BufferContents.cpp - What a buffer begins with ---------------------===//
//
// Random contents depend on the seed alone, so that a launch file means the
// same everywhere.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/emulate/BufferContents.h"

#include "base/MappedFile.h"

#include <cmath>
#include <filesystem>

using namespace quipu;
using nlohmann::json;

namespace {

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
/// Generators", 2014).
struct Random {
  uint64_t state;

  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  double uniform() { return double(next() >> 11) * 0x1p-53; } // [0, 1)
};

} // namespace

static Result<void> fillFromValues(const json &values,
                                   LaunchFile::Buffer &buffer) {
  if (!values.is_array())
    return Error{"values: expected a list, found " +
                 std::string(values.type_name())};
  for (const json &value : values) {
    Result<void> appended = appendNumber(value, buffer.type, buffer.contents);
    if (!appended)
      return Error{"values: " + appended.error().message};
  }
  return {};
}

static Result<void> fillFromFile(const json &path, const std::string &folder,
                                 LaunchFile::Buffer &buffer) {
  if (!path.is_string())
    return Error{"file: expected a path, found " +
                 std::string(path.type_name())};
  Result<MappedFile> file = MappedFile::open(
      (std::filesystem::path(folder) / path.get<std::string>()).string());
  if (!file)
    return file.error();
  if (file->bytes().size() > mostContentBytes)
    return Error{"file: expected at most " + std::to_string(mostContentBytes) +
                 " bytes, found " + std::to_string(file->bytes().size())};
  buffer.contents.assign(file->bytes().begin(), file->bytes().end());
  return {};
}

/// Numbers in [low, high]: any float between, or any integer.
static Result<void> fillRandomly(const json &description, uint64_t count,
                                 LaunchFile::Buffer &buffer) {
  json range = description.value("range", isFloat(buffer.type) ? json{-1.0, 1.0}
                                                               : json{0, 100});
  json seed = description.value("seed", json(1u));
  if (!range.is_array() || range.size() != 2 || !range[0].is_number() ||
      !range[1].is_number() ||
      !(range[0].get<double>() <= range[1].get<double>()))
    return Error{"range: expected two numbers, the lower first, found " +
                 range.dump()};
  if (!seed.is_number_unsigned())
    return Error{"seed: expected an integer, found " + seed.dump()};
  double low = range[0].get<double>(), high = range[1].get<double>();
  bool whole = !isFloat(buffer.type);
  if (whole && !(std::abs(low) < 0x1p53 && std::abs(high) < 0x1p53))
    return Error{"range: expected integers below 2^53"};
  Random random{seed.get<uint64_t>()};
  buffer.contents.reserve(count * numberBytes(buffer.type));
  for (uint64_t i = 0; i < count; ++i) {
    double value = low + random.uniform() * (high - low + (whole ? 1 : 0));
    json number = whole ? json(int64_t(std::floor(value))) : json(value);
    Result<void> appended = appendNumber(number, buffer.type, buffer.contents);
    if (!appended)
      return Error{"range: " + appended.error().message};
  }
  return {};
}

Result<void> quipu::fillBuffer(const json &description, uint64_t count,
                               const std::string &folder,
                               LaunchFile::Buffer &buffer) {
  bool values = description.contains("values");
  bool file = description.contains("file");
  json data = description.value("data", json("uninitialized"));
  if (values + file + description.contains("data") > 1)
    return Error{"expected one of values, file and data"};
  size_t size = numberBytes(buffer.type);
  if (values || file) {
    Result<void> filled =
        values ? fillFromValues(description["values"], buffer)
               : fillFromFile(description["file"], folder, buffer);
    if (!filled)
      return filled;
    if (count != UINT64_MAX && buffer.contents.size() != count * size)
      return Error{"expected " + std::to_string(count * size) +
                   " bytes for count, found " +
                   std::to_string(buffer.contents.size())};
    return {};
  }
  if (count == UINT64_MAX)
    return Error{"count: expected a number of elements"};
  if (data == "random")
    return fillRandomly(description, count, buffer);
  if (data != "zeros" && data != "uninitialized")
    return Error{"data: expected zeros, uninitialized or random, found " +
                 data.dump()};
  buffer.defined = data == "zeros";
  buffer.contents.resize(count * size);
  return {};
}
