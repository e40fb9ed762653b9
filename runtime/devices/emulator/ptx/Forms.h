//===- Forms.h - The PTX instructions that are known ------------*- C++ -*-===//
//
// One table says which mnemonics there are, which modifiers and types go with
// each, and which operands follow. Parser, messages and docs rest on it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FORMS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FORMS_H

#include "runtime/devices/emulator/ptx/Instruction.h"

#include <span>
#include <string_view>

namespace quipu::ptx {

/// One way to write an instruction. A name may have several forms; the first
/// that fits modifiers, types and the shape of the operands is taken.
///
/// `modifiers`: items separated by spaces; each is used at most once, in any
/// order.
///   word             that word, as a flag
///   field=a|b        one of these words, for that field of Instruction
///   !item            required
///   =item            always set, not written
///   $name            the items of the group of that name
///
/// `types`: one item for each type word, in order: words separated by `|`, or a
/// `$group`.
///
/// `operands`: items separated by spaces.
///   >T  <T           register written; register or immediate read
///   |T               second destination behind a bar, optional
///   [                address in Instruction::space; [2 in space2; [s in shared
///   {N>T {N<T        N registers in braces; N is a number, `v` for
///                    vectorWidth, or `/` for as many as fill type 1
///   #                an immediate
///   -                no operand at this place
///   L B F            label, branch table, call
/// T is 1 to 4 for that type of the instruction, w for twice the width of the
/// first, or the name of a type. Behind it stand, in any order:
///   ?  may be absent                  ^  present where .L2::cache_hint is said
///   +  the register may be wider      ~  may be `_`
///   m  may be a special register or the address of a variable
struct Form {
  std::string_view name;
  Opcode opcode;
  std::string_view modifiers;
  std::string_view types;
  std::string_view operands;
};

/// A word of a modifier item and what it sets.
struct Word {
  /// A field of Instruction; `flag`: the flag of that number, `ignored`:
  /// nothing that an emulator needs, `policy`: .L2::cache_hint.
  enum class Field : uint8_t {
    rounding,
    compare,
    mode,
    mode2,
    cache,
    semantics,
    scope,
    shape,
    space,
    space2,
    vector,
    flag,
    ignored,
    policy,
  };

  Field field;
  std::string_view text;
  uint8_t value;
};

/// The flags of Instruction, in the order of their numbers.
enum class Flag : uint8_t {
  // clang-format off
  ftz, sat, approx, full, uniform, carryOut, to, trans, nonCoherent, nan, relu,
  parity, noinc, read, aligned,
  // clang-format on
};

/// A name for something that many forms share; `$name` in them.
struct Group {
  std::string_view name;
  std::string_view items;
};

std::span<const Form> forms();
std::span<const Word> words();
std::span<const Group> groups();

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FORMS_H
