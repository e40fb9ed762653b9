//===- TomlFields.h - Reading a TOML table without leftovers ----*- C++ -*-===//
//
// Typed reads from one table of a config. The reader remembers what was asked
// for, so that a misspelt key is an error with its line and not ignored.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_TOML_TOMLFIELDS_H
#define QUIPU_FRONTENDS_TOML_TOMLFIELDS_H

// The parser without exceptions, compiled into the one file that reads TOML:
// Debian's shared library is built with them.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/Result.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// Fields of `table`, which messages call `section` ("" at the top). After the
/// first failure every read returns nothing, and `error` holds it.
struct TomlFields {
  const toml::table &table;
  std::string path;
  std::string section;
  std::optional<Error> error;
  std::vector<std::string_view> known; // keys asked for, for finish()

  const toml::node *find(std::string_view key) {
    known.push_back(key);
    return error ? nullptr : table.get(key);
  }
  std::optional<int64_t> integer(std::string_view key) {
    return read<int64_t>(key, "an integer");
  }
  std::optional<bool> boolean(std::string_view key) {
    return read<bool>(key, "true or false");
  }
  std::optional<std::string> string(std::string_view key) {
    return read<std::string>(key, "a string");
  }
  /// A finite number; integers count.
  std::optional<double> number(std::string_view key) {
    const toml::node *node = find(key);
    if (!node)
      return std::nullopt;
    std::optional<double> value;
    if (node->is_number())
      value = node->value<double>();
    if (!value || !std::isfinite(*value)) {
      fail(key, "expected a number", node);
      return std::nullopt;
    }
    return value;
  }
  std::vector<std::string> strings(std::string_view key) {
    std::vector<std::string> values;
    const toml::node *node = find(key);
    if (!node)
      return values;
    if (const toml::array *array = node->as_array())
      for (const toml::node &element : *array)
        if (const toml::value<std::string> *text = element.as_string())
          values.push_back(text->get());
    if (!node->is_array() || values.size() != node->as_array()->size())
      fail(key, "expected a list of strings", node);
    return values;
  }
  const toml::table *subtable(std::string_view key) {
    const toml::node *node = find(key);
    if (node && !node->is_table())
      fail(key, "expected a table", node);
    return node ? node->as_table() : nullptr;
  }

  int64_t requiredInteger(std::string_view key) {
    std::optional<int64_t> value = integer(key);
    if (!value)
      fail(key, "is missing");
    return value.value_or(0);
  }
  double requiredNumber(std::string_view key) {
    std::optional<double> value = number(key);
    if (!value)
      fail(key, "is missing");
    return value.value_or(0);
  }

  /// Fails at the first key that nothing asked for.
  void finish() {
    for (auto &&[key, node] : table) {
      bool asked = false;
      std::string names;
      for (std::string_view name : known) {
        asked |= name == key.str();
        names += (names.empty() ? "" : ", ") + std::string(name);
      }
      if (!asked)
        fail(key.str(), "unknown key, expected one of: " + names, &node);
    }
  }

  /// Keeps a message about `key`, at the line of `node` or of the table.
  void fail(std::string_view key, const std::string &what,
            const toml::node *node = nullptr) {
    if (error)
      return;
    uint32_t line = (node ? node->source() : table.source()).begin.line;
    error = Error{path + (line ? ":" + std::to_string(line) : "") + ": " +
                  (section.empty() ? "" : section + ".") + std::string(key) +
                  ": " + what};
  }

private:
  template <typename T>
  std::optional<T> read(std::string_view key, const char *expected) {
    const toml::node *node = find(key);
    if (!node)
      return std::nullopt;
    if (const auto *value = node->as<T>())
      return value->get();
    fail(key, std::string("expected ") + expected, node);
    return std::nullopt;
  }
};

} // namespace quipu

#endif // QUIPU_FRONTENDS_TOML_TOMLFIELDS_H
