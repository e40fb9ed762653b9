//===- ModelFiles.h - Small model files for tests ---------------*- C++ -*-===//
//
// Writers of GGUF and safetensors files, and a small LLaMA in both formats:
// what tests of frontends, compiler and runtime open. Writers check nothing, so
// that a test can write what no reader should accept.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_FRONTENDS_MODELFILES_H
#define QUIPU_TEST_FRONTENDS_MODELFILES_H

#include "base/ElementType.h"
#include "frontends/gguf/GgufFile.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::test {

/// A folder under the system's temporary one, removed with what is in it.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::string &path() const { return folder; }
  /// Writes `contents` to `name` inside and returns the whole path.
  std::string write(const std::string &name, std::string_view contents) const;

private:
  std::string folder;
};

/// Values as little-endian bytes.
template <typename T> std::string bytesOf(T value) {
  return std::string(reinterpret_cast<const char *>(&value), sizeof(T));
}

/// A GGUF string: its length as u64, then its bytes.
std::string ggufString(std::string_view text);

/// Builds a GGUF file part by part.
class GgufWriter {
public:
  uint32_t version = 3;
  uint64_t alignment = 32; // of tensor data; also write the key to change it

  GgufWriter &u32(std::string_view key, uint32_t value);
  GgufWriter &f32(std::string_view key, float value);
  GgufWriter &boolean(std::string_view key, bool value);
  GgufWriter &string(std::string_view key, std::string_view value);
  GgufWriter &strings(std::string_view key,
                      const std::vector<std::string> &values);
  GgufWriter &i32s(std::string_view key, const std::vector<int32_t> &values);
  GgufWriter &f32s(std::string_view key, const std::vector<float> &values);
  /// A value as it stands in the file, without its type.
  GgufWriter &raw(std::string_view key, uint32_t type, std::string_view value);
  /// Takes `key` out again.
  GgufWriter &erase(std::string_view key);

  /// `dimensions` fastest first: (columns, rows).
  GgufWriter &tensor(std::string_view name, ElementType type,
                     std::vector<uint64_t> dimensions, std::string_view data);
  GgufWriter &eraseTensor(std::string_view name);

  std::string finish() const;

private:
  struct Entry {
    std::string key;
    uint32_t type;
    std::string value;
  };
  struct Tensor {
    std::string name;
    uint32_t type;
    std::vector<uint64_t> dimensions;
    std::string data;
  };
  std::vector<Entry> entries;
  std::vector<Tensor> tensors;
};

/// A safetensors file from a JSON header and the data behind it.
std::string safetensors(std::string_view header, std::string_view data);

/// A LLaMA that is quick to compute, with seeded random weights. Both formats
/// hold the same numbers (query and key rows permuted in GGUF).
struct SmallModel {
  int64_t hiddenSize = 64;
  int64_t intermediateSize = 96;
  int64_t layers = 2;
  int64_t heads = 4;
  int64_t keyValueHeads = 2;
  int64_t headDim = 16;
  int64_t vocabSize = 40;
  int64_t context = 128;
  bool tied = false;
  bool attentionBias = false; // on q, k, v and o
  bool mlpBias = false;
  uint32_t seed = 1;
  /// Stored type of a matrix by Quipu's name; norms and biases are f32. In
  /// safetensors f32, f16 or bf16 only.
  std::function<ElementType(const std::string &)> type =
      [](const std::string &) { return ElementType::f32; };
};

/// The model as GGUF, with a byte-level tokenizer of single letters; more keys
/// can be added before finish().
GgufWriter smallGguf(const SmallModel &model);

/// The model as config.json and model.safetensors in `folder`.
void writeSmallFolder(const SmallModel &model, const TemporaryFolder &folder);

} // namespace quipu::test

#endif // QUIPU_TEST_FRONTENDS_MODELFILES_H
