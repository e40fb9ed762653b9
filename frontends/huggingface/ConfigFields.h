//===- ConfigFields.h - Reading many fields of a JSON object ----*- C++ -*-===//
//
// The keys of a Hugging Face config with its defaults: null counts as absent,
// and the first field of a wrong type ends the reading.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HUGGINGFACE_CONFIGFIELDS_H
#define QUIPU_FRONTENDS_HUGGINGFACE_CONFIGFIELDS_H

#include "base/Result.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace quipu {

/// Fields of `object`, which is a JSON object. After the first failure every
/// read returns nothing, and `error` holds it.
struct ConfigFields {
  const nlohmann::json &object;
  std::string path; // in front of messages
  std::optional<Error> error;

  /// The value of `key`; null if it is absent or JSON's null.
  const nlohmann::json *find(const char *key) const {
    auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }

  std::optional<int64_t> integer(const char *key) {
    const nlohmann::json *value = error ? nullptr : find(key);
    if (!value)
      return std::nullopt;
    if (!value->is_number_integer() ||
        (value->is_number_unsigned() &&
         value->get<uint64_t>() >
             uint64_t(std::numeric_limits<int64_t>::max()))) {
      mismatch(key, "an integer", *value);
      return std::nullopt;
    }
    return value->get<int64_t>();
  }
  /// A finite number.
  std::optional<double> number(const char *key) {
    const nlohmann::json *value = error ? nullptr : find(key);
    if (!value)
      return std::nullopt;
    if (!value->is_number() || !std::isfinite(value->get<double>())) {
      mismatch(key, "a number", *value);
      return std::nullopt;
    }
    return value->get<double>();
  }
  std::optional<bool> boolean(const char *key) {
    const nlohmann::json *value = error ? nullptr : find(key);
    if (!value)
      return std::nullopt;
    if (!value->is_boolean()) {
      mismatch(key, "true or false", *value);
      return std::nullopt;
    }
    return value->get<bool>();
  }
  std::optional<std::string> string(const char *key) {
    const nlohmann::json *value = error ? nullptr : find(key);
    if (!value)
      return std::nullopt;
    if (!value->is_string()) {
      mismatch(key, "a string", *value);
      return std::nullopt;
    }
    return value->get<std::string>();
  }

  int64_t requiredInteger(const char *key) {
    std::optional<int64_t> value = integer(key);
    if (!value)
      fail(key, "is missing");
    return value.value_or(0);
  }
  double requiredNumber(const char *key) {
    std::optional<double> value = number(key);
    if (!value)
      fail(key, "is missing");
    return value.value_or(0);
  }

  void mismatch(const char *key, const std::string &expected,
                const nlohmann::json &found) {
    // Long values would hide the message.
    fail(key, "expected " + expected + ", found " +
                  found.dump(-1, ' ', true).substr(0, 60));
  }
  void fail(const std::string &key, const std::string &what) {
    if (!error)
      error = Error{path + ": " + key + ": " + what};
  }
};

} // namespace quipu

#endif // QUIPU_FRONTENDS_HUGGINGFACE_CONFIGFIELDS_H
