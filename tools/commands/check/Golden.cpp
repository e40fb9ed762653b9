//===- Golden.cpp - Answers of a reference, from a file -------------------===//
//
// JsonField keeps the first problem with its place; lengths are compared once
// all is read.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/check/Golden.h"

#include "base/Json.h"
#include "base/MappedFile.h"
#include "runtime/package/JsonField.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>

namespace quipu {
namespace {

std::vector<int32_t> readIds(JsonField field, int64_t vocabSize) {
  std::vector<int32_t> ids;
  for (size_t i = 0, count = field.size(); i < count; ++i)
    ids.push_back(static_cast<int32_t>(field[i].integer(0, vocabSize - 1)));
  return ids;
}

std::vector<float> readReals(JsonField field) {
  std::vector<float> values;
  for (size_t i = 0, count = field.size(); i < count; ++i)
    values.push_back(field[i].real());
  return values;
}

void expectCount(JsonField field, size_t found, size_t expected) {
  if (found != expected)
    field.fail("expected " + std::to_string(expected) + " elements, found " +
               std::to_string(found));
}

GoldenAnswer readText(JsonField field, int64_t vocabSize) {
  GoldenAnswer answer;
  answer.prompt = readIds(field["ids"], vocabSize);
  answer.greedy = readIds(field["greedy_ids"], vocabSize);
  answer.margins = readReals(field["greedy_margins"]);
  answer.topIds = readIds(field["top_ids"], vocabSize);
  answer.topLogits = readReals(field["top_logits"]);
  expectCount(field["top_logits"], answer.topLogits.size(),
              answer.topIds.size());
  return answer;
}

/// All but the logits, which are in another file.
GoldenAnswer readTokens(JsonField root, int64_t vocabSize) {
  GoldenAnswer answer;
  JsonField tokens = root["tokens"];
  answer.prompt = readIds(tokens, vocabSize);
  auto count = static_cast<int64_t>(answer.prompt.size());
  int64_t length =
      root["prompt_length"].integer(1, std::max<int64_t>(count - 1, 1));
  if (count > length) {
    answer.greedy.assign(answer.prompt.begin() + length, answer.prompt.end());
    answer.prompt.resize(size_t(length));
  }
  answer.margins = readReals(root["greedy_margins"]);
  JsonField shape = root["logits_shape"];
  expectCount(shape, shape.size(), 2);
  int64_t rows = count - 1;
  shape[size_t(0)].integer(rows, rows);
  shape[size_t(1)].integer(vocabSize, vocabSize);
  return answer;
}

/// Those of `answer`, from the file `name` in the folder of `path`.
Result<std::vector<float>> readLogits(const std::string &path,
                                      const std::string &name, size_t count) {
  if (name.empty() || std::filesystem::path(name).filename() != name)
    return Error{path +
                 ": $.logits: expected the name of a file beside it, "
                 "found '" +
                 name + "'"};
  std::string beside = std::filesystem::path(path).replace_filename(name);
  Result<MappedFile> file = MappedFile::open(beside);
  if (!file)
    return file.error();
  std::vector<float> logits(count);
  if (file->bytes().size() != count * sizeof(float))
    return Error{beside + ": expected " +
                 std::to_string(count * sizeof(float)) + " bytes, found " +
                 std::to_string(file->bytes().size())};
  if (count > 0)
    std::memcpy(logits.data(), file->bytes().data(), count * sizeof(float));
  return logits;
}

} // namespace

Result<std::vector<GoldenAnswer>> readGolden(const std::string &path,
                                             int64_t vocabSize) {
  Result<nlohmann::json> document = readJson(path);
  if (!document)
    return document.error();
  std::optional<std::string> problem;
  JsonField root(*document, problem);
  root["format"].integer(1, 1);
  std::vector<GoldenAnswer> answers;
  bool isText = root.has("answers");
  if (isText) {
    JsonField texts = root["answers"];
    for (size_t i = 0, count = texts.size(); i < count; ++i)
      answers.push_back(readText(texts[i], vocabSize));
    if (answers.empty())
      texts.fail("expected an answer, found none");
  } else {
    answers.push_back(readTokens(root, vocabSize));
  }
  for (const GoldenAnswer &answer : answers) {
    if (answer.prompt.empty() || answer.greedy.empty())
      root.fail("expected a prompt and an answer of a token at least");
    if (answer.margins.size() != answer.greedy.size())
      root.fail("expected a margin for each of " +
                std::to_string(answer.greedy.size()) + " tokens, found " +
                std::to_string(answer.margins.size()));
  }
  std::string name = isText ? "" : root["logits"].string();
  if (problem)
    return Error{path + ": " + *problem};
  if (isText)
    return answers;
  GoldenAnswer &answer = answers.front();
  size_t rows = answer.prompt.size() + answer.greedy.size() - 1;
  auto logits = readLogits(path, name, rows * size_t(vocabSize));
  if (!logits)
    return logits.error();
  answer.logits = std::move(*logits);
  return answers;
}

} // namespace quipu
