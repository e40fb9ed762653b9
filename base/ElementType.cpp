//===- ElementType.cpp - How tensor elements are stored -------------------===//
//
// The one table of block sizes. Sizes follow the block structs of the GGUF
// format: scales first or last, quants packed two, four or eight to a byte.
//
//===----------------------------------------------------------------------===//

#include "base/ElementType.h"

#include <cassert>

namespace quipu {
namespace {

struct Geometry {
  std::string_view name;
  int64_t elements;
  int64_t bytes;
};

// Indexed by ElementType.
constexpr Geometry geometries[] = {
    {"f32", 1, 4},      {"f16", 1, 2},      {"bf16", 1, 2},
    {"i32", 1, 4},      {"q8_0", 32, 34},   {"q4_0", 32, 18},
    {"q4_1", 32, 20},   {"q5_0", 32, 22},   {"q5_1", 32, 24},
    {"q2_k", 256, 84},  {"q3_k", 256, 110}, {"q4_k", 256, 144},
    {"q5_k", 256, 176}, {"q6_k", 256, 210},
};

const Geometry &geometry(ElementType type) {
  return geometries[static_cast<uint8_t>(type)];
}

} // namespace

int64_t blockElements(ElementType type) { return geometry(type).elements; }
int64_t blockBytes(ElementType type) { return geometry(type).bytes; }
std::string_view name(ElementType type) { return geometry(type).name; }

std::optional<ElementType> parseElementType(std::string_view name) {
  for (uint8_t i = 0; i < std::size(geometries); ++i)
    if (geometries[i].name == name)
      return static_cast<ElementType>(i);
  return std::nullopt;
}

int64_t rowBytes(ElementType type, int64_t elements) {
  assert(elements % blockElements(type) == 0 && "row ends inside a block");
  return elements / blockElements(type) * blockBytes(type);
}

} // namespace quipu
