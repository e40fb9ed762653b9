//===- TokenizerJson.cpp - The tokenizer.json format ----------------------===//
//
// Translates the parts of a tokenizer.json (model, normalizer, pre_tokenizer,
// post_processor, added_tokens) one by one; a part that would change ids and
// that Quipu does not know is an error and never ignored.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/TokenizerJson.h"
#include "frontends/huggingface/ConfigFields.h"
#include "runtime/tokenizer/SplitPatterns.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace quipu {
namespace {

using nlohmann::json;

constexpr std::string_view spaceMark = "\u2581";

/// Ids may have holes, but not so many that a small file fills the memory.
constexpr size_t maxHoles = 1 << 16;

class TokenizerJsonReader {
public:
  TokenizerJsonReader(const json &root, const std::string &path)
      : root(root), path(path) {}

  Result<TokenizerSpec> read();

private:
  void readModel(const json &model);
  void readVocabulary(const json &vocab);
  void readMerges(const json &merges);
  void readAddedTokens();
  void setToken(int64_t id, const std::string &token, TokenKind kind,
                const std::string &where);
  void readNormalizer(const json &normalizer);
  void readPreTokenizer(const json &step, size_t index);
  void readSplit(const json &step);
  void readPostProcessor(const json &processor);
  void readTemplate(const json &processor);
  void finishByteLevel();
  void finishSentencePiece();

  /// A member; JSON's null where it is absent or `object` is no object.
  static const json &at(const json &object, const char *key) {
    static const json none;
    auto found = object.find(key);
    return found == object.end() ? none : *found;
  }
  static std::string text(const json &value) {
    return value.is_string() ? value.get<std::string>() : std::string();
  }
  static bool truth(const json &value, bool otherwise) {
    return value.is_boolean() ? value.get<bool>() : otherwise;
  }
  void fail(const std::string &where, const std::string &what) {
    if (!error)
      error = Error{path + ": " + where + ": " + what};
  }
  void unsupported(const std::string &where, const std::string &found,
                   const std::string &supported) {
    fail(where,
         "'" + found + "' is not supported (supported: " + supported + ")");
  }

  const json &root;
  const std::string &path;
  std::optional<Error> error;
  TokenizerSpec spec;
  size_t given = 0; // calls of setToken()
  std::string unknownToken;
  bool isByteLevel = false; // a ByteLevel pre-tokenizer
  bool marksSpaces = false; // U+2581 for spaces
  bool byteFallback = false;
};

Result<TokenizerSpec> TokenizerJsonReader::read() {
  if (!root.is_object())
    return Error{path + ": expected a JSON object"};
  readNormalizer(at(root, "normalizer"));
  if (const json &step = at(root, "pre_tokenizer"); !step.is_null())
    readPreTokenizer(step, 0);
  if (!error && isByteLevel == marksSpaces)
    fail("pre_tokenizer",
         isByteLevel ? "found both bytes and U+2581 for spaces"
                     : "expected ByteLevel, or Metaspace or a normalizer that "
                       "writes spaces as U+2581");
  if (!error)
    readModel(at(root, "model"));
  if (!error)
    readAddedTokens();
  if (!error)
    readPostProcessor(at(root, "post_processor"));
  if (!error && isByteLevel)
    finishByteLevel();
  else if (!error)
    finishSentencePiece();
  if (error)
    return *error;
  if (Result<void> checked = check(spec); !checked)
    return Error{path + ": " + checked.error().message};
  return std::move(spec);
}

void TokenizerJsonReader::setToken(int64_t id, const std::string &token,
                                   TokenKind kind, const std::string &where) {
  if (id < 0 || size_t(id) > given + maxHoles)
    return fail(where, "token '" + token + "' has id " + std::to_string(id) +
                           ", expected one near the " + std::to_string(given) +
                           " tokens before it");
  ++given;
  if (size_t(id) >= spec.tokens.size()) {
    spec.tokens.resize(id + 1);
    spec.kinds.resize(id + 1, TokenKind::unused);
  }
  spec.tokens[id] = token;
  spec.kinds[id] = kind;
}

void TokenizerJsonReader::readVocabulary(const json &vocab) {
  if (!vocab.is_object() || vocab.empty())
    return fail("model.vocab", "expected an object from token to id");
  // JSON objects come in the order of keys: ids first, so that holes are seen.
  std::vector<std::pair<int64_t, const std::string *>> byId;
  byId.reserve(vocab.size());
  for (auto entry = vocab.begin(); entry != vocab.end(); ++entry) {
    if (!entry->is_number_integer())
      return fail("model.vocab",
                  "the id of '" + entry.key() + "' is not an integer");
    byId.emplace_back(entry->get<int64_t>(), &entry.key());
  }
  std::sort(byId.begin(), byId.end(), [](auto &left, auto &right) {
    return std::tie(left.first, *left.second) <
           std::tie(right.first, *right.second);
  });
  for (size_t i = 0; i < byId.size() && !error; ++i) {
    if (i > 0 && byId[i].first == byId[i - 1].first)
      return fail("model.vocab", "'" + *byId[i - 1].second + "' and '" +
                                     *byId[i].second + "' share an id");
    setToken(byId[i].first, *byId[i].second, TokenKind::normal, "model.vocab");
  }
}

void TokenizerJsonReader::readMerges(const json &merges) {
  if (!merges.is_array())
    return fail("model.merges", "expected a list");
  for (const json &merge : merges) {
    // Older files write one string with a space, newer ones a pair.
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
        merge[1].is_string()) {
      spec.merges.emplace_back(text(merge[0]), text(merge[1]));
      continue;
    }
    std::string both = text(merge);
    size_t space = both.find(' ');
    if (space == std::string::npos || space == 0 || space + 1 == both.size())
      return fail("model.merges", "entry " +
                                      std::to_string(spec.merges.size()) +
                                      ": expected two tokens, found " +
                                      merge.dump(-1, ' ', true).substr(0, 60));
    spec.merges.emplace_back(both.substr(0, space), both.substr(space + 1));
  }
}

