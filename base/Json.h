//===- Json.h - Untrusted JSON text -----------------------------*- C++ -*-===//
//
// One strict way from a JSON file to a document, shared by the readers of
// configs, safetensors headers, indices and packages.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_BASE_JSON_H
#define QUIPU_BASE_JSON_H

#include "base/Result.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace quipu {

/// Parses `text` (RFC 8259, UTF-8). Beyond what the syntax says, refuses keys
/// that appear twice in an object and nesting deeper than 64 levels. `path`
/// goes in front of a message.
Result<nlohmann::json> parseJson(std::string_view text,
                                 const std::string &path);

/// Maps and parses the file at `path`, of at most 256 MiB: ten times the
/// largest tokenizer.json, whose document takes memory many times its size.
Result<nlohmann::json> readJson(const std::string &path);

} // namespace quipu

#endif // QUIPU_BASE_JSON_H
