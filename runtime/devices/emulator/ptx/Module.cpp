//===- Module.cpp - A parsed PTX module -----------------------------------===//
//
// The few questions that a Module answers about itself.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/Module.h"

using namespace quipu::ptx;

unsigned quipu::ptx::bits(Type type) {
  switch (type) {
  case Type::none:
    return 0;
  case Type::pred:
    return 1;
  case Type::b8:
  case Type::u8:
  case Type::s8:
    return 8;
  case Type::b16:
  case Type::u16:
  case Type::s16:
  case Type::f16:
  case Type::bf16:
  case Type::e4m3x2:
  case Type::e5m2x2:
    return 16;
  case Type::b32:
  case Type::u32:
  case Type::s32:
  case Type::f16x2:
  case Type::bf16x2:
  case Type::tf32:
  case Type::f32:
    return 32;
  case Type::b64:
  case Type::u64:
  case Type::s64:
  case Type::f64:
    return 64;
  case Type::b128:
    return 128;
  }
  return 0;
}

std::string Function::registerName(RegisterClass regClass,
                                   uint32_t index) const {
  for (const RegisterRange &range : registerRanges) {
    if (range.regClass != regClass || index < range.first)
      continue;
    if (range.count == 0 && index == range.first)
      return range.prefix;
    if (index - range.first < range.count)
      return range.prefix + std::to_string(index - range.first);
  }
  return "?";
}

const Function *Module::entry(std::string_view name) const {
  for (const Function &function : functions)
    if (function.isEntry && function.hasBody() && function.name == name)
      return &function;
  return nullptr;
}
