//===- TomlFuzzer.cpp - Random bytes as a config --------------------------===//
//
// The TOML frontend on text in memory; whatever paths it names are opened
// relative to a place where nothing is.
//
//===----------------------------------------------------------------------===//

#include "frontends/toml/TomlModel.h"
#include "test/fuzz/MemoryFile.h"

using namespace quipu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A path outside is not the reader's concern, but is the fuzzer's.
  std::string_view text(reinterpret_cast<const char *>(data), size);
  if (text.find("weights") != text.npos || text.find("tokenizer") != text.npos)
    return 0;
  static const test::MemoryFile memory;
  Result<Model> model = openTomlModel(memory.write(data, size));
  if (model && parameterCount(*model) <= 0)
    __builtin_trap();
  return 0;
}
