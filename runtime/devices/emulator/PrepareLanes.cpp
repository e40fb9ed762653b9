//===- PrepareLanes.cpp - Instructions that lanes do alone ----------------===//
//
// Arithmetic of one lane function; where a register is of another width than
// its operand, a conversion stands before or behind it.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/InstructionTraits.h"
#include "runtime/devices/emulator/Memory.h"
#include "runtime/devices/emulator/Preparer.h"

namespace quipu::emulator {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;
using ptx::OperandKind;
using ptx::Type;

/// Between rows of different width, under the guard of `i`.
void Preparer::convert(const Instruction &i, Type to, Type from, Row d, Row a) {
  Instruction cvt;
  cvt.opcode = Opcode::cvt;
  cvt.type = to;
  cvt.type2 = from;
  Op op = start(i);
  op.taint = Taint::bytes;
  op.lanes = program.lanes->select(cvt);
  op.run = laneHandler(cvt);
  op.counts = false;
  op.d = d;
  op.a = a;
  program.ops.push_back(op);
}

/// The integer type of rows of 2, 4 or 8 bytes.
static Type integerOf(uint8_t bytes, bool isSignedType) {
  if (isSignedType)
    return bytes == 2 ? Type::s16 : bytes == 4 ? Type::s32 : Type::s64;
  return bytes == 2 ? Type::u16 : bytes == 4 ? Type::u32 : Type::u64;
}

Result<void> Preparer::addLanes(const Instruction &i) {
  Op op = start(i);
  op.lanes = program.lanes->select(i);
  if (i.opcode == Opcode::cvta) {
    Instruction sum = i;
    sum.opcode = i.to ? Opcode::sub : Opcode::add;
    op.lanes = program.lanes->select(sum);
  }
  if (!op.lanes)
    return refusal(i);
  op.run = laneHandler(i);
  unsigned first = i.destinations;
  if (i.operands[0].kind != OperandKind::sink)
    op.d = source(i.operands[0], rowBytesOf(i.type));
  else
    op.d = file.reserve(rowBytesOf(i.type));
  if (i.opcode == Opcode::setp || i.opcode == Opcode::set) {
    first = i.opcode == Opcode::setp ? 2 : 1;
    if (i.opcode == Opcode::setp && i.operands[1].kind == OperandKind::reg)
      op.e = source(i.operands[1], 0); // the second destination
  }
  Row *rows[] = {&op.a, &op.b, &op.c, &op.e};
  for (unsigned n = 0; first + n < i.operandCount && n < 4; ++n) {
    const Operand &operand = i.operands[first + n];
    bool isPredicate =
        n == 2 && (i.opcode == Opcode::setp || i.opcode == Opcode::set);
    *rows[n] = source(operand, isPredicate ? 0 : sourceBytes(i, n));
    if (n == 2)
      op.negateC = operand.negated;
  }
  if (i.opcode == Opcode::cvta)
    op.b = file.constant(i.space == ptx::Space::shared ||
                                 i.space == ptx::Space::sharedCluster
                             ? sharedWindow
                         : i.space == ptx::Space::local ? localWindow
                                                        : 0,
                         rowBytesOf(i.type));
  Row d = op.d;
  if (i.opcode == Opcode::cvt) {
    uint8_t from = rowBytesOf(i.type2), to = rowBytesOf(i.type);
    if (op.a.bytes > from) {
      Row narrow = file.reserve(from);
      convert(i, integerOf(from, false), integerOf(op.a.bytes, false), narrow,
              op.a);
      op.a = narrow;
    }
    if (d.bytes > to)
      op.d = file.reserve(to);
  }
  program.ops.push_back(op);
  if (op.d.offset != d.offset)
    convert(i, integerOf(d.bytes, isSigned(i.type)),
            integerOf(op.d.bytes, isSigned(i.type)), d, op.d);
  return {};
}

} // namespace quipu::emulator