void TokenizerJsonReader::readModel(const json &model) {
  if (!model.is_object())
    return fail("model", "expected an object");
  std::string type = text(at(model, "type"));
  if (type.empty() && model.contains("merges"))
    type = "BPE"; // files older than the field
  if (type != "BPE")
    return unsupported("model.type", type, "BPE");
  for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!text(at(model, key)).empty())
      return unsupported("model." + std::string(key), text(at(model, key)),
                         "none");
  if (at(model, "dropout").is_number() && at(model, "dropout") != 0)
    return fail("model.dropout", "is not supported");
  spec.ignoreMerges = truth(at(model, "ignore_merges"), false);
  byteFallback = truth(at(model, "byte_fallback"), false);
  unknownToken = text(at(model, "unk_token"));
  readVocabulary(at(model, "vocab"));
  if (!error)
    readMerges(at(model, "merges"));
}

void TokenizerJsonReader::readAddedTokens() {
  const json &added = at(root, "added_tokens");
  if (added.is_null())
    return;
  if (!added.is_array())
    return fail("added_tokens", "expected a list");
  for (const json &token : added) {
    const json &id = at(token, "id");
    if (!id.is_number_integer() || !at(token, "content").is_string())
      return fail("added_tokens", "expected objects with id and content");
    bool special = truth(at(token, "special"), false);
    setToken(id.get<int64_t>(), text(at(token, "content")),
             special ? TokenKind::control : TokenKind::userDefined,
             "added_tokens");
    if (error)
      return;
  }
}

void TokenizerJsonReader::readNormalizer(const json &normalizer) {
  if (normalizer.is_null())
    return;
  std::string type = text(at(normalizer, "type"));
  if (type == "Sequence") {
    const json &steps = at(normalizer, "normalizers");
    for (const json &step : steps.is_array() ? steps : json::array())
      readNormalizer(step);
  } else if (type == "Prepend" && at(normalizer, "prepend") == spaceMark) {
    spec.addPrefixSpace = true;
  } else if (type == "Replace" && at(normalizer, "content") == spaceMark &&
             at(at(normalizer, "pattern"), "String") == " ") {
    marksSpaces = true;
  } else {
    unsupported("normalizer", type,
                "none, and LLaMA-2's: Prepend and Replace to U+2581");
  }
}

void TokenizerJsonReader::readSplit(const json &step) {
  // Each of these isolates the matches; what a removed part would be is empty
  // for patterns that cover the text, and those are the ones it is used with.
  std::string behavior = text(at(step, "behavior"));
  bool invert = truth(at(step, "invert"), false);
  if (behavior != "Isolated" && !(behavior == "Removed" && invert))
    return unsupported("pre_tokenizer.behavior", behavior, "Isolated");
  const json &pattern = at(step, "pattern");
  if (at(pattern, "Regex").is_string())
    return spec.splitPatterns.push_back(text(at(pattern, "Regex")));
  if (text(at(pattern, "String")).empty())
    return fail("pre_tokenizer.pattern", "expected Regex or String");
  std::string escaped;
  for (char c : text(at(pattern, "String"))) {
    if (std::string_view("\\^$.|?*+()[]{}#-").find(c) != std::string_view::npos)
      escaped += '\\';
    escaped += c;
  }
  spec.splitPatterns.push_back(std::move(escaped));
}

