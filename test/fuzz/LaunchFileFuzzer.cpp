//===- LaunchFileFuzzer.cpp - Random bytes as a launch file ---------------===//
//
// What `quipu emulate` reads beside PTX. A launch that is read must also be
// encodable, or say why not, for a kernel with parameters of several types.
//
//===----------------------------------------------------------------------===//

#include "base/Json.h"
#include "test/fuzz/MemoryFile.h"
#include "tools/commands/emulate/LaunchFile.h"

#include <cstdlib>
#include <vector>

using namespace quipu;

namespace {

ptx::Module makeModule() {
  Result<ptx::Module> module = ptx::parseModule(R"(
.version 8.0
.target sm_80
.address_size 64
.visible .entry k(
  .param .u64 k_0, .param .f32 k_1, .param .u32 k_2, .param .b16 k_3,
  .param .align 8 .b8 k_4[24]
)
{
  ret;
})",
                                                "k.ptx");
  if (!module)
    std::abort();
  return std::move(*module);
}

/// Whether a buffer is too large to be made for every input, or read from
/// somewhere.
bool isCostly(const nlohmann::json &document) {
  if (!document.is_object() || !document.contains("buffers") ||
      !document["buffers"].is_object())
    return false;
  for (const nlohmann::json &buffer : document["buffers"])
    if (buffer.is_object() &&
        (buffer.contains("file") ||
         (buffer.contains("count") && buffer["count"].is_number() &&
          buffer["count"] > 4096)))
      return true;
  return false;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const test::MemoryFile memory;
  static const ptx::Module module = makeModule();
  Result<nlohmann::json> json =
      parseJson({reinterpret_cast<const char *>(data), size}, "l");
  if (json && isCostly(*json))
    return 0;
  std::string path = memory.write(data, size);
  Result<LaunchFile> file = readLaunchFile(path);
  if (!file) {
    if (file.error().message.rfind(path, 0) != 0)
      std::abort(); // a message names its file
    return 0;
  }
  for (const LaunchFile::Output &output : file->outputs) {
    uint64_t bytes = file->buffers.at(output.buffer).contents.size();
    uint64_t elements = bytes / numberBytes(output.type);
    if (output.first > elements || output.count > elements - output.first)
      std::abort(); // outputs lie inside their buffers
  }
  const ptx::Function &kernel = module.functions.front();
  std::vector<uint64_t> addresses(file->buffers.size(), 4096);
  for (const LaunchFile::Launch &launch : file->launches) {
    (void)blockOf(launch, kernel);
    Result<std::vector<std::byte>> block =
        encodeParameters(launch, kernel, addresses);
    if (block && block->size() != kernel.paramBytes)
      std::abort();
  }
  return 0;
}
