//===- GgufParser.cpp - Bytes to a checked GGUF file ----------------------===//
//
// The reader of untrusted bytes. Layout (ggml's docs/gguf.md): magic "GGUF",
// u32 version, u64 tensor count, u64 key count, the key-value pairs, the tensor
// infos, padding to general.alignment, the tensor data. Nothing is trusted: a
// cursor refuses to read past the end, and counts are bounded by the bytes
// left.
//
//===----------------------------------------------------------------------===//

#include "base/Utf8.h"
#include "frontends/gguf/GgufFile.h"
#include "frontends/gguf/GgufTypes.h"

#include <cstring>
#include <unordered_set>

namespace quipu {
namespace {

constexpr uint64_t maxKeyLength = 65535; // of the specification
constexpr uint64_t maxNameLength = 1024;
constexpr int maxArrayDepth = 4;
constexpr uint32_t maxDimensions = 4;
constexpr uint64_t defaultAlignment = 32;

} // namespace

/// Reads one file front to back. The first failure is kept in `failure` and
/// ends the parse.
class GgufParser {
public:
  GgufParser(std::span<const std::byte> bytes, const std::string &path)
      : bytes(bytes) {
    file.filePath = path;
    file.contents = bytes;
  }

  Result<GgufFile> parse() {
    if (readHeader() && readMetadata() && readDirectory() && placeTensors())
      return std::move(file);
    return Error{file.filePath + ": " + failure};
  }

private:
  bool fail(std::string message) {
    failure = std::move(message);
    return false;
  }
  uint64_t left() const { return bytes.size() - position; }

  template <typename T> bool read(T &value, std::string_view what) {
    if (left() < sizeof(T))
      return fail("file ends inside " + std::string(what) + " at byte " +
                  std::to_string(position) + ": expected " +
                  std::to_string(sizeof(T)) + " bytes, found " +
                  std::to_string(left()));
    std::memcpy(&value, bytes.data() + position, sizeof(T));
    position += sizeof(T);
    return true;
  }

  bool readString(std::string_view &text, uint64_t limit,
                  std::string_view what) {
    uint64_t length;
    if (!read(length, what))
      return false;
    if (length > limit || length > left())
      return fail("length of " + std::string(what) + " at byte " +
                  std::to_string(position - 8) + " is " +
                  std::to_string(length) + ", expected at most " +
                  std::to_string(std::min(limit, left())));
    text = {reinterpret_cast<const char *>(bytes.data()) + position,
            static_cast<size_t>(length)};
    position += length;
    if (!isUtf8(text))
      return fail(std::string(what) + " at byte " +
                  std::to_string(position - length) + " is not UTF-8 text");
    return true;
  }

  bool readHeader();
  bool readMetadata();
  bool readType(GgufType &type, std::string_view what);
  bool readValue(GgufValue &value, std::string_view key);
  bool readArray(GgufArray &array, std::string_view key, int depth);
  bool readDirectory();
  bool readTensor(GgufTensor &tensor);
  bool measureTensor(GgufTensor &tensor, uint32_t typeNumber);
  bool placeTensors();

  template <typename T, typename As>
  bool readScalar(GgufValue &value, std::string_view key) {
    T scalar;
    if (!read(scalar, "the value of " + std::string(key)))
      return false;
    value.value = static_cast<As>(scalar);
    return true;
  }

