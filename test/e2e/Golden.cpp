//===- Golden.cpp - Reference answers as data -----------------------------===//
//
// The files are our own and committed, so a fault in one is reported by its
// name alone.
//
//===----------------------------------------------------------------------===//

#include "test/e2e/Golden.h"

#include "base/MappedFile.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace quipu {

using nlohmann::json;

static const std::string folder = "test/e2e/goldens/";

/// Exceptions stay in here: a wrong type in a file of ours is a fault of it.
template <typename T> static T field(const json &object, const char *key) {
  T value{};
  if (auto it = object.find(key); it != object.end()) {
    if constexpr (std::is_same_v<T, std::string>) {
      if (it->is_string())
        value = it->get<T>();
    } else if constexpr (std::is_arithmetic_v<T>) {
      if (it->is_number() || it->is_boolean())
        value = it->get<T>();
    } else {
      for (const json &element : *it)
        if (element.is_number())
          value.push_back(element.get<typename T::value_type>());
    }
  }
  return value;
}

static Result<json> readJson(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  const char *text = reinterpret_cast<const char *>(file->bytes().data());
  json parsed = json::parse(text, text + file->bytes().size(), nullptr,
                            /*allow_exceptions=*/false);
  if (!parsed.is_object() || field<int64_t>(parsed, "format") != 1)
    return Error{path + ": not a golden of format 1"};
  return parsed;
}

static Result<std::vector<float>> readFloats(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  std::vector<float> values(file->bytes().size() / sizeof(float));
  if (!values.empty())
    std::memcpy(values.data(), file->bytes().data(),
                values.size() * sizeof(float));
  return values;
}

Result<LogitsGolden> readLogitsGolden(const std::string &name) {
  Result<json> header = readJson(folder + name + ".json");
  if (!header)
    return header.error();
  Result<std::vector<float>> logits =
      readFloats(folder + field<std::string>(*header, "logits"));
  if (!logits)
    return logits.error();
  LogitsGolden golden;
  golden.name = name;
  golden.model = field<std::string>(*header, "model");
  golden.tokens = field<std::vector<int32_t>>(*header, "tokens");
  golden.promptLength = field<int64_t>(*header, "prompt_length");
  golden.greedyMargins = field<std::vector<float>>(*header, "greedy_margins");
  golden.logits = std::move(*logits);
  auto shape = field<std::vector<int64_t>>(*header, "logits_shape");
  int64_t tokens = golden.tokens.size();
  if (shape.size() != 2 || shape[0] != tokens - 1 || golden.promptLength < 1 ||
      golden.promptLength >= tokens || shape[1] < 1 ||
      shape[0] * shape[1] != int64_t(golden.logits.size()))
    return Error{folder + name + ".json: lengths do not agree"};
  golden.vocabSize = shape[1];
  return golden;
}

std::vector<std::string> logitsGoldenNames() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto &entry : std::filesystem::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".bin")
      names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<TextGolden>> readSmolLm2Goldens() {
  Result<json> file = readJson(folder + "smollm2.json");
  if (!file)
    return file.error();
  std::vector<TextGolden> goldens;
  for (const json &answer : (*file)["answers"]) {
    TextGolden &golden = goldens.emplace_back();
    golden.chat = field<bool>(answer, "chat");
    golden.prompt = field<std::string>(answer, "prompt");
    golden.text = field<std::string>(answer, "text");
    golden.ids = field<std::vector<int32_t>>(answer, "ids");
    golden.greedyIds = field<std::vector<int32_t>>(answer, "greedy_ids");
    golden.greedyText = field<std::string>(answer, "greedy_text");
    if (answer.contains("end") && answer["end"].is_number())
      golden.end = field<int64_t>(answer, "end");
    golden.greedyMargins = field<std::vector<float>>(answer, "greedy_margins");
    golden.topIds = field<std::vector<int32_t>>(answer, "top_ids");
    golden.topLogits = field<std::vector<float>>(answer, "top_logits");
  }
  return goldens;
}

double relativeDifference(std::span<const float> found,
                          std::span<const float> expected) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  if (found.size() != expected.size())
    return infinite;
  double difference = 0, norm = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    double d = double(found[i]) - expected[i];
    difference += d * d;
    norm += double(expected[i]) * expected[i];
  }
  double result = std::sqrt(difference / norm);
  return std::isfinite(result) ? result : infinite;
}

int32_t indexOfLargest(std::span<const float> values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

} // namespace quipu
