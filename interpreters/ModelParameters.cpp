//===- ModelParameters.cpp - Parameters in model files --------------------===//
//
// Slices of mappings, by name.
//
//===----------------------------------------------------------------------===//

#include "interpreters/ModelParameters.h"

using namespace quipu;

Result<ModelParameters> ModelParameters::open(const Model &model) {
  ModelParameters parameters;
  for (const std::string &path : model.files) {
    Result<MappedFile> file = MappedFile::open(path);
    if (!file)
      return file.error();
    parameters.files.push_back(std::move(*file));
  }
  for (const TensorSource &tensor : model.tensors) {
    if (tensor.file < 0)
      continue;
    const MappedFile &file = parameters.files[tensor.file];
    std::span<const std::byte> bytes = file.bytes();
    if (tensor.offset > bytes.size() ||
        tensor.bytes > bytes.size() - tensor.offset)
      return Error{file.path() + ": tensor " + tensor.nameInFile +
                   " lies beyond the end of the file"};
    parameters.tensors[tensor.name] =
        bytes.subspan(tensor.offset, tensor.bytes);
  }
  return parameters;
}

std::span<const std::byte> ModelParameters::bytes(std::string_view name) const {
  return tensors.lookup(name);
}
