//===- PrepareMatrices.cpp - Instructions on matrices ---------------------===//
//
// A wmma fragment is loaded and stored as vectors: an Op that finds the
// addresses of the lanes, and one that loads or stores, for each part of its
// registers.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Preparer.h"

namespace quipu::emulator {

using ptx::Instruction;
using ptx::Opcode;
using ptx::OperandKind;

/// ldmatrix or stmatrix.
void Preparer::setMatrix(Op &op, const Instruction &i) {
  bool isStore = i.opcode == Opcode::stmatrix;
  op.space = ptx::Space::shared;
  setAddress(op, i.operands[isStore ? 0 : 1]);
  setVector(op, i.operands[isStore ? 1 : 0], 4);
}

void Preparer::setProduct(Op &op, const Instruction &i) {
  op.matrix = program.lanes->selectMatrix(i);
  setVector(op, i.operands[1], 4);
  op.target = op.firstRow;
  setVector(op, i.operands[2], 4);
  op.reconverge = op.firstRow;
  setVector(op, i.operands[3], 4);
  op.offset = op.firstRow;
  setVector(op, i.operands[0], 4);
}

/// Registers [first, first + count) of a fragment: an address, and a vector
/// load or store.
void Preparer::addFragmentPart(const Instruction &i, const Op &all,
                               unsigned first, unsigned count) {
  Op address = all;
  address.counts = false;
  unsigned fragment = all.count; // registers
  unsigned perRegister = 4 / address.elementBytes;
  address.count = uint8_t(fragment * perRegister);
  address.target = first * perRegister;
  program.ops.push_back(address);
  Op access = start(i);
  Instruction plain;
  plain.opcode = i.opcode == Opcode::wmmaStoreD ? Opcode::st : Opcode::ld;
  access.run = handlerOf(plain);
  access.counts = first == 0;
  access.hasBase = true;
  access.a = address.d;
  access.space = all.space;
  access.elementBytes = 4;
  access.count = uint8_t(count);
  access.firstRow = all.firstRow + first;
  access.spread = program.lanes->selectSpread(4, count);
  access.pack = program.lanes->selectPack(4, count);
  program.ops.push_back(access);
}

/// A wmma load or store. Of A and B a lane's run lies along memory, whichever
/// layout it has; of C and D only in rows.
Result<void> Preparer::addFragment(const Instruction &i) {
  bool isStore = i.opcode == Opcode::wmmaStoreD;
  bool isSum = isStore || i.opcode == Opcode::wmmaLoadC;
  Op op = start(i);
  op.space = i.space;
  setAddress(op, i.operands[isStore ? 0 : 1]);
  setVector(op, i.operands[isStore ? 1 : 0], 4);
  constexpr uint64_t rowElements = 16; // where no stride is given
  op.c = i.operands[2].kind == OperandKind::none ? file.constant(rowElements, 4)
                                                 : source(i.operands[2], 4);
  op.d = file.reserve(8);
  op.elementBytes = uint8_t(bits(i.type) / 8);
  op.isStrided = isSum && i.mode == ptx::Mode::columnMajor;
  if (op.isStrided && op.elementBytes < 4)
    return refusal(i, ": use .row, or f32 accumulators");
  unsigned step = op.isStrided ? 1 : 4; // 16 bytes at once
  for (unsigned first = 0; first < op.count; first += step)
    addFragmentPart(i, op, first, step);
  return {};
}

} // namespace quipu::emulator
