//===- SafetensorsFuzzer.cpp - Random bytes as safetensors ----------------===//
//
// The parser on the bytes, and the JSON part of a Hugging Face folder: the same
// bytes as config.json.
//
//===----------------------------------------------------------------------===//

#include "base/Json.h"
#include "frontends/ModelChecks.h"
#include "frontends/huggingface/HuggingFaceModel.h"
#include "frontends/huggingface/Safetensors.h"

#include <cstdlib>

using namespace quipu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::span bytes(reinterpret_cast<const std::byte *>(data), size);
  Result<SafetensorsFile> file = parseSafetensors(bytes, "f");
  if (file) {
    uint64_t end = 0;
    for (const SafetensorsTensor &tensor : file->tensors) {
      if (tensor.bytes == 0)
        continue;
      if (tensor.offset < end || tensor.offset + tensor.bytes > size)
        std::abort(); // tensors lie apart and inside
      end = tensor.offset + tensor.bytes;
      (void)graphNameOfHuggingFace(tensor.name);
    }
  } else if (file.error().message.rfind("f: ", 0) != 0) {
    std::abort(); // a message names its file
  }
  Result<nlohmann::json> json =
      parseJson({reinterpret_cast<const char *>(data), size}, "c");
  if (!json)
    return 0;
  Result<ModelConfig> config = readHuggingFaceConfig(*json, "c");
  if (config && checkConfig(*config, "c")) {
    Model model;
    model.path = "c";
    model.config = *config;
    if (completeWithoutWeights(model, ElementType::bf16) &&
        parameterCount(model) <= 0)
      std::abort();
  }
  return 0;
}
