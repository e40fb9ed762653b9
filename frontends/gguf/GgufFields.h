//===- GgufFields.h - Metadata with defaults and limits ---------*- C++ -*-===//
//
// Reading many keys in a row, where the first error ends it all: the reader
// keeps that error, so that the lines that use it stay readable.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_GGUF_GGUFFIELDS_H
#define QUIPU_FRONTENDS_GGUF_GGUFFIELDS_H

#include "frontends/gguf/GgufFile.h"

#include <cmath>

namespace quipu {

/// After the first failure every read returns nothing, and `error` holds it.
struct GgufFields {
  const GgufFile &file;
  std::optional<Error> error;

  std::optional<int64_t> integer(std::string_view key) {
    return keep(file.integer(key));
  }
  /// A finite number.
  std::optional<double> number(std::string_view key) {
    std::optional<double> value = keep(file.number(key));
    if (value && !std::isfinite(*value))
      fail(key, "expected a finite number, found " + std::to_string(*value));
    return value;
  }
  std::optional<bool> boolean(std::string_view key) {
    return keep(file.boolean(key));
  }
  std::optional<std::string> string(std::string_view key) {
    return keep(file.string(key));
  }
  std::optional<GgufArray> array(std::string_view key, GgufType type) {
    return keep(file.array(key, type));
  }

  int64_t requiredInteger(std::string_view key) {
    std::optional<int64_t> value = integer(key);
    if (!value && !error)
      fail(key, "is missing");
    return value.value_or(0);
  }
  double requiredNumber(std::string_view key) {
    std::optional<double> value = number(key);
    if (!value && !error)
      fail(key, "is missing");
    return value.value_or(0);
  }

  void fail(std::string_view key, const std::string &what) {
    if (!error)
      error = Error{file.path() + ": " + std::string(key) + ": " + what};
  }

private:
  template <typename T> std::optional<T> keep(Result<std::optional<T>> value) {
    if (error)
      return std::nullopt;
    if (value)
      return std::move(*value);
    error = value.error();
    return std::nullopt;
  }
};

} // namespace quipu

#endif // QUIPU_FRONTENDS_GGUF_GGUFFIELDS_H
