//===- ParserContext.h - What a parse knows so far --------------*- C++ -*-===//
//
// The state that the parts of the parser share, from the module's declarations
// down to an instruction's operands.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_PARSERCONTEXT_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_PARSERCONTEXT_H

#include "runtime/devices/emulator/ptx/FormTable.h"
#include "runtime/devices/emulator/ptx/Module.h"
#include "runtime/devices/emulator/ptx/Scope.h"
#include "runtime/devices/emulator/ptx/TokenStream.h"

namespace quipu::ptx {

/// Bounds of what one file may ask for, far above what a GPU has.
inline constexpr uint64_t mostBlockBytes = 1u << 26;    // shared, local, param
inline constexpr uint64_t mostVariableBytes = 1u << 30; // .global, .const
inline constexpr uint64_t mostAlignment = 4096;
inline constexpr uint64_t mostRegisters = 1u << 17; // of one class
inline constexpr size_t mostNesting = 64;

/// A call, to be checked against the callee when all of them are known.
struct CallSite {
  uint32_t function = 0;
  uint32_t callee = 0;
  uint32_t instruction = 0;
};

struct ParserContext {
  ParserContext(std::string_view text, std::string_view fileName)
      : tokens(text, std::string(fileName)) {
    module.fileName = fileName;
    scopes.open();
  }

  TokenStream tokens;
  Module module;
  Scopes scopes;
  std::vector<Variable> moduleShared; // offsets unset: placed per function
  std::vector<CallSite> calls;
  /// What mnemonics mean; the error is one that the table has no form for.
  struct KnownMnemonic {
    Result<Mnemonic> meaning;
    uint32_t index; // in Module::mnemonics
  };
  std::unordered_map<std::string_view, KnownMnemonic> mnemonics;

  /// Declares `name` in the innermost scope, or fails with where it was.
  bool declare(std::string_view name, const Symbol &symbol);
};

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_PARSERCONTEXT_H