  std::span<const std::byte> bytes;
  uint64_t position = 0;
  uint64_t tensorCount = 0;
  uint64_t keyCount = 0;
  GgufFile file;
  std::string failure;
};

bool GgufParser::readHeader() {
  char magic[4];
  if (!read(magic, "the header"))
    return false;
  if (std::memcmp(magic, "GGUF", 4) != 0)
    return fail("not a GGUF file: it does not begin with \"GGUF\"");
  if (!read(file.formatVersion, "the header"))
    return false;
  if ((file.formatVersion & 0xffff) == 0 && file.formatVersion != 0)
    return fail("big-endian GGUF files are not supported");
  if (file.formatVersion != 2 && file.formatVersion != 3)
    return fail("GGUF version " + std::to_string(file.formatVersion) +
                " is not supported, expected 2 or 3");
  if (!read(tensorCount, "the header") || !read(keyCount, "the header"))
    return false;
  // A key takes at least its length, type and one byte; a tensor its name's
  // length, dimensions, type and offset.
  if (keyCount > left() / 13)
    return fail("header states " + std::to_string(keyCount) +
                " metadata keys, more than the file can hold");
  if (tensorCount > left() / 24)
    return fail("header states " + std::to_string(tensorCount) +
                " tensors, more than the file can hold");
  return true;
}

bool GgufParser::readMetadata() {
  for (uint64_t i = 0; i < keyCount; ++i) {
    std::string_view key;
    if (!readString(key, maxKeyLength, "a metadata key"))
      return false;
    GgufValue value;
    if (!readValue(value, key))
      return false;
    if (!file.entryByKey.emplace(key, file.entries.size()).second)
      return fail("metadata key '" + std::string(key) + "' appears twice");
    file.entries.emplace_back(key, value);
  }
  return true;
}

bool GgufParser::readType(GgufType &type, std::string_view what) {
  uint32_t number;
  if (!read(number, what))
    return false;
  if (number > static_cast<uint32_t>(GgufType::f64))
    return fail(std::string(what) + ": value type " + std::to_string(number) +
                " is unknown, expected 0 to 12");
  type = static_cast<GgufType>(number);
  return true;
}

bool GgufParser::readValue(GgufValue &value, std::string_view key) {
  if (!readType(value.type, key))
    return false;
  switch (value.type) {
  case GgufType::u8:
    return readScalar<uint8_t, uint64_t>(value, key);
  case GgufType::i8:
    return readScalar<int8_t, int64_t>(value, key);
  case GgufType::u16:
    return readScalar<uint16_t, uint64_t>(value, key);
  case GgufType::i16:
    return readScalar<int16_t, int64_t>(value, key);
  case GgufType::u32:
    return readScalar<uint32_t, uint64_t>(value, key);
  case GgufType::i32:
    return readScalar<int32_t, int64_t>(value, key);
  case GgufType::f32:
    return readScalar<float, double>(value, key);
  case GgufType::u64:
    return readScalar<uint64_t, uint64_t>(value, key);
  case GgufType::i64:
    return readScalar<int64_t, int64_t>(value, key);
  case GgufType::f64:
    return readScalar<double, double>(value, key);
  case GgufType::boolean: {
    uint8_t flag;
    if (!read(flag, key))
      return false;
    if (flag > 1)
      return fail(std::string(key) + ": a bool is " + std::to_string(flag) +
                  ", expected 0 or 1");
    value.value = flag == 1;
    return true;
  }
  case GgufType::string: {
    std::string_view text;
    if (!readString(text, left(), "the value of " + std::string(key)))
      return false;
    value.value = text;
    return true;
  }
  case GgufType::array: {
    GgufArray array{};
    if (!readArray(array, key, 1))
      return false;
    value.value = array;
    return true;
  }
  }
  return false;
}

bool GgufParser::readArray(GgufArray &array, std::string_view key, int depth) {
  if (depth > maxArrayDepth)
    return fail(std::string(key) + ": arrays nested deeper than " +
                std::to_string(maxArrayDepth) + " levels");
  if (!readType(array.elementType, key) || !read(array.count, key))
    return false;
  uint64_t least = leastGgufBytes(array.elementType);
  if (array.count > left() / least)
    return fail(std::string(key) + ": array of " + std::to_string(array.count) +
                " " + std::string(name(array.elementType)) +
                " elements does not fit into the " + std::to_string(left()) +
                " bytes left");
  uint64_t start = position;
  if (array.elementType == GgufType::string) {
    for (uint64_t i = 0; i < array.count; ++i) {
      std::string_view text;
      if (!readString(text, left(), "a string of " + std::string(key)))
        return false;
    }
  } else if (array.elementType == GgufType::array) {
    for (uint64_t i = 0; i < array.count; ++i) {
      GgufArray inner{};
      if (!readArray(inner, key, depth + 1))
        return false;
    }
  } else {
    position += array.count * least;
  }
  array.bytes = bytes.subspan(start, position - start);
  return true;
}

bool GgufParser::readDirectory() {
  std::unordered_set<std::string_view> names;
  for (uint64_t i = 0; i < tensorCount; ++i) {
    GgufTensor tensor;
    if (!readTensor(tensor))
      return false;
    if (!names.insert(tensor.name).second)
      return fail("tensor '" + std::string(tensor.name) + "' appears twice");
    file.directory.push_back(tensor);
  }
  return true;
}

bool GgufParser::readTensor(GgufTensor &tensor) {
  uint32_t typeNumber;
  if (!readString(tensor.name, maxNameLength, "a tensor name") ||
      !read(tensor.numDimensions, tensor.name))
    return false;
  if (tensor.numDimensions < 1 || tensor.numDimensions > maxDimensions)
    return fail("tensor '" + std::string(tensor.name) + "' has " +
                std::to_string(tensor.numDimensions) +
                " dimensions, expected 1 to 4");
  tensor.dimensions.fill(1);
  for (uint32_t i = 0; i < tensor.numDimensions; ++i)
    if (!read(tensor.dimensions[i], tensor.name))
      return false;
  if (!read(typeNumber, tensor.name) || !read(tensor.offset, tensor.name))
    return false;
  return measureTensor(tensor, typeNumber);
}

/// Computes the tensor's size, refusing one that cannot be in the file: with
/// that bound no product of dimensions overflows later.
bool GgufParser::measureTensor(GgufTensor &tensor, uint32_t typeNumber) {
  std::string prefix = "tensor '" + std::string(tensor.name) + "'";
  std::optional<ElementType> type = ggufElementType(typeNumber);
  if (!type)
    return fail(prefix + " has type " + std::to_string(typeNumber) +
                ", which is not supported (supported: F32 F16 BF16 Q8_0 Q4_0 "
                "Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K)");
  tensor.type = *type;
  uint64_t block = static_cast<uint64_t>(blockElements(*type));
  if (tensor.columns() % block != 0)
    return fail(prefix + " has rows of " + std::to_string(tensor.columns()) +
                " elements, expected a multiple of " + std::to_string(block) +
                " for " + std::string(quipu::name(*type)));
  uint64_t size = static_cast<uint64_t>(blockBytes(*type));
  for (uint32_t i = 0; i < maxDimensions; ++i) {
    uint64_t extent = tensor.dimensions[i] / (i == 0 ? block : 1);
    if (extent == 0)
      return fail(prefix + " has an empty dimension");
    if (size > bytes.size() / extent)
      return fail(prefix + " is larger than the file");
    size *= extent;
  }
  tensor.bytes = size;
  return true;
}

/// Makes offsets absolute once the directory's end is known.
bool GgufParser::placeTensors() {
  Result<std::optional<int64_t>> stated = file.integer("general.alignment");
  if (!stated) // the message begins with the path already
    return fail(stated.error().message.substr(file.filePath.size() + 2));
  int64_t value = stated->value_or(defaultAlignment);
  if (value < 1 || value > (int64_t(1) << 30) || (value & (value - 1)) != 0)
    return fail("general.alignment is " + std::to_string(value) +
                ", expected a power of two");
  uint64_t alignment = static_cast<uint64_t>(value);
  uint64_t data = (position + alignment - 1) / alignment * alignment;
  for (GgufTensor &tensor : file.directory) {
    std::string prefix = "tensor '" + std::string(tensor.name) + "'";
    if (tensor.offset % alignment != 0)
      return fail(prefix + " begins at offset " +
                  std::to_string(tensor.offset) + ", expected a multiple of " +
                  std::to_string(alignment));
    if (data > bytes.size() || tensor.offset > bytes.size() - data ||
        tensor.bytes > bytes.size() - data - tensor.offset)
      return fail(prefix + " ends beyond the file: offset " +
                  std::to_string(tensor.offset) + " plus " +
                  std::to_string(tensor.bytes) + " bytes, but the file has " +
                  std::to_string(bytes.size() -
                                 std::min<uint64_t>(data, bytes.size())) +
                  " bytes of tensor data (is it complete?)");
    tensor.offset += data;
  }
  return true;
}

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes,
                                 const std::string &path) {
  return GgufParser(bytes, path).parse();
}

Result<GgufFile> GgufFile::open(const std::string &path) {
  Result<MappedFile> mapping = MappedFile::open(path);
  if (!mapping)
    return mapping.error();
  Result<GgufFile> file = parse(mapping->bytes(), path);
  if (file)
    file->mapping = std::move(*mapping);
  return file;
}

} // namespace quipu
