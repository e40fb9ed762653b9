//===- PackageFormat.cpp - The header of a package as JSON ----------------===//
//
// One writer and one reader, member by member in the same order.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/PackageFormat.h"

#include "runtime/package/JsonField.h"
#include "runtime/package/KernelAbi.h"

#include <cstring>
#include <unordered_set>

namespace quipu {
namespace {

using nlohmann::json;

constexpr int64_t maxExtent = int64_t(1) << 31;

json blobToJson(const PackageBlob &blob) {
  return {{"offset", blob.offset},
          {"bytes", blob.bytes},
          {"checksum", blob.checksum}};
}

json generationToJson(const GenerationDefaults &generation) {
  json result = {{"end_of_sequence_ids", generation.endOfSequenceIds}};
  if (generation.temperature)
    result["temperature"] = *generation.temperature;
  if (generation.topP)
    result["top_p"] = *generation.topP;
  if (generation.minP)
    result["min_p"] = *generation.minP;
  if (generation.topK)
    result["top_k"] = *generation.topK;
  if (generation.repetitionPenalty)
    result["repetition_penalty"] = *generation.repetitionPenalty;
  return result;
}

json weightsToJson(const Package &package, const PackageBlob &blob) {
  json files = json::array(), tensors = json::array();
  for (const WeightFile &file : package.weightFiles)
    files.push_back({{"path", file.path}, {"bytes", file.bytes}});
  for (const WeightTensor &tensor : package.tensors)
    tensors.push_back({{"name", tensor.name},
                       {"type", std::string(name(tensor.type))},
                       {"rows", tensor.rows},
                       {"columns", tensor.columns},
                       {"file", tensor.file},
                       {"offset", tensor.offset},
                       {"bytes", tensor.bytes}});
  return {{"blob", blobToJson(blob)},
          {"files", std::move(files)},
          {"tensors", std::move(tensors)}};
}

PackageBlob readBlob(const JsonField &field, uint64_t fileBytes) {
  PackageBlob blob;
  auto most = static_cast<int64_t>(fileBytes);
  blob.offset = field["offset"].integer(0, most);
  if (blob.offset % packagePage != 0)
    field["offset"].fail("expected a multiple of 4096, found " +
                         std::to_string(blob.offset));
  blob.bytes = field["bytes"].integer(0, most - int64_t(blob.offset));
  const json &sum = field["checksum"].json();
  if (sum.is_number_unsigned())
    blob.checksum = sum.get<uint64_t>();
  else
    field["checksum"].fail("expected an unsigned integer");
  return blob;
}

ModelInfo readModel(const JsonField &field) {
  ModelInfo model;
  model.name = field["name"].string();
  model.kind = field["kind"].string();
  model.architecture = field["architecture"].string();
  model.parameters = field["parameters"].integer(0, INT64_MAX);
  JsonField config = field["config"];
  for (size_t i = 0, count = config.size(); i < count; ++i) {
    JsonField pair = config[i];
    model.config.emplace_back(pair[size_t(0)].string(), pair[1].number());
  }
  return model;
}

Target readTarget(const JsonField &field, uint64_t fileBytes,
                  PackageLayout &layout) {
  Target target;
  target.name = field["name"].string();
  JsonField features = field["features"];
  for (size_t i = 0, count = features.size(); i < count; ++i)
    target.features.push_back(features[i].string());
  layout.code.push_back(readBlob(field["code"], fileBytes));
  return target;
}

GenerationDefaults readGeneration(const JsonField &field) {
  GenerationDefaults generation;
  JsonField ids = field["end_of_sequence_ids"];
  for (size_t i = 0, count = ids.size(); i < count; ++i)
    generation.endOfSequenceIds.push_back(
        static_cast<int32_t>(ids[i].integer(0, INT32_MAX)));
  if (field.has("temperature"))
    generation.temperature = field["temperature"].real();
  if (field.has("top_p"))
    generation.topP = field["top_p"].real();
  if (field.has("min_p"))
    generation.minP = field["min_p"].real();
  if (field.has("top_k"))
    generation.topK =
        static_cast<int>(field["top_k"].integer(INT32_MIN, INT32_MAX));
  if (field.has("repetition_penalty"))
    generation.repetitionPenalty = field["repetition_penalty"].real();
  return generation;
}

WeightTensor readTensor(const JsonField &field, const Package &package,
                        const PackageLayout &layout) {
  WeightTensor tensor;
  tensor.name = field["name"].string();
  auto type = parseElementType(field["type"].string());
  if (!type)
    field["type"].fail("unknown element type");
  tensor.type = type.value_or(ElementType::f32);
  tensor.rows = field["rows"].integer(1, maxExtent);
  tensor.columns = field["columns"].integer(1, maxExtent);
  int64_t block = blockElements(tensor.type);
  if (tensor.columns % block != 0) {
    field["columns"].fail("expected a multiple of " + std::to_string(block) +
                          ", found " + std::to_string(tensor.columns));
    return tensor;
  }
  int64_t row = rowBytes(tensor.type, tensor.columns); // at most 2^33
  if (row > INT64_MAX / tensor.rows) {
    field["rows"].fail("makes the tensor larger than 2^63 bytes");
    return tensor;
  }
  tensor.bytes = field["bytes"].integer(row * tensor.rows, row * tensor.rows);
  tensor.file = static_cast<int32_t>(field["file"].integer(
      WeightTensor::inPackage, int64_t(package.weightFiles.size()) - 1));
  auto fileBytes =
      static_cast<int64_t>(tensor.file == WeightTensor::inPackage
                               ? layout.weights.bytes
                               : package.weightFiles[tensor.file].bytes);
  if (int64_t(tensor.bytes) > fileBytes)
    field["bytes"].fail("expected at most " + std::to_string(fileBytes) +
                        ", the size of the file, found " +
                        std::to_string(tensor.bytes));
  else
    tensor.offset =
        field["offset"].integer(0, fileBytes - int64_t(tensor.bytes));
  return tensor;
}

void readWeights(const JsonField &field, uint64_t fileBytes, Package &package,
                 PackageLayout &layout) {
  layout.weights = readBlob(field["blob"], fileBytes);
  JsonField files = field["files"];
  for (size_t i = 0, count = files.size(); i < count; ++i)
    package.weightFiles.push_back(
        {files[i]["path"].string(),
         static_cast<uint64_t>(files[i]["bytes"].integer(0, INT64_MAX))});
  JsonField tensors = field["tensors"];
  std::unordered_set<std::string> names;
  for (size_t i = 0, count = tensors.size(); i < count; ++i) {
    package.tensors.push_back(readTensor(tensors[i], package, layout));
    if (!names.insert(package.tensors.back().name).second)
      tensors[i]["name"].fail("a tensor of this name came before");
  }
}

/// Versions first: another version's header need not look like ours.
std::optional<Error> checkVersions(const JsonField &root) {
  for (auto [key, ours] : {std::pair("format", packageFormatVersion),
                           std::pair("abi", abiVersion)}) {
    int64_t theirs = root[key].integer(0, INT64_MAX);
    if (theirs != ours)
      return Error{std::string(key) + " version: expected " +
                   std::to_string(ours) + ", found " + std::to_string(theirs) +
                   "; compile the model with this version of quipu"};
  }
  return std::nullopt;
}

} // namespace

uint64_t checksum(std::span<const std::byte> bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    hash = (hash ^ word) * 0x100000001b3;
    hash ^= hash >> 32; // a word's high bits must reach low ones
  }
  for (; at < bytes.size(); ++at)
    hash = (hash ^ static_cast<uint8_t>(bytes[at])) * 0x100000001b3;
  return hash;
}

