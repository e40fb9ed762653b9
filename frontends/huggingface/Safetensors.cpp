//===- Safetensors.cpp - One safetensors file, checked --------------------===//
//
// Layout (huggingface/safetensors, README): u64 length N, little endian; N
// bytes of JSON, {name: {dtype, shape, data_offsets: [begin, end]}}; the data,
// to which the offsets are relative.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/Safetensors.h"
#include "base/Json.h"
#include "base/MappedFile.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace quipu {
namespace {

constexpr uint64_t maxHeaderBytes = 100'000'000; // of the reference library
constexpr size_t maxRank = 8;

struct Dtype {
  std::string_view name;
  uint64_t bytes;
  std::optional<ElementType> type;
};
constexpr Dtype dtypes[] = {
    {"F32", 4, ElementType::f32},
    {"F16", 2, ElementType::f16},
    {"BF16", 2, ElementType::bf16},
    {"F64", 8, {}},
    {"I64", 8, {}},
    {"U64", 8, {}},
    {"I32", 4, {}},
    {"U32", 4, {}},
    {"I16", 2, {}},
    {"U16", 2, {}},
    {"I8", 1, {}},
    {"U8", 1, {}},
    {"BOOL", 1, {}},
    {"F8_E4M3", 1, {}},
    {"F8_E5M2", 1, {}},
};

/// Fills everything of `tensor` but its name; a message begins after the name.
Result<void> readEntry(const nlohmann::json &entry, uint64_t dataStart,
                       uint64_t dataBytes, SafetensorsTensor &tensor) {
  if (!entry.is_object() || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets"))
    return Error{"expected an object of dtype, shape and data_offsets"};
  const nlohmann::json &dtypeName = entry["dtype"];
  const Dtype *dtype = std::find_if(
      std::begin(dtypes), std::end(dtypes), [&](const Dtype &candidate) {
        return dtypeName.is_string() &&
               dtypeName.get_ref<const std::string &>() == candidate.name;
      });
  if (dtype == std::end(dtypes))
    return Error{"dtype " + dtypeName.dump(-1, ' ', true) + " is unknown"};
  tensor.dtype = dtype->name;
  tensor.type = dtype->type;

  const nlohmann::json &offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 ||
      !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
    return Error{"data_offsets: expected two numbers from 0"};
  auto begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
  if (begin > end || end > dataBytes)
    return Error{"data_offsets are [" + std::to_string(begin) + ", " +
                 std::to_string(end) + "], expected a range within the " +
                 std::to_string(dataBytes) +
                 " bytes of tensor data (is the file complete?)"};
  tensor.offset = dataStart + begin;
  tensor.bytes = end - begin;

  const nlohmann::json &shape = entry["shape"];
  if (!shape.is_array() || shape.size() > maxRank)
    return Error{"shape: expected a list of at most " +
                 std::to_string(maxRank) + " numbers"};
  uint64_t bytes = dtype->bytes;
  bool empty = false;
  for (const nlohmann::json &extent : shape) {
    if (!extent.is_number_unsigned())
      return Error{"shape: expected numbers from 0, found " +
                   extent.dump(-1, ' ', true)};
    tensor.shape.push_back(extent.get<uint64_t>());
    empty |= tensor.shape.back() == 0;
  }
  for (uint64_t extent : tensor.shape) {
    if (empty)
      break;
    if (bytes > tensor.bytes / extent) // also keeps the product from wrapping
      return Error{"data_offsets span " + std::to_string(tensor.bytes) +
                   " bytes, fewer than the shape needs"};
    bytes *= extent;
  }
  if (tensor.bytes != (empty ? 0 : bytes))
    return Error{"data_offsets span " + std::to_string(tensor.bytes) +
                 " bytes, expected " + std::to_string(empty ? 0 : bytes) +
                 " for the shape"};
  return {};
}

} // namespace

Result<SafetensorsFile> parseSafetensors(std::span<const std::byte> bytes,
                                         const std::string &path) {
  uint64_t headerBytes;
  if (bytes.size() < sizeof(headerBytes))
    return Error{path + ": file of " + std::to_string(bytes.size()) +
                 " bytes is too short for a safetensors header"};
  std::memcpy(&headerBytes, bytes.data(), sizeof(headerBytes));
  uint64_t most = std::min<uint64_t>(bytes.size() - 8, maxHeaderBytes);
  if (headerBytes > most)
    return Error{path + ": header of " + std::to_string(headerBytes) +
                 " bytes, expected at most " + std::to_string(most) +
                 " (not a safetensors file, or not complete)"};
  std::string_view text(reinterpret_cast<const char *>(bytes.data()) + 8,
                        static_cast<size_t>(headerBytes));
  Result<nlohmann::json> header = parseJson(text, path + ": header");
  if (!header)
    return header.error();
  if (!header->is_object())
    return Error{path + ": header: expected a JSON object"};
  SafetensorsFile file;
  file.fileSize = bytes.size();
  for (const auto &[name, entry] : header->items()) {
    if (name == "__metadata__")
      continue; // free text about the file
    SafetensorsTensor tensor;
    tensor.name = name;
    Result<void> read = readEntry(entry, 8 + headerBytes,
                                  bytes.size() - 8 - headerBytes, tensor);
    if (!read)
      return Error{path + ": tensor '" + name + "': " + read.error().message};
    file.tensors.push_back(std::move(tensor));
  }
  std::sort(file.tensors.begin(), file.tensors.end(),
            [](const auto &left, const auto &right) {
              return std::tie(left.offset, left.name) <
                     std::tie(right.offset, right.name);
            });
  const SafetensorsTensor *previous = nullptr; // the last that is not empty
  for (const SafetensorsTensor &tensor : file.tensors) {
    if (tensor.bytes == 0)
      continue;
    if (previous && previous->offset + previous->bytes > tensor.offset)
      return Error{path + ": tensors '" + previous->name + "' and '" +
                   tensor.name + "' overlap"};
    previous = &tensor;
  }
  return file;
}

Result<SafetensorsFile> readSafetensors(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  return parseSafetensors(file->bytes(), path);
}

} // namespace quipu
