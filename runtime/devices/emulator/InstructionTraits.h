//===- InstructionTraits.h - What preparation asks of opcodes ---*- C++ -*-===//
//
// Facts about instructions that follow from opcode and type alone.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONTRAITS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONTRAITS_H

#include "runtime/devices/emulator/Program.h"

namespace quipu::emulator {

/// Bytes of an element of the row that holds a value of a type, or a register;
/// 0 for predicates.
uint8_t rowBytesOf(ptx::Type type);
uint8_t rowBytesOf(ptx::RegisterClass kind);

InstructionClass classOf(const ptx::Instruction &instruction);
Taint taintOf(const ptx::Instruction &instruction);

/// Bytes of an element of the row of source `n`, from 0.
uint8_t sourceBytes(const ptx::Instruction &instruction, unsigned n);

/// Whether a scope takes in threads of other blocks. A cluster is one block.
inline bool reachesGrid(ptx::Scope scope) {
  return scope != ptx::Scope::cta && scope != ptx::Scope::cluster;
}

/// Sets Program::hasPartialBarriers, hasBlockSync and hasBlockScope where an
/// instruction may order warps so.
void noteSynchronization(Program &program, const ptx::Instruction &instruction);

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONTRAITS_H
