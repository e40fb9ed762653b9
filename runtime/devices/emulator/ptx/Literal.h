//===- Literal.h - Numbers and widths in PTX --------------------*- C++ -*-===//
//
// How a number in the text becomes the bits of a type, and which registers hold
// a type.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_LITERAL_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_LITERAL_H

#include "runtime/devices/emulator/ptx/Instruction.h"
#include "runtime/devices/emulator/ptx/Lexer.h"

#include <string>

namespace quipu::ptx {

/// The class of registers that hold a `type` of at most 64 bits.
RegisterClass registerClass(Type type);

/// Sets `value` to the bits of a literal as a `type`. Returns what is wrong, or
/// nothing.
std::string literalBits(const Token &literal, bool negative, Type type,
                        uint64_t &value);

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_LITERAL_H
