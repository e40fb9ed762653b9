//===- Safetensors.h - One safetensors file, checked ------------*- C++ -*-===//
//
// The tensor directory of a safetensors file. After parse() every tensor lies
// inside the file, has the bytes that its shape needs, and overlaps no other.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HUGGINGFACE_SAFETENSORS_H
#define QUIPU_FRONTENDS_HUGGINGFACE_SAFETENSORS_H

#include "base/ElementType.h"
#include "base/Result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace quipu {

struct SafetensorsTensor {
  std::string name;
  std::string dtype;               // as in the file: "BF16"
  std::optional<ElementType> type; // nothing for a dtype we do not compute with
  std::vector<uint64_t> shape;     // slowest dimension first
  uint64_t offset;                 // from the start of the file
  uint64_t bytes;
};

struct SafetensorsFile {
  std::vector<SafetensorsTensor> tensors; // by offset
  uint64_t fileSize;
};

/// Parses the header in `bytes`, the whole file; `path` is for messages.
Result<SafetensorsFile> parseSafetensors(std::span<const std::byte> bytes,
                                         const std::string &path);

/// Maps and parses the file at `path`.
Result<SafetensorsFile> readSafetensors(const std::string &path);

} // namespace quipu

#endif // QUIPU_FRONTENDS_HUGGINGFACE_SAFETENSORS_H
