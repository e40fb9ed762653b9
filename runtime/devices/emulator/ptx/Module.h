//===- Module.h - A parsed PTX module ---------------------------*- C++ -*-===//
//
// What a PTX file says, in the form that an executor runs: flat arrays of
// decoded instructions, names resolved to numbers and offsets. A Module that
// parseModule returned is consistent: every index in it is in range.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_MODULE_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_MODULE_H

#include "base/Result.h"
#include "runtime/devices/emulator/ptx/Instruction.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::ptx {

/// A named piece of a function's parameter block, static shared memory or
/// local depot, for messages and bounds.
struct Variable {
  std::string name;
  Type type = Type::none; // of one element
  uint64_t offset = 0;    // in bytes, from the start of its block
  uint64_t size = 0;      // in bytes
  uint64_t align = 1;
  uint32_t line = 0;
  uint32_t inModule = UINT32_MAX; // shared: number among the module's own
};

/// A module-level `.global` or `.const` variable.
struct GlobalVariable {
  /// `size` bytes at `offset` hold the address of variables[variable] + addend:
  /// a generic one where `generic`, else one in that variable's space (the same
  /// number for .global).
  struct Address {
    uint64_t offset = 0;
    uint32_t size = 8;
    uint32_t variable = 0;
    int64_t addend = 0;
    bool generic = false;
  };

  std::string name;
  Space space = Space::global;
  Type type = Type::none;
  uint64_t size = 0;
  uint64_t align = 1;
  bool isExtern = false;          // declared here, defined nowhere
  std::vector<std::byte> initial; // its first bytes; those beyond it are zero
  std::vector<Address> addresses;
  uint32_t line = 0;
};

/// Threads of a block in x, y and z.
struct BlockSize {
  uint32_t x = 1, y = 1, z = 1;
};

/// A kernel (`.entry`) or a device function (`.func`).
struct Function {
  /// Registers `prefix`0, 1, ... of one class: numbers [first, first + count).
  /// A register that is declared alone has count 0 and is `prefix` itself.
  struct RegisterRange {
    std::string prefix;
    RegisterClass regClass;
    uint32_t first;
    uint32_t count;
  };

  std::string name;
  bool isEntry = false;
  bool isVisible = false;
  uint32_t line = 0;

  /// In order of declaration. An entry's parameter block holds its parameters
  /// from offset 0, each at a multiple of its alignment. A function's holds its
  /// return values, then its parameters, then what its calls pass.
  std::vector<Variable> parameters;
  uint32_t returns = 0;         // how many of `parameters` are return values
  uint64_t paramBytes = 0;      // of parameters (and return values)
  uint64_t paramBlockBytes = 0; // >= paramBytes: with `.param`s of the body

  /// Static shared memory of a block that runs this entry: what the function
  /// declares and what it uses of the module's.
  std::vector<Variable> shared;
  uint64_t sharedBytes = 0;
  /// `.extern .shared` arrays all begin at dynamicSharedOffset, behind the
  /// static ones: operands that name one carry that offset.
  bool usesDynamicShared = false;
  uint64_t dynamicSharedOffset = 0;
  uint64_t dynamicSharedAlign = 1;

  std::vector<Variable> local; // `.local` variables of each thread
  uint64_t localBytes = 0;

  std::optional<BlockSize> maxThreads;      // .maxntid
  std::optional<BlockSize> requiredThreads; // .reqntid
  uint32_t minBlocksPerMultiprocessor = 0;  // .minnctapersm; 0: not said
  uint32_t maxRegisters = 0;                // .maxnreg; 0: not said

  std::array<uint32_t, registerClasses> registers = {}; // number of each class
  std::vector<RegisterRange> registerRanges;

  /// Empty of a prototype, whose body is not in the file; else the last is an
  /// exit (of an entry) or a ret, without guard.
  std::vector<Instruction> instructions;
  std::vector<uint32_t> mnemonics; // of each, in Module::mnemonics
  std::vector<Operand> elements;   // of vector operands
  std::vector<std::vector<uint32_t>> branchTables; // instruction indices

  /// Why it cannot run: "k.ptx:17: unknown instruction 'x'"; empty: it can, as
  /// far as its text tells. Such instructions are left out above.
  std::string refusal;

  bool hasBody() const { return !instructions.empty(); }

  /// The name in the source of a register, as in `%r17`; for messages.
  std::string registerName(RegisterClass regClass, uint32_t index) const;
};

struct Module {
  std::string fileName; // in front of messages
  uint32_t versionMajor = 0, versionMinor = 0;
  std::string target;     // "sm_90a"
  uint32_t smVersion = 0; // 90
  std::vector<GlobalVariable> variables;
  std::vector<Function> functions;
  std::vector<std::string> mnemonics; // as written, each once

  /// The entry of that name, or null. It has a body.
  const Function *entry(std::string_view name) const;
};

/// Parses the text of a PTX file. Errors begin with `fileName` and the line:
/// "k.ptx:17: ...". Takes time linear in the text, and memory in proportion.
Result<Module> parseModule(std::string_view text, std::string_view fileName);

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_MODULE_H
