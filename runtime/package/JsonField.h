//===- JsonField.h - Checked reading of untrusted JSON ----------*- C++ -*-===//
//
// A place in a JSON document that knows its path. Readers ask for values of
// the type and range they need; the first problem is kept, with the path, and
// everything after it reads as a harmless default.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_JSONFIELD_H
#define QUIPU_RUNTIME_PACKAGE_JSONFIELD_H

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quipu {

/// A value at a path. A field refers to the one it was taken from, so a field
/// that is kept in a variable must come from one in a variable.
class JsonField {
public:
  /// The root of `document`. `problem` takes the first error: "$.kv.layers:
  /// expected ..., found ...".
  JsonField(const nlohmann::json &document, std::optional<std::string> &problem)
      : value(&document), problem(&problem) {}

  /// A member that must exist, or an element below size().
  JsonField operator[](const char *key) const;
  JsonField operator[](size_t index) const;

  bool has(const char *key) const;

  /// Elements of this array, or 0 after a problem.
  size_t size() const;

  int64_t integer(int64_t least, int64_t most) const;
  float real() const;    // finite, as f32
  double number() const; // finite
  std::string string() const;

  /// Index of this string in `names`.
  size_t oneOf(std::span<const std::string_view> names) const;

  /// Whether there was a problem, here or anywhere in the document.
  bool failed() const { return problem->has_value(); }

  /// Records "PATH: what" unless there was a problem before.
  void fail(const std::string &what) const;

  const nlohmann::json &json() const { return *value; }

private:
  JsonField(const nlohmann::json &value, const JsonField *parent,
            const char *key, size_t index)
      : value(&value), problem(parent->problem), parent(parent), key(key),
        index(index) {}

  std::string path() const;
  std::string found() const;

  const nlohmann::json *value;
  std::optional<std::string> *problem;
  const JsonField *parent = nullptr;
  const char *key = nullptr; // null: an array element
  size_t index = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_PACKAGE_JSONFIELD_H
