//===- InstructionTraits.cpp - What preparation asks of opcodes -----------===//
//
// Tables by opcode, after the PTX manual's description of each instruction.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/InstructionTraits.h"

#include <algorithm>

namespace quipu::emulator {

using ptx::Instruction;
using ptx::Opcode;
using ptx::RegisterClass;
using ptx::Type;

uint8_t rowBytesOf(Type type) {
  unsigned count = bits(type);
  return count == 1 ? 0 : uint8_t(std::max(count, 16u) / 8);
}
uint8_t rowBytesOf(RegisterClass kind) {
  constexpr uint8_t bytes[] = {0, 2, 4, 8};
  return bytes[int(kind)];
}

InstructionClass classOf(const Instruction &i) {
  switch (i.opcode) {
  case Opcode::cvt:
    return InstructionClass::conversion;
  case Opcode::mma:
  case Opcode::wmmaMma:
    return InstructionClass::tensor;
  case Opcode::mov:
  case Opcode::movPack:
  case Opcode::movUnpack:
  case Opcode::selp:
  case Opcode::slct:
  case Opcode::shfl:
  case Opcode::vote:
  case Opcode::match:
  case Opcode::redux:
  case Opcode::elect:
  case Opcode::activemask:
  case Opcode::cvta:
  case Opcode::movmatrix:
    return InstructionClass::movement;
  case Opcode::ld:
  case Opcode::st:
  case Opcode::atom:
  case Opcode::red:
  case Opcode::prefetch:
  case Opcode::cpAsync:
  case Opcode::cpAsyncBulk:
  case Opcode::ldmatrix:
  case Opcode::stmatrix:
  case Opcode::wmmaLoadA:
  case Opcode::wmmaLoadB:
  case Opcode::wmmaLoadC:
  case Opcode::wmmaStoreD:
    return InstructionClass::memory;
  default:
    break;
  }
  if (i.opcode >= Opcode::barSync ||
      (i.opcode > Opcode::cpAsync && i.opcode < Opcode::ldmatrix))
    return InstructionClass::control;
  return isFloat(i.type) ? InstructionClass::floating
                         : InstructionClass::integer;
}

Taint taintOf(const Instruction &i) {
  switch (i.opcode) {
  case Opcode::mov:
    return Taint::copy;
  case Opcode::bitAnd:
  case Opcode::bitOr:
  case Opcode::bitXor:
  case Opcode::bitNot:
    return i.type == Type::pred ? Taint::whole : Taint::logic;
  case Opcode::shl:
  case Opcode::shr:
    return Taint::shift;
  case Opcode::selp:
    return Taint::choose;
  case Opcode::prmt:
  case Opcode::bfe:
    return Taint::bytes;
  case Opcode::cvt:
    if (i.type == Type::f16x2 || i.type == Type::bf16x2)
      return Taint::halves;
    return isFloat(i.type) || isFloat(i.type2) ? Taint::whole : Taint::bytes;
  default:
    return i.type == Type::f16x2 || i.type == Type::bf16x2 ? Taint::halves
                                                           : Taint::whole;
  }
}

uint8_t sourceBytes(const Instruction &i, unsigned n) {
  switch (i.opcode) {
  case Opcode::shl:
  case Opcode::shr:
  case Opcode::bfe:
    return n == 0 ? rowBytesOf(i.type) : 4;
  case Opcode::bfi:
    return n < 2 ? rowBytesOf(i.type) : 4;
  case Opcode::mad:
  case Opcode::madc:
    return rowBytesOf(i.type) * (i.mode == ptx::Mode::wide && n == 2 ? 2 : 1);
  case Opcode::cvt:
  case Opcode::set:
    return rowBytesOf(i.type2);
  case Opcode::slct:
    return n == 2 ? 4 : rowBytesOf(i.type);
  case Opcode::selp:
    return n == 2 ? 0 : rowBytesOf(i.type);
  case Opcode::dp2a:
  case Opcode::dp4a:
  case Opcode::prmt:
  case Opcode::shf:
  case Opcode::lop3:
    return 4;
  default:
    return rowBytesOf(i.type);
  }
}

void noteSynchronization(Program &program, const Instruction &i) {
  program.hasBlockScope |= !reachesGrid(i.scope);
  bool isFence = false;
  switch (i.opcode) {
  case Opcode::barSync:
  case Opcode::barRed:
    program.hasPartialBarriers |=
        i.operandCount > 1 && i.operands[1].kind != ptx::OperandKind::none;
    return;
  case Opcode::barArrive:
  case Opcode::mbarrierInit:
    program.hasPartialBarriers = true;
    return;
  case Opcode::fence:
  case Opcode::membar:
    isFence = true;
    break;
  default:
    break;
  }
  if (!isFence && (i.semantics < ptx::Semantics::acquire ||
                   i.semantics > ptx::Semantics::sc))
    return;
  (reachesGrid(i.scope) ? program.hasBlockSync : program.hasPartialBarriers) =
      true;
}

} // namespace quipu::emulator
