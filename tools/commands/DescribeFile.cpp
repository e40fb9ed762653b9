//===- DescribeFile.cpp - What is in a file, as JSON ----------------------===//
//
// Models as their frontends read them, packages and PTX as the runtime does:
// architecture, tensors or buckets, tokenizer, kernels.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/DescribeFile.h"

#include "base/MappedFile.h"
#include "frontends/OpenModel.h"
#include "frontends/TokenizerSource.h"
#include "frontends/huggingface/Safetensors.h"
#include "runtime/package/PackageReader.h"
#include "tools/commands/emulate/EmulateReport.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>

using namespace quipu;
using Json = nlohmann::ordered_json;

/// The number with the fewest digits that is `value` as f32: 1e-05 and not
/// 9.999999747378752e-06.
static double shortest(float value) {
  char digits[32] = {};
  std::to_chars(digits, std::end(digits), value);
  return std::strtod(digits, nullptr);
}

/// A whole number without a point, another one as shortest(). Those of a
/// package are any that are finite, also such as no integer or f32 holds.
static Json describeNumber(double value) {
  constexpr double mostExact = 9007199254740992; // 2^53
  if (std::abs(value) <= mostExact && value == std::floor(value))
    return int64_t(value);
  if (std::abs(value) > std::numeric_limits<float>::max())
    return value;
  return shortest(float(value));
}

static Json describe(const Model &model, bool tensors) {
  const ModelConfig &config = model.config;
  Json json = {
      {"file", model.path},
      {"kind", model.kind},
      {"architecture", model.architecture},
      {"name", model.name},
      {"parameters", parameterCount(model)},
      {"hidden_size", config.hiddenSize},
      {"intermediate_size", config.intermediateSize},
      {"num_hidden_layers", config.numHiddenLayers},
      {"num_attention_heads", config.numAttentionHeads},
      {"num_key_value_heads", config.numKeyValueHeads},
      {"head_dim", config.headDim},
      {"vocab_size", config.vocabSize},
      {"max_position_embeddings", config.maxPositionEmbeddings},
      {"rms_norm_eps", shortest(config.rmsNormEps)},
      {"rope_pairing",
       config.rope.pairing == RopePairing::half ? "half" : "interleaved"},
      {"tie_word_embeddings", config.tieWordEmbeddings},
  };
  std::map<std::string, int64_t> bytesByType;
  for (const TensorSource &tensor : model.tensors)
    bytesByType[std::string(name(tensor.type))] += int64_t(tensor.bytes);
  json["bytes_by_type"] = bytesByType;
  if (model.tokenizer) {
    bool bpe = model.tokenizer->model == TokenizerSpec::Model::byteLevelBpe;
    json["tokenizer"] = bpe ? "byte-level BPE" : "SentencePiece";
    json["chat_template"] = !model.tokenizer->chatTemplate.empty();
  }
  if (!tensors)
    return json;
  for (const TensorSource &tensor : model.tensors)
    json["tensors"].push_back({{"name", tensor.name},
                               {"name_in_file", tensor.nameInFile},
                               {"type", std::string(name(tensor.type))},
                               {"rows", tensor.rows},
                               {"columns", tensor.columns},
                               {"file", tensor.file},
                               {"offset", tensor.offset},
                               {"bytes", tensor.bytes}});
  return json;
}

/// A target, with what ptxas found of its kernels when they were compiled.
static Json describeTarget(const Package &package, size_t index) {
  const Target &target = package.targets[index];
  Json json = {{"name", target.name}, {"code_bytes", target.code.size()}};
  int64_t assembled = 0, spilling = 0, registers = 0, shared = 0;
  for (const plan::Kernel &kernel : package.plan.kernels) {
    if (index >= kernel.resources.size() || !kernel.resources[index])
      continue;
    const plan::Resources &use = *kernel.resources[index];
    assembled += 1;
    spilling += use.spillBytes > 0;
    registers = std::max(registers, use.registers);
    shared =
        std::max(shared, kernel.scratchBytes[index] + use.staticSharedBytes);
  }
  if (assembled > 0)
    json.update({{"assembled_kernels", assembled},
                 {"spilling_kernels", spilling},
                 {"most_registers", registers},
                 {"most_shared_bytes", shared}});
  return json;
}

