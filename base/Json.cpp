//===- Json.cpp - Untrusted JSON text -------------------------------------===//
//
// Two passes: an event pass that checks, because the document pass of the
// library keeps the last of two equal keys and does not say where it failed.
//
//===----------------------------------------------------------------------===//

#include "base/Json.h"
#include "base/MappedFile.h"

#include <unordered_set>
#include <vector>

namespace quipu {
namespace {

constexpr size_t maxDepth = 64;

/// Accepts every value; ends the parse at the first problem.
class JsonChecker : public nlohmann::json_sax<nlohmann::json> {
public:
  std::string problem;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t &) override { return true; }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return true; }

  bool start_object(size_t) override { return enter(); }
  bool start_array(size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t &name) override {
    if (keys.back().insert(name).second)
      return true;
    problem = "key '" + name + "' appears twice in an object";
    return false;
  }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::json::exception &) override {
    problem = "not valid JSON at byte " + std::to_string(position);
    return false;
  }

private:
  bool enter() {
    keys.emplace_back();
    if (keys.size() <= maxDepth)
      return true;
    problem = "JSON nested deeper than " + std::to_string(maxDepth) + " levels";
    return false;
  }
  bool leave() {
    keys.pop_back();
    return true;
  }

  std::vector<std::unordered_set<std::string>> keys; // by depth
};

} // namespace

Result<nlohmann::json> parseJson(std::string_view text,
                                 const std::string &path) {
  JsonChecker checker;
  if (!nlohmann::json::sax_parse(text, &checker))
    return Error{path + ": " + checker.problem};
  nlohmann::json document =
      nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded())
    return Error{path + ": not valid JSON"};
  return document;
}

Result<nlohmann::json> readJson(const std::string &path) {
  constexpr uint64_t most = uint64_t(256) << 20;
  Result<MappedFile> file = MappedFile::open(path, most);
  if (!file)
    return file.error();
  return parseJson({reinterpret_cast<const char *>(file->bytes().data()),
                    file->bytes().size()},
                   path);
}

} // namespace quipu
