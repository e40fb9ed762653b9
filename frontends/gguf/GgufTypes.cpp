//===- GgufTypes.cpp - Types as GGUF files number them --------------------===//
//
// Every type that the format has; ones that we do not compute with are none.
//
//===----------------------------------------------------------------------===//

#include "frontends/gguf/GgufTypes.h"

namespace quipu {

uint64_t leastGgufBytes(GgufType type) {
  switch (type) {
  case GgufType::u8:
  case GgufType::i8:
  case GgufType::boolean:
    return 1;
  case GgufType::u16:
  case GgufType::i16:
    return 2;
  case GgufType::u32:
  case GgufType::i32:
  case GgufType::f32:
    return 4;
  case GgufType::string:
  case GgufType::u64:
  case GgufType::i64:
  case GgufType::f64:
    return 8;
  case GgufType::array:
    return 12;
  }
  return 0;
}

std::optional<ElementType> ggufElementType(uint32_t number) {
  switch (number) {
  case 0:
    return ElementType::f32;
  case 1:
    return ElementType::f16;
  case 2:
    return ElementType::q4_0;
  case 3:
    return ElementType::q4_1;
  case 6:
    return ElementType::q5_0;
  case 7:
    return ElementType::q5_1;
  case 8:
    return ElementType::q8_0;
  case 10:
    return ElementType::q2_k;
  case 11:
    return ElementType::q3_k;
  case 12:
    return ElementType::q4_k;
  case 13:
    return ElementType::q5_k;
  case 14:
    return ElementType::q6_k;
  case 26:
    return ElementType::i32;
  case 30:
    return ElementType::bf16;
  default:
    return std::nullopt;
  }
}

} // namespace quipu
