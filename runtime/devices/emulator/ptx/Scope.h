//===- Scope.h - Names in PTX -----------------------------------*- C++ -*-===//
//
// What a name means at a place in the text: module, function and each `{ }` in
// it have names of their own, and inner ones hide outer ones.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_SCOPE_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_SCOPE_H

#include "runtime/devices/emulator/ptx/Instruction.h"

#include <string_view>
#include <unordered_map>
#include <vector>

namespace quipu::ptx {

struct Symbol {
  enum class Kind : uint8_t {
    reg,
    range,        // `%r<42>`: the name is `%r`
    variable,     // of the function's own blocks, or .global or .const
    moduleShared, // .shared of the module: the function has yet to place it
    label,
    table,
    function,
  };

  Kind kind;
  RegisterClass regClass = RegisterClass::pred; // reg, range
  Space space = Space::generic;                 // variable
  uint32_t index = 0;  // first register, variable, instruction, table, function
  uint32_t count = 0;  // registers of a range
  uint64_t offset = 0; // variable: in its block
  uint64_t size = 0;   // variable
  bool dynamic = false; // .extern .shared
  uint32_t line = 0;
};

/// Scopes from the module's (the first) to the innermost. Names outlive it.
class Scopes {
public:
  void open() { scopes.emplace_back(); }
  void close() { scopes.pop_back(); }
  size_t depth() const { return scopes.size(); }

  /// Whether the name is new in the innermost scope; if not, `before` is the
  /// line where it was declared.
  bool declare(std::string_view name, const Symbol &symbol, uint32_t &before);

  /// Declares `name` in the outermost scope; returns what it means there then.
  const Symbol &declareInModule(std::string_view name, const Symbol &symbol) {
    return scopes.front().emplace(name, symbol).first->second;
  }

  /// What `name` means here; null where nothing does. A register of a range is
  /// not found by this.
  Symbol *find(std::string_view name);

  /// What `name` means in the innermost scope alone.
  Symbol *findInnermost(std::string_view name);

  /// The register `name`, alone or of a range. Labels and variables are none.
  bool findRegister(std::string_view name, RegisterClass &regClass,
                    uint32_t &index);

private:
  std::vector<std::unordered_map<std::string_view, Symbol>> scopes;
};

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_SCOPE_H