void TokenizerJsonReader::readPreTokenizer(const json &step, size_t index) {
  std::string type = text(at(step, "type"));
  if (type == "Sequence") {
    const json &steps = at(step, "pretokenizers");
    if (!steps.is_array())
      return fail("pre_tokenizer.pretokenizers", "expected a list");
    for (size_t i = 0; i < steps.size() && !error; ++i)
      readPreTokenizer(steps[i], index + i);
  } else if (type == "Split") {
    readSplit(step);
  } else if (type == "Digits") {
    bool each = truth(at(step, "individual_digits"), false);
    spec.splitPatterns.push_back(each ? "\\p{N}" : "\\p{N}+");
  } else if (type == "ByteLevel") {
    isByteLevel = true;
    spec.addPrefixSpace = truth(at(step, "add_prefix_space"), true);
    if (spec.addPrefixSpace && index > 0)
      return fail("pre_tokenizer", "ByteLevel with add_prefix_space is "
                                   "supported in the first place only");
    if (truth(at(step, "use_regex"), true))
      spec.splitPatterns.emplace_back(gpt2SplitPattern());
  } else if (type == "Metaspace" && index == 0) {
    marksSpaces = true;
    std::string scheme = text(at(step, "prepend_scheme"));
    spec.addPrefixSpace = scheme.empty()
                              ? truth(at(step, "add_prefix_space"), true)
                              : scheme != "never";
    spec.prefixUnlessSpace = true;
    spec.prefixFirstOnly = scheme == "first";
    if (truth(at(step, "split"), true))
      unsupported("pre_tokenizer.split", "true", "false");
  } else {
    unsupported("pre_tokenizer", type,
                "Split, Digits, ByteLevel, Metaspace, Sequence");
  }
}

/// LLaMA-2 and 3: `single` is the bos token, the text, perhaps the eos token.
void TokenizerJsonReader::readTemplate(const json &processor) {
  const json &single = at(processor, "single");
  bool afterText = false;
  for (const json &part : single.is_array() ? single : json::array()) {
    if (part.contains("Sequence")) {
      afterText = true;
      continue;
    }
    std::string token = text(at(at(part, "SpecialToken"), "id"));
    auto found = std::find(spec.tokens.begin(), spec.tokens.end(), token);
    if (found == spec.tokens.end())
      return fail("post_processor.single",
                  "adds '" + token + "', which is not a token");
    auto id = static_cast<int32_t>(found - spec.tokens.begin());
    bool &adds = afterText ? spec.addEos : spec.addBos;
    if (adds)
      return fail("post_processor.single",
                  "adds more than one token at an end of the text");
    adds = true;
    (afterText ? spec.eosId : spec.bosId) = id;
  }
}

void TokenizerJsonReader::readPostProcessor(const json &processor) {
  std::string type = text(at(processor, "type"));
  if (processor.is_null() || type == "ByteLevel")
    return; // offsets only
  if (type == "TemplateProcessing")
    return readTemplate(processor);
  if (type != "Sequence")
    return unsupported("post_processor", type,
                       "TemplateProcessing, ByteLevel, Sequence");
  const json &steps = at(processor, "processors");
  for (const json &step : steps.is_array() ? steps : json::array())
    if (!error)
      readPostProcessor(step);
}

void TokenizerJsonReader::finishByteLevel() {
  spec.model = TokenizerSpec::Model::byteLevelBpe;
  auto unknown =
      std::find(spec.tokens.begin(), spec.tokens.end(), unknownToken);
  if (!unknownToken.empty() && unknown != spec.tokens.end())
    spec.unknownId = static_cast<int32_t>(unknown - spec.tokens.begin());
}

/// SentencePiece merges the pair whose result has the best score; converters
/// wrote the merges in that order, so the first merge that gives a token is
/// its score. What no merge gives is never a result.
void TokenizerJsonReader::finishSentencePiece() {
  spec.model = TokenizerSpec::Model::sentencePiece;
  if (spec.ignoreMerges)
    return unsupported("model.ignore_merges", "true", "false");
  if (!spec.splitPatterns.empty())
    return fail("pre_tokenizer", "patterns are supported for ByteLevel only");
  std::unordered_map<std::string, size_t> rankOf;
  for (size_t rank = 0; rank < spec.merges.size(); ++rank)
    rankOf.emplace(spec.merges[rank].first + spec.merges[rank].second, rank);
  auto worst = -static_cast<float>(spec.merges.size());
  spec.scores.assign(spec.tokens.size(), worst);
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string &token = spec.tokens[id];
    TokenKind &kind = spec.kinds[id];
    if (!unknownToken.empty() && token == unknownToken) {
      kind = TokenKind::unknown;
      spec.unknownId = static_cast<int32_t>(id);
    }
    if (kind != TokenKind::normal)
      continue;
    size_t characters = std::count_if(
        token.begin(), token.end(), [](char c) { return (c & 0xc0) != 0x80; });
    auto rank = rankOf.find(token);
    if (rank != rankOf.end())
      spec.scores[id] = -static_cast<float>(rank->second);
    else if (byteFallback && token.size() == 6 && token.starts_with("<0x"))
      kind = TokenKind::byte;
    else if (characters > 1)
      kind = TokenKind::unused;
  }
  spec.merges.clear();
}

} // namespace

Result<TokenizerSpec> parseTokenizerJson(const json &json,
                                         const std::string &path) {
  return TokenizerJsonReader(json, path).read();
}

} // namespace quipu
