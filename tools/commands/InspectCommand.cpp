//===- InspectCommand.cpp - quipu inspect: what is in a file --------------===//
//
// Model files as their frontends read them, and packages as the runtime does:
// architecture, tensors or buckets, tokenizer. Weights are not touched.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/Command.h"

#include "base/MappedFile.h"
#include "frontends/OpenModel.h"
#include "runtime/package/PackageReader.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

using namespace quipu;
using Json = nlohmann::ordered_json;

namespace {

struct InspectOptions {
  std::string path;
  bool tensors = false;
  bool json = false;
};

} // namespace

/// The number with the fewest digits that is `value` as f32: 1e-05 and not
/// 9.999999747378752e-06.
static double shortest(float value) {
  char digits[32] = {};
  std::to_chars(digits, std::end(digits), value);
  return std::strtod(digits, nullptr);
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

static Json describe(const Package &package, bool tensors) {
  Json json = {{"file", package.path},
               {"kind", "package"},
               {"producer", package.producer},
               {"name", package.model.name},
               {"architecture", package.model.architecture},
               {"parameters", package.model.parameters}};
  for (const auto &[key, value] : package.model.config)
    json[key] =
        value == int64_t(value) ? Json(int64_t(value)) : Json(shortest(value));
  for (const Target &target : package.targets)
    json["targets"].push_back(
        {{"name", target.name}, {"code_bytes", target.code.size()}});
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

/// One `key value` a line; lists of objects as one line an object.
static void printText(const Json &json) {
  for (const auto &[key, value] : json.items()) {
    if (!value.is_array()) {
      std::string text =
          value.is_string() ? value.get<std::string>() : value.dump();
      std::printf("%-24s %s\n", key.c_str(), text.c_str());
      continue;
    }
    std::printf("%s\n", key.c_str());
    for (const Json &element : value) {
      std::printf(" ");
      for (const auto &[inner, each] : element.items()) {
        std::string text =
            each.is_string() ? each.get<std::string>() : each.dump();
        std::printf(" %s=%s", inner.c_str(), text.c_str());
      }
      std::printf("\n");
    }
  }
}

static Result<Json> inspectFile(const InspectOptions &options) {
  std::error_code error;
  if (std::filesystem::is_regular_file(options.path, error)) {
    Result<MappedFile> file = MappedFile::open(options.path);
    if (!file)
      return file.error();
    if (endsAsPackage(file->bytes())) {
      Result<std::shared_ptr<const Package>> package =
          readPackage(options.path);
      if (!package)
        return package.error();
      return describe(**package, options.tensors);
    }
  }
  Result<Model> model = openModel(options.path);
  if (!model)
    return model.error();
  return describe(*model, options.tensors);
}

static int inspect(CommandHost &host, const InspectOptions &options) {
  Result<Json> json = Error{};
  if (host.ownPackage) {
    Result<std::shared_ptr<const Package>> package = host.load({});
    if (!package)
      return fail(package.error());
    json = describe(**package, options.tensors);
  } else {
    json = inspectFile(options);
  }
  if (!json)
    return fail(json.error());
  if (options.json)
    print(*json, 2);
  else
    printText(*json);
  return 0;
}

void quipu::addInspectCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command =
      app.add_subcommand("inspect", "show what is in a model or package");
  auto options = std::make_shared<InspectOptions>();
  if (!host.ownPackage)
    command
        ->add_option("FILE", options->path,
                     "a model file or folder, or a compiled package")
        ->required();
  command->add_flag("--tensors", options->tensors, "list the tensors");
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback(
      [options, &host] { host.status = inspect(host, *options); });
}
