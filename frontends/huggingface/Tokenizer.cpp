//===- Tokenizer.cpp - The tokenizer of a Hugging Face folder -------------===//
//
// Finds the files that make up a tokenizer and lets each say what it is the
// authority on: ids and merges, special tokens, the chat template.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/Tokenizer.h"
#include "base/MappedFile.h"
#include "frontends/huggingface/ConfigFields.h"
#include "frontends/huggingface/TokenizerJson.h"
#include "runtime/tokenizer/SentencePieceProto.h"

#include <algorithm>
#include <filesystem>

namespace quipu {
namespace {

using nlohmann::json;

bool exists(const std::string &path) {
  std::error_code code;
  return std::filesystem::exists(path, code);
}

Result<std::string> readText(const std::string &path) {
  constexpr uint64_t most = uint64_t(64) << 20; // tokenizer.model: a few MB
  Result<MappedFile> file = MappedFile::open(path, most);
  if (!file)
    return file.error();
  return std::string(reinterpret_cast<const char *>(file->bytes().data()),
                     file->bytes().size());
}

/// An object, empty where there is no such file.
Result<json> readObject(const std::string &path) {
  if (!exists(path))
    return json::object();
  Result<json> parsed = readJson(path);
  if (parsed && !parsed->is_object())
    return Error{path + ": expected a JSON object"};
  return parsed;
}

Result<TokenizerSpec> readModelFile(const std::string &path) {
  Result<std::string> bytes = readText(path);
  if (!bytes)
    return bytes.error();
  Result<TokenizerSpec> spec = readSentencePieceModel(std::move(*bytes));
  if (!spec)
    return Error{path + ": " + spec.error().message};
  return spec;
}

/// Tokens of tokenizer.json that the model file beside it does not have: those
/// that a fine-tune added.
void addMissingTokens(TokenizerSpec &model, TokenizerSpec &described) {
  for (size_t id = 0; id < described.tokens.size(); ++id) {
    bool added = described.kinds[id] == TokenKind::control ||
                 described.kinds[id] == TokenKind::userDefined;
    if (id < model.tokens.size()) {
      if (added && model.tokens[id] == described.tokens[id] &&
          model.kinds[id] == TokenKind::normal)
        model.kinds[id] = described.kinds[id];
      continue;
    }
    model.tokens.push_back(std::move(described.tokens[id]));
    model.kinds.push_back(described.kinds[id]);
    model.scores.push_back(0);
  }
  model.addPrefixSpace = described.addPrefixSpace;
  model.prefixUnlessSpace = described.prefixUnlessSpace;
  model.prefixFirstOnly = described.prefixFirstOnly;
  model.addBos = described.addBos;
  model.addEos = described.addEos;
  if (described.addBos)
    model.bosId = described.bosId;
  if (described.addEos)
    model.eosId = described.eosId;
}

/// added_tokens_decoder of tokenizer_config.json: by id, as a string.
void addDecoderTokens(ConfigFields &config, TokenizerSpec &spec) {
  constexpr const char *key = "added_tokens_decoder";
  const json *added = config.find(key);
  if (!added || !added->is_object())
    return;
  std::vector<std::pair<int64_t, const json *>> byId;
  for (auto entry = added->begin(); entry != added->end(); ++entry) {
    const std::string &digits = entry.key();
    if (digits.empty() || digits.size() > 8 ||
        digits.find_first_not_of("0123456789") != std::string::npos ||
        !entry->is_object() || !entry->contains("content") ||
        !(*entry)["content"].is_string())
      return config.mismatch(key, "ids with a content each", *added);
    byId.emplace_back(std::stoll(digits), &*entry);
  }
  std::sort(byId.begin(), byId.end());
  for (auto [id, token] : byId) {
    if (id > int64_t(spec.tokens.size()))
      return config.fail(key, "id " + std::to_string(id) +
                                  " leaves a hole "
                                  "after " +
                                  std::to_string(spec.tokens.size()) +
                                  " tokens");
    if (id < int64_t(spec.tokens.size()))
      continue;
    auto special = token->find("special");
    spec.tokens.push_back((*token)["content"].get<std::string>());
    spec.kinds.push_back(special != token->end() && *special == true
                             ? TokenKind::control
                             : TokenKind::userDefined);
    spec.scores.push_back(0);
  }
}

/// The id of a token that a config names as a string or {"content": string}.
void readSpecialToken(ConfigFields &config, const char *key,
                      const TokenizerSpec &spec, int32_t &id) {
  const json *value = config.find(key);
  if (!value)
    return;
  if (value->is_object() && value->contains("content"))
    value = &(*value)["content"];
  if (!value->is_string())
    return config.mismatch(key, "a token", *value);
  auto found = std::find(spec.tokens.begin(), spec.tokens.end(),
                         value->get_ref<const std::string &>());
  if (found == spec.tokens.end())
    return config.fail(key, "'" + value->get<std::string>() +
                                "' is not in the vocabulary");
  id = static_cast<int32_t>(found - spec.tokens.begin());
}

/// chat_template: one template, or named ones of which "default" is taken.
void readChatTemplate(ConfigFields &config, TokenizerSpec &spec) {
  constexpr const char *key = "chat_template";
  const json *value = config.find(key);
  if (!value)
    return;
  if (value->is_string()) {
    spec.chatTemplate = value->get<std::string>();
    return;
  }
  if (!value->is_array())
    return config.mismatch(key, "a string or a list of named ones", *value);
  for (const json &named : *value) {
    if (!named.is_object() || !named.contains("name") ||
        !named.contains("template") || !named["template"].is_string())
      return config.mismatch(key, "name and template", named);
    if (named["name"] == "default")
      spec.chatTemplate = named["template"].get<std::string>();
  }
}

Result<TokenizerSpec> readVocabulary(const std::string &folder) {
  std::string jsonPath = folder + "/tokenizer.json";
  std::string modelPath = folder + "/tokenizer.model";
  if (!exists(jsonPath)) {
    if (exists(modelPath))
      return readModelFile(modelPath);
    return Error{folder + ": expected tokenizer.json or tokenizer.model"};
  }
  Result<json> parsed = readJson(jsonPath);
  if (!parsed)
    return parsed.error();
  Result<TokenizerSpec> described = parseTokenizerJson(*parsed, jsonPath);
  if (!described || described->model != TokenizerSpec::Model::sentencePiece ||
      !exists(modelPath))
    return described;
  // The model file has the scores that tokenizer.json only orders.
  Result<TokenizerSpec> model = readModelFile(modelPath);
  if (model)
    addMissingTokens(*model, *described);
  return model;
}

} // namespace

Result<TokenizerSpec> readHuggingFaceTokenizer(const std::string &folder) {
  Result<TokenizerSpec> spec = readVocabulary(folder);
  if (!spec)
    return spec.error();
  std::string mapPath = folder + "/special_tokens_map.json";
  std::string configPath = folder + "/tokenizer_config.json";
  Result<json> map = readObject(mapPath);
  if (!map)
    return map.error();
  Result<json> configJson = readObject(configPath);
  if (!configJson)
    return configJson.error();
  ConfigFields config{*configJson, configPath, {}};
  if (!exists(folder + "/tokenizer.json")) {
    addDecoderTokens(config, *spec);
    spec->addBos = config.boolean("add_bos_token").value_or(spec->addBos);
    spec->addEos = config.boolean("add_eos_token").value_or(false);
  }
  readChatTemplate(config, *spec);
  ConfigFields mapFields{*map, mapPath, {}};
  for (ConfigFields *fields : {&mapFields, &config}) {
    readSpecialToken(*fields, "bos_token", *spec, spec->bosId);
    readSpecialToken(*fields, "eos_token", *spec, spec->eosId);
    if (fields->error)
      return *fields->error;
  }
  spec->addBos &= spec->bosId >= 0;
  spec->addEos &= spec->eosId >= 0;
  std::string templatePath = folder + "/chat_template.jinja";
  if (exists(templatePath)) {
    Result<std::string> source = readText(templatePath);
    if (!source)
      return source.error();
    spec->chatTemplate = std::move(*source);
  }
  if (Result<void> checked = check(*spec); !checked)
    return Error{folder + ": " + checked.error().message};
  return spec;
}

} // namespace quipu
