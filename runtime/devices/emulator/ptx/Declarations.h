//===- Declarations.h - PTX variables and registers -------------*- C++ -*-===//
//
// Reads what declares a variable or registers, wherever it may stand.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_DECLARATIONS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_DECLARATIONS_H

#include "runtime/devices/emulator/ptx/ParserContext.h"

namespace quipu::ptx {

/// A variable as declared, before it has a place.
struct Declarator {
  std::string_view name;
  Type type = Type::none;
  uint64_t size = 0; // in bytes
  uint64_t align = 1;
  bool unsized = false; // `name[]`
  uint32_t line = 0;
};

/// Reads `.align 16 .b8 name[64]`, behind the state space.
bool parseDeclarator(ParserContext &context, Declarator &declarator);

/// Reads `= {1, 2}` or `= 5`, if there, into `variable`, whose size and type
/// are known. An array that is unsized takes its size from this.
bool parseInitializer(ParserContext &context, const Declarator &declarator,
                      GlobalVariable &variable);

/// Reads a `.global` or `.const` variable of the module, behind the space, and
/// declares it in the innermost scope.
bool parseGlobal(ParserContext &context, Space space, bool isExtern);

/// Reads `.b32 %r<42>, %s;` behind `.reg` and declares it in the innermost
/// scope.
bool parseRegisters(ParserContext &context, Function &function);

/// Puts `declarator` behind `end`, the end of a block of memory so far, which
/// is then its own. Fails where the block becomes too large.
bool place(ParserContext &context, const Declarator &declarator, uint64_t &end,
           std::vector<Variable> &variables);

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_DECLARATIONS_H
