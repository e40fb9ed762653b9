//===- HuggingFaceFolderFuzzer.cpp - Random files of a model folder -------===//
//
// An input is the JSON files that lie beside the weights of a Hugging Face
// folder, one after the other, which the byte 0x1e divides; an empty one is not
// there. The weights are those of a small model.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/HuggingFaceModel.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "test/frontends/ModelFiles.h"

#include <cstdlib>
#include <filesystem>

using namespace quipu;

namespace {

constexpr const char *names[] = {"config.json",
                                 "model.safetensors.index.json",
                                 "generation_config.json",
                                 "tokenizer_config.json",
                                 "special_tokens_map.json",
                                 "tokenizer.json",
                                 "tokenizer.model"};
constexpr size_t count = std::size(names);

/// A folder with weights, in which the other files come and go.
class Folder {
public:
  Folder() {
    test::SmallModel model;
    model.hiddenSize = model.intermediateSize = model.vocabSize = 8;
    model.layers = 1;
    model.heads = 2;
    model.keyValueHeads = 1;
    model.headDim = 4;
    writeSmallFolder(model, folder);
    std::filesystem::remove(path("config.json"));
    std::filesystem::rename(path("model.safetensors"), path("a.safetensors"));
  }
  std::string path(const char *name) const {
    return folder.path() + "/" + name;
  }
  const std::string &path() const { return folder.path(); }

  void set(size_t file, std::string_view contents) {
    if (contents == current[file])
      return;
    current[file] = contents;
    if (contents.empty())
      std::filesystem::remove(path(names[file]));
    else
      folder.write(names[file], contents);
  }

private:
  test::TemporaryFolder folder;
  std::string current[count];
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Folder folder;
  std::string_view rest(reinterpret_cast<const char *>(data), size);
  for (size_t file = 0; file < count; ++file) {
    size_t end = file + 1 < count ? rest.find('\x1e') : rest.size();
    folder.set(file, rest.substr(0, end));
    rest.remove_prefix(end < rest.size() ? end + 1 : rest.size());
  }
  Result<Model> model = openHuggingFaceModel(folder.path());
  if (!model) {
    if (model.error().message.rfind(folder.path(), 0) != 0)
      std::abort(); // a message names its file
    return 0;
  }
  for (const std::string &file : model->files)
    if (file != folder.path("a.safetensors"))
      std::abort(); // nothing outside the folder
  for (int32_t id : model->generation.endOfSequenceIds)
    if (id < 0)
      std::abort();
  if (model->tokenizer)
    (void)Tokenizer::create(*model->tokenizer);
  return 0;
}