Json quipu::describePackage(const Package &package, bool tensors) {
  Json json = {{"file", package.path},
               {"kind", "package"},
               {"producer", package.producer},
               {"name", package.model.name},
               {"architecture", package.model.architecture},
               {"parameters", package.model.parameters}};
  for (const auto &[key, value] : package.model.config)
    json[key] = describeNumber(value);
  for (size_t i = 0; i < package.targets.size(); ++i)
    json["targets"].push_back(describeTarget(package, i));
  for (const plan::Bucket &bucket : package.plan.buckets)
    json["buckets"].push_back({{"name", bucket.name},
                               {"entry", bucket.entry},
                               {"max_tokens", bucket.maxTokens},
                               {"launches", bucket.launches.size()},
                               {"arena_bytes", bucket.arenaBytes}});
  json["kernels"] = package.plan.kernels.size();
  json["kv_type"] = std::string(name(package.plan.kv.type));
  json["kv_page_size"] = package.plan.kv.pageSize;
  json["weights_inside_bytes"] = package.weights.size();
  for (const WeightFile &file : package.weightFiles)
    json["weight_files"].push_back(
        {{"path", file.path}, {"bytes", file.bytes}});
  for (const auto &[key, value] : package.provenance)
    json["provenance"][key] = value;
  if (!tensors)
    return json;
  for (const WeightTensor &tensor : package.tensors)
    json["tensors"].push_back({{"name", tensor.name},
                               {"type", std::string(name(tensor.type))},
                               {"rows", tensor.rows},
                               {"columns", tensor.columns},
                               {"file", tensor.file},
                               {"offset", tensor.offset},
                               {"bytes", tensor.bytes}});
  return json;
}

static Json describe(const SafetensorsFile &file, const std::string &path,
                     bool tensors) {
  int64_t parameters = 0;
  std::map<std::string, int64_t> bytesByType;
  Json list = Json::array();
  for (const SafetensorsTensor &tensor : file.tensors) {
    int64_t elements = 1;
    for (uint64_t size : tensor.shape)
      elements *= int64_t(size);
    parameters += elements;
    bytesByType[tensor.dtype] += int64_t(tensor.bytes);
    list.push_back({{"name", tensor.name},
                    {"type", tensor.dtype},
                    {"shape", tensor.shape},
                    {"offset", tensor.offset},
                    {"bytes", tensor.bytes}});
  }
  Json json = {{"file", path},
               {"kind", "safetensors"},
               {"bytes", file.fileSize},
               {"tensor_count", file.tensors.size()},
               {"parameters", parameters},
               {"bytes_by_type", bytesByType}};
  if (tensors)
    json["tensors"] = std::move(list);
  return json;
}

/// A token by id and text, or null for none.
static Json describeToken(const TokenizerSpec &spec, int32_t id) {
  if (id < 0)
    return nullptr;
  return {{"id", id}, {"text", spec.tokens[id]}};
}

static Json describe(const TokenizerSpec &spec, const std::string &path) {
  bool bpe = spec.model == TokenizerSpec::Model::byteLevelBpe;
  std::map<TokenKind, int64_t> kinds;
  for (TokenKind kind : spec.kinds)
    ++kinds[kind];
  return {{"file", path},
          {"kind", "tokenizer"},
          {"tokenizer", bpe ? "byte-level BPE" : "SentencePiece"},
          {"tokens", spec.tokens.size()},
          {"control_tokens", kinds[TokenKind::control]},
          {"byte_tokens", kinds[TokenKind::byte]},
          {"merges", spec.merges.size()},
          {"bos", describeToken(spec, spec.bosId)},
          {"eos", describeToken(spec, spec.eosId)},
          {"adds_bos", spec.addBos},
          {"adds_eos", spec.addEos},
          {"chat_template", !spec.chatTemplate.empty()}};
}

static Result<Json> describePtx(std::span<const std::byte> bytes,
                                const std::string &path) {
  std::string_view text(reinterpret_cast<const char *>(bytes.data()),
                        bytes.size());
  auto emulator = emulator::Emulator::load(text, path);
  if (!emulator)
    return emulator.error();
  Json json = {{"file", path}, {"kind", "ptx"}};
  json.update(describeKernels(**emulator));
  return json;
}

Result<Json> quipu::describeFile(const std::string &path, bool tensors) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) {
    Result<MappedFile> file = MappedFile::open(path);
    if (!file)
      return file.error();
    if (endsAsPackage(file->bytes())) {
      Result<std::shared_ptr<const Package>> package = readPackage(path);
      if (!package)
        return package.error();
      return describePackage(**package, tensors);
    }
    if (path.ends_with(".ptx"))
      return describePtx(file->bytes(), path);
    if (path.ends_with(".safetensors")) {
      Result<SafetensorsFile> parsed = parseSafetensors(file->bytes(), path);
      if (!parsed)
        return parsed.error();
      return describe(*parsed, path, tensors);
    }
  }
  if (isTokenizer(path)) {
    Result<TokenizerSource> source = openTokenizer(path);
    if (!source)
      return source.error();
    return describe(source->spec, path);
  }
  Result<Model> model = openModel(path);
  if (!model)
    return model.error();
  return describe(*model, tensors);
}
