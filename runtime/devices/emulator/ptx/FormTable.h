//===- FormTable.h - Mnemonics looked up ------------------------*- C++ -*-===//
//
// The table of forms, compiled once per process, and the way from a dotted
// mnemonic to the instruction that it begins.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FORMTABLE_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FORMTABLE_H

#include "base/Result.h"
#include "runtime/devices/emulator/ptx/Forms.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace quipu::ptx {

/// The type of that name, or none.
Type parseType(std::string_view name);
std::string_view name(Type type);

/// What stands at one place behind a mnemonic.
struct OperandForm {
  enum class Kind : uint8_t {
    destination,
    second, // behind a bar
    source,
    address,
    immediate,
    absent,
    label,
    table,
    call,
  };
  /// Which type: the instruction's first to fourth, the first at twice its
  /// width, or `literal`.
  enum class Which : uint8_t { first, second, third, fourth, wide, literal };

  Kind kind = Kind::absent;
  Which which = Which::first;
  Type literal = Type::none;
  bool inBraces = false;
  uint8_t count = 0;  // registers in braces; 0: vectorWidth
  bool fills = false; // as many registers as fill the first type
  bool optional = false;
  bool withPolicy = false;
  bool wider = false;
  bool sink = false;
  bool anything = false; // special registers, addresses of variables
  /// address: the space, where it is not Instruction::space.
  bool isSecondSpace = false;
  bool isShared = false;
};

struct CompiledForm {
  struct Item {
    bool required = false;
    bool preset = false;
    std::vector<Word> words;
  };
  const Form *form = nullptr;
  std::vector<Item> items;
  std::vector<std::vector<Type>> types;
  std::vector<OperandForm> operands;
};

/// What a mnemonic may be: the instruction with everything but its operands,
/// once for each form that its words fit. They differ in operands.
struct Mnemonic {
  struct Reading {
    Instruction instruction;
    const CompiledForm *form = nullptr;
    bool policy = false;
  };
  std::vector<Reading> readings; // not empty
};

class FormTable {
public:
  static const FormTable &instance();

  /// Reads e.g. "ld.global.v4.b32". Errors say which word is wrong.
  Result<Mnemonic> read(std::string_view mnemonic) const;

private:
  FormTable();
  std::unordered_map<std::string_view, std::vector<CompiledForm>> byName;
};

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FORMTABLE_H
