//===- Scope.cpp - Names in PTX -------------------------------------------===//
//
// Nearly every name in a kernel is a register of a range, so that is tried
// first.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/Scope.h"

using namespace quipu::ptx;

bool Scopes::declare(std::string_view name, const Symbol &symbol,
                     uint32_t &before) {
  auto [at, isNew] = scopes.back().emplace(name, symbol);
  before = at->second.line;
  return isNew;
}

Symbol *Scopes::find(std::string_view name) {
  for (size_t i = scopes.size(); i-- > 0;) {
    auto at = scopes[i].find(name);
    if (at != scopes[i].end())
      return &at->second;
  }
  return nullptr;
}

Symbol *Scopes::findInnermost(std::string_view name) {
  auto at = scopes.back().find(name);
  return at == scopes.back().end() ? nullptr : &at->second;
}

bool Scopes::findRegister(std::string_view name, RegisterClass &regClass,
                          uint32_t &index) {
  // `%r12` is the 12th of `%r<...>`, or the 2nd of `%r1<...>`.
  uint64_t number = 0, scale = 1;
  size_t digits = 0;
  constexpr size_t mostDigits = 7;
  while (digits < mostDigits && digits + 1 < name.size()) {
    char c = name[name.size() - 1 - digits];
    if (c < '0' || c > '9')
      break;
    number += uint64_t(c - '0') * scale;
    scale *= 10;
    ++digits;
    if (c == '0' && digits > 1)
      continue; // %r012 is none; %r102 may be, with the next digit
    const Symbol *range = find(name.substr(0, name.size() - digits));
    if (range && range->kind == Symbol::Kind::range && number < range->count) {
      regClass = range->regClass;
      index = range->index + uint32_t(number);
      return true;
    }
  }
  const Symbol *alone = find(name);
  if (!alone || alone->kind != Symbol::Kind::reg)
    return false;
  regClass = alone->regClass;
  index = alone->index;
  return true;
}