json headerToJson(const Package &package, const PackageLayout &layout) {
  json targets = json::array(), config = json::array(),
       provenance = json::array();
  for (size_t i = 0; i < package.targets.size(); ++i)
    targets.push_back({{"name", package.targets[i].name},
                       {"features", package.targets[i].features},
                       {"code", blobToJson(layout.code[i])}});
  for (const auto &[key, number] : package.model.config)
    config.push_back(json::array({key, number}));
  for (const auto &[key, text] : package.provenance)
    provenance.push_back(json::array({key, text}));
  return {{"format", packageFormatVersion},
          {"abi", abiVersion},
          {"producer", package.producer},
          {"model",
           {{"name", package.model.name},
            {"kind", package.model.kind},
            {"architecture", package.model.architecture},
            {"parameters", package.model.parameters},
            {"config", std::move(config)}}},
          {"plan", plan::toJson(package.plan)},
          {"targets", std::move(targets)},
          {"tokenizer", blobToJson(layout.tokenizer)},
          {"chat_template", package.chatTemplate},
          {"generation", generationToJson(package.generation)},
          {"weights", weightsToJson(package, layout.weights)},
          {"provenance", std::move(provenance)}};
}

Result<Package> headerFromJson(const json &header, uint64_t fileBytes,
                               PackageLayout &layout) {
  std::optional<std::string> problem;
  JsonField root(header, problem);
  if (auto error = checkVersions(root); error && !problem)
    return *error;
  Package package;
  package.producer = root["producer"].string();
  package.model = readModel(root["model"]);
  JsonField targets = root["targets"];
  for (size_t i = 0, count = targets.size(); i < count; ++i)
    package.targets.push_back(readTarget(targets[i], fileBytes, layout));
  layout.tokenizer = readBlob(root["tokenizer"], fileBytes);
  package.chatTemplate = root["chat_template"].string();
  package.generation = readGeneration(root["generation"]);
  readWeights(root["weights"], fileBytes, package, layout);
  JsonField provenance = root["provenance"];
  for (size_t i = 0, count = provenance.size(); i < count; ++i) {
    JsonField pair = provenance[i];
    package.provenance.emplace_back(pair[size_t(0)].string(), pair[1].string());
  }
  const json &planJson = root["plan"].json();
  if (problem)
    return Error{"header " + *problem};
  Result<plan::Plan> plan = plan::fromJson(planJson);
  if (!plan)
    return plan.error();
  for (const plan::Kernel &kernel : plan->kernels)
    if (kernel.scratchBytes.size() != package.targets.size())
      return Error{"plan: scratch_bytes of kernel '" + kernel.name +
                   "': expected one for each of " +
                   std::to_string(package.targets.size()) + " targets, found " +
                   std::to_string(kernel.scratchBytes.size())};
  package.plan = std::move(*plan);
  return package;
}

} // namespace quipu
