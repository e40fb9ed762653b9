//===- GgufFuzzer.cpp - Random bytes as a GGUF model ----------------------===//
//
// The parser alone, then the whole frontend on the same bytes in a file: every
// message must be made, and every value read must lie inside the mapping.
//
//===----------------------------------------------------------------------===//

#include "base/Dequantize.h"
#include "frontends/ModelChecks.h"
#include "frontends/gguf/GgufModel.h"
#include "test/fuzz/MemoryFile.h"

#include <cstdlib>
#include <vector>

using namespace quipu;

namespace {

/// Touches all that a parsed file offers.
void readAll(const GgufFile &file) {
  for (const auto &[key, value] : file.metadata()) {
    (void)file.integer(key);
    (void)file.number(key);
    (void)file.string(key);
    (void)file.boolean(key);
    if (const auto *array = std::get_if<GgufArray>(&value.value)) {
      (void)array->strings();
      (void)array->numbers();
    }
  }
  for (const GgufTensor &tensor : file.tensors()) {
    // One row is decoded: its bytes are inside or the sanitizer says so.
    if (tensor.columns() > 4096)
      continue;
    std::vector<float> row(size_t(tensor.columns()));
    dequantizeRow(
        tensor.type,
        file.bytes().subspan(
            tensor.offset, size_t(rowBytes(tensor.type, int64_t(row.size())))),
        std::span<float>(row));
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Result<GgufFile> file =
      GgufFile::parse({reinterpret_cast<const std::byte *>(data), size}, "f");
  if (!file) {
    if (file.error().message.rfind("f: ", 0) != 0)
      std::abort(); // a message names its file
    return 0;
  }
  readAll(*file);
  static const test::MemoryFile memory;
  Result<Model> model = openGgufModel(memory.write(data, size));
  if (model && model->tensors.size() < tensorRoles(model->config).size() / 2)
    std::abort(); // complete, but for optional biases
  return 0;
}
