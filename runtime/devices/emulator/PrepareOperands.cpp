//===- PrepareOperands.cpp - Operands become places -----------------------===//
//
// Registers, constants, special registers and addresses get rows of the
// register file and offsets, in the fields of an Op that its handler looks at.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Memory.h"
#include "runtime/devices/emulator/Preparer.h"

#include <algorithm>

namespace quipu::emulator {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;
using ptx::OperandKind;

uint64_t Preparer::symbolValue(const Operand &operand) const {
  bool isGlobal = operand.space == ptx::Space::global ||
                  operand.space == ptx::Space::constant;
  return operand.value + (isGlobal ? globals[operand.index] : 0);
}

Row Preparer::source(const Operand &operand, uint8_t bytes) {
  switch (operand.kind) {
  case OperandKind::reg:
    return file.registerRow(operand.regClass, operand.index);
  case OperandKind::immediate:
    if (bytes == 0) // a predicate that is the same in all lanes
      return file.constant(operand.value ? ~uint64_t(0) : 0, 0);
    return file.constant(operand.value, bytes);
  case OperandKind::special:
    return file.special(ptx::SpecialRegister(operand.index), bytes);
  case OperandKind::symbol:
    return file.constant(symbolValue(operand), bytes);
  default:
    return Row{};
  }
}

void Preparer::setAddress(Op &op, const Operand &address) {
  op.hasBase = address.hasBase;
  op.offset = address.value;
  if (address.hasBase)
    op.a = file.registerRow(address.regClass, address.index);
  else if (address.space != ptx::Space::generic)
    op.offset = symbolValue(address);
  // A named variable is addressed in its own space, also by generic accesses.
  if (op.space == ptx::Space::generic && !address.hasBase)
    op.space = address.space;
}

void Preparer::setVector(Op &op, const Operand &operand, uint8_t bytes) {
  op.firstRow = uint32_t(program.rows.size());
  if (operand.kind != OperandKind::vector) {
    program.rows.push_back(operand.kind == OperandKind::sink
                               ? file.reserve(bytes)
                               : source(operand, bytes));
    op.count = 1;
    return;
  }
  op.count = operand.count;
  for (unsigned n = 0; n < operand.count; ++n) {
    const Operand &element = function.elements[operand.index + n];
    program.rows.push_back(element.kind == OperandKind::sink
                               ? file.reserve(bytes)
                               : source(element, bytes));
  }
}

void Preparer::setAtomic(Op &op, const Instruction &i) {
  bool returns = i.opcode == Opcode::atom;
  op.space = i.space;
  op.elementBytes = uint8_t(bits(i.type) / 8);
  op.d = returns && i.operands[0].kind == OperandKind::reg
             ? source(i.operands[0], op.elementBytes)
             : file.reserve(op.elementBytes);
  setAddress(op, i.operands[returns ? 1 : 0]);
  op.b = source(i.operands[returns ? 2 : 1], op.elementBytes);
  if (returns)
    op.c = source(i.operands[3], op.elementBytes);
}

/// The elements that a register of `bytes` is made of.
void Preparer::setParts(Op &op, const Operand &vector, uint8_t bytes) {
  op.elementBytes = uint8_t(bytes / vector.count);
  setVector(op, vector, std::max<uint8_t>(2, op.elementBytes));
  op.spread = program.lanes->selectSpread(op.elementBytes, op.count);
  op.pack = program.lanes->selectPack(op.elementBytes, op.count);
}

/// The general form: operand n in row firstRow + n, the address apart.
void Preparer::setOperands(Op &op, const Instruction &i) {
  op.space = i.space;
  op.firstRow = uint32_t(program.rows.size());
  op.count = i.operandCount;
  uint8_t bytes = bits(i.type) == 64 ? 8 : 4;
  int addresses = 0; // a third one is that of an mbarrier: see runBulkCopy
  for (unsigned n = 0; n < i.operandCount; ++n) {
    const Operand &operand = i.operands[n];
    if (operand.kind == OperandKind::address && addresses == 0) {
      setAddress(op, operand);
    } else if (operand.kind == OperandKind::address && addresses == 1) {
      op.hasBaseB = operand.hasBase;
      op.offsetB = operand.hasBase ? operand.value : symbolValue(operand);
      if (operand.hasBase)
        op.b = file.registerRow(operand.regClass, operand.index);
    }
    addresses += operand.kind == OperandKind::address;
    if (operand.kind == OperandKind::address && operand.hasBase)
      program.rows.push_back(file.registerRow(operand.regClass, operand.index));
    else
      program.rows.push_back(operand.kind == OperandKind::sink
                                 ? file.reserve(bytes)
                                 : source(operand, bytes));
  }
}

} // namespace quipu::emulator
