//===- JsonField.cpp - Checked reading of untrusted JSON ------------------===//
//
// Type and range checks with messages that name path, found and expected.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/JsonField.h"

#include <cmath>

namespace quipu {
namespace {

const nlohmann::json &nothing() {
  static const nlohmann::json null;
  return null;
}

} // namespace

JsonField JsonField::operator[](const char *name) const {
  if (value->is_object()) {
    auto member = value->find(name);
    if (member != value->end())
      return JsonField(*member, this, name, 0);
    fail(std::string("lacks '") + name + "'");
  } else {
    fail("expected an object, found " + found());
  }
  return JsonField(nothing(), this, name, 0);
}

JsonField JsonField::operator[](size_t at) const {
  if (value->is_array() && at < value->size())
    return JsonField((*value)[at], this, nullptr, at);
  fail("expected at least " + std::to_string(at + 1) + " elements, found " +
       (value->is_array() ? std::to_string(value->size()) : found()));
  return JsonField(nothing(), this, nullptr, at);
}

bool JsonField::has(const char *name) const {
  return value->is_object() && value->contains(name);
}

size_t JsonField::size() const {
  if (value->is_array())
    return value->size();
  fail("expected an array, found " + found());
  return 0;
}

int64_t JsonField::integer(int64_t least, int64_t most) const {
  bool fits = value->is_number_integer();
  if (value->is_number_unsigned())
    fits = value->get<uint64_t>() <= uint64_t(INT64_MAX);
  if (fits) {
    auto number = value->get<int64_t>();
    if (number >= least && number <= most)
      return number;
  }
  fail("expected an integer from " + std::to_string(least) + " to " +
       std::to_string(most) + ", found " + found());
  return least;
}

float JsonField::real() const {
  if (value->is_number()) {
    float number = value->get<float>();
    if (std::isfinite(number))
      return number;
  }
  fail("expected a finite f32 number, found " + found());
  return 1.0f;
}

double JsonField::number() const {
  if (value->is_number() && std::isfinite(value->get<double>()))
    return value->get<double>();
  fail("expected a finite number, found " + found());
  return 0;
}

std::string JsonField::string() const {
  if (value->is_string())
    return value->get<std::string>();
  fail("expected a string, found " + found());
  return {};
}

size_t JsonField::oneOf(std::span<const std::string_view> names) const {
  std::string expected;
  for (size_t i = 0; i < names.size(); ++i) {
    if (value->is_string() && value->get_ref<const std::string &>() == names[i])
      return i;
    expected += (i ? ", " : "") + std::string(names[i]);
  }
  fail("expected one of " + expected + "; found " + found());
  return 0;
}

void JsonField::fail(const std::string &what) const {
  if (!*problem)
    *problem = path() + ": " + what;
}

std::string JsonField::path() const {
  if (!parent)
    return "$";
  return parent->path() +
         (key ? std::string(".") + key : "[" + std::to_string(index) + "]");
}

std::string JsonField::found() const {
  if (value->is_object() || value->is_array() || value->is_null())
    return value->is_null() ? "nothing" : value->type_name();
  auto text =
      value->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

} // namespace quipu
