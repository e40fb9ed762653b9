//===- GgufFile.h - One GGUF file, checked ----------------------*- C++ -*-===//
//
// Metadata and tensor directory of a GGUF file (versions 2 and 3, little
// endian), read in place from its mapping. After parse() every string, array
// and tensor lies inside the file and needs no further check.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_GGUF_GGUFFILE_H
#define QUIPU_FRONTENDS_GGUF_GGUFFILE_H

#include "base/ElementType.h"
#include "base/MappedFile.h"
#include "base/Result.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace quipu {

/// Value types of GGUF metadata, with the numbers of the format.
enum class GgufType : uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};

/// Name of a value type for messages: "u32", "string", ...
std::string_view name(GgufType type);

/// An array's elements, still in the file. Strings are in `bytes` with their
/// lengths in front; nested arrays with their type and count.
struct GgufArray {
  GgufType elementType;
  uint64_t count;
  std::span<const std::byte> bytes;

  /// Elements of an array of strings, in order.
  std::vector<std::string_view> strings() const;
  /// Elements of an array of numbers or booleans; empty for others. Integers
  /// beyond 2^53 lose their low bits.
  std::vector<double> numbers() const;
};

/// A metadata value: integers widened, floats as double, text as it stands.
struct GgufValue {
  GgufType type;
  std::variant<uint64_t, int64_t, double, bool, std::string_view, GgufArray>
      value;
};

/// A tensor as the directory states it. Dimension 0 runs fastest.
struct GgufTensor {
  std::string_view name;
  ElementType type;
  std::array<uint64_t, 4> dimensions; // trailing ones are 1
  uint32_t numDimensions;
  uint64_t offset; // from the start of the file
  uint64_t bytes;  // the whole tensor; within the file

  uint64_t columns() const { return dimensions[0]; }
  uint64_t rows() const {
    return dimensions[1] * dimensions[2] * dimensions[3];
  }
};

class GgufFile {
public:
  /// Maps and parses `path`.
  static Result<GgufFile> open(const std::string &path);

  /// Parses `bytes`, which outlive the result; `path` is for messages.
  static Result<GgufFile> parse(std::span<const std::byte> bytes,
                                const std::string &path);

  const std::string &path() const { return filePath; }
  uint32_t version() const { return formatVersion; }
  std::span<const std::byte> bytes() const { return contents; }

  /// Keys in the order of the file.
  const std::vector<std::pair<std::string_view, GgufValue>> &metadata() const {
    return entries;
  }
  const std::vector<GgufTensor> &tensors() const { return directory; }

  const GgufValue *find(std::string_view key) const;

  /// The value of `key`, or nothing if the key is absent; an error if its type
  /// does not fit. Integers accept every integer type within i64; an array of
  /// equal integers (per-layer values that do not differ) counts as one.
  Result<std::optional<int64_t>> integer(std::string_view key) const;
  Result<std::optional<double>> number(std::string_view key) const;
  Result<std::optional<bool>> boolean(std::string_view key) const;
  Result<std::optional<std::string>> string(std::string_view key) const;
  Result<std::optional<GgufArray>> array(std::string_view key,
                                         GgufType elementType) const;

private:
  friend class GgufParser;
  GgufFile() = default;

  Error typeError(std::string_view key, std::string_view expected) const;

  std::optional<MappedFile> mapping; // of open()
  std::string filePath;
  std::span<const std::byte> contents;
  uint32_t formatVersion = 0;
  std::vector<std::pair<std::string_view, GgufValue>> entries;
  std::unordered_map<std::string_view, size_t> entryByKey; // into entries
  std::vector<GgufTensor> directory;
};

} // namespace quipu

#endif // QUIPU_FRONTENDS_GGUF_GGUFFILE_H
