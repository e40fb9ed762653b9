//===- StoredTypes.cpp - Stored element types in IR -----------------------===//
//
// One switch each way; a new format adds a case to both.
//
//===----------------------------------------------------------------------===//

#include "dialects/llama/StoredTypes.h"

#include "dialects/llama/Dialect.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;

namespace quipu::llama {

Type storedType(MLIRContext *context, ElementType type) {
  switch (type) {
  case ElementType::f32:
    return Float32Type::get(context);
  case ElementType::f16:
    return Float16Type::get(context);
  case ElementType::bf16:
    return BFloat16Type::get(context);
  case ElementType::i32:
    return IntegerType::get(context, 32);
  case ElementType::q8_0:
    return Q8_0Type::get(context);
  case ElementType::q4_0:
    return Q4_0Type::get(context);
  case ElementType::q4_1:
    return Q4_1Type::get(context);
  case ElementType::q5_0:
    return Q5_0Type::get(context);
  case ElementType::q5_1:
    return Q5_1Type::get(context);
  case ElementType::q2_k:
    return Q2_KType::get(context);
  case ElementType::q3_k:
    return Q3_KType::get(context);
  case ElementType::q4_k:
    return Q4_KType::get(context);
  case ElementType::q5_k:
    return Q5_KType::get(context);
  case ElementType::q6_k:
    return Q6_KType::get(context);
  }
  llvm_unreachable("unknown element type");
}

std::optional<ElementType> elementType(Type type) {
  using Found = std::optional<ElementType>;
  return TypeSwitch<Type, Found>(type)
      .Case([](Float32Type) { return ElementType::f32; })
      .Case([](Float16Type) { return ElementType::f16; })
      .Case([](BFloat16Type) { return ElementType::bf16; })
      .Case([](IntegerType integer) {
        return integer.isSignlessInteger(32) ? Found(ElementType::i32)
                                             : std::nullopt;
      })
      .Case([](Q8_0Type) { return ElementType::q8_0; })
      .Case([](Q4_0Type) { return ElementType::q4_0; })
      .Case([](Q4_1Type) { return ElementType::q4_1; })
      .Case([](Q5_0Type) { return ElementType::q5_0; })
      .Case([](Q5_1Type) { return ElementType::q5_1; })
      .Case([](Q2_KType) { return ElementType::q2_k; })
      .Case([](Q3_KType) { return ElementType::q3_k; })
      .Case([](Q4_KType) { return ElementType::q4_k; })
      .Case([](Q5_KType) { return ElementType::q5_k; })
      .Case([](Q6_KType) { return ElementType::q6_k; })
      .Default([](Type) { return std::nullopt; });
}

} // namespace quipu::llama
