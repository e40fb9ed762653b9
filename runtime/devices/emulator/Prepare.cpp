//===- Prepare.cpp - Makes a kernel ready to run --------------------------===//
//
// Everything that can be decided once is decided here: functions, rows, branch
// targets, and whether every instruction is one that can be emulated.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/InstructionTraits.h"
#include "runtime/devices/emulator/Preparer.h"
#include "runtime/devices/emulator/ptx/InlineCalls.h"

#include <algorithm>

namespace quipu::emulator {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;
using ptx::OperandKind;
using ptx::RegisterClass;

Op Preparer::start(const Instruction &i) {
  Op op;
  op.instruction = &i;
  op.line = i.line;
  op.kind = classOf(i);
  op.taint = taintOf(i);
  op.run = handlerOf(i);
  if (i.guard >= 0) {
    op.hasGuard = true;
    op.guardNegated = i.guardNegated;
    op.guard = file.registerRow(RegisterClass::pred, uint32_t(i.guard));
  }
  return op;
}

Result<void> Preparer::addMemory(Op op, const Instruction &i) {
  op.space = i.space;
  op.elementBytes = uint8_t(std::max(bits(i.type), 8u) / 8);
  op.isSigned = isSigned(i.type);
  bool isStore = i.opcode == Opcode::st;
  setAddress(op, i.operands[isStore ? 0 : 1]);
  setVector(op, i.operands[isStore ? 1 : 0],
            std::max<uint8_t>(2, op.elementBytes));
  op.spread = program.lanes->selectSpread(op.elementBytes, op.count);
  op.pack = program.lanes->selectPack(op.elementBytes, op.count);
  if (!op.spread || op.elementBytes * op.count > 32)
    return refusal(i);
  program.ops.push_back(op);
  return {};
}

/// Whether the variables that an instruction names are in the file.
Result<void> Preparer::checkVariables(const Instruction &i) const {
  for (const Operand &operand : i.operands) {
    bool isNamed = operand.kind == OperandKind::symbol ||
                   (operand.kind == OperandKind::address && !operand.hasBase);
    if (!isNamed || (operand.space != ptx::Space::global &&
                     operand.space != ptx::Space::constant))
      continue;
    const ptx::GlobalVariable &variable =
        program.module->variables[operand.index];
    if (variable.isExtern)
      return error(i, "variable '" + variable.name + "' is defined nowhere");
  }
  return {};
}

Result<void> Preparer::add(const Instruction &i) {
  if (Result<void> fine = checkVariables(i); !fine)
    return fine;
  noteSynchronization(program, i);
  Handler handler = handlerOf(i);
  if (!handler)
    return addLanes(i);
  Op op = start(i);
  switch (i.opcode) {
  case Opcode::ld:
  case Opcode::st:
    return addMemory(op, i);
  case Opcode::bra:
    op.target = i.operands[0].index;
    op.reconverge = i.reconverge;
    break;
  case Opcode::brx:
    op.a = source(i.operands[0], 4);
    op.target = i.operands[1].index;
    op.reconverge = i.reconverge;
    break;
  case Opcode::assertFail: // its operands are read by the handler
    break;
  case Opcode::ldmatrix:
  case Opcode::stmatrix:
    setMatrix(op, i);
    break;
  case Opcode::wmmaLoadA:
  case Opcode::wmmaLoadB:
  case Opcode::wmmaLoadC:
  case Opcode::wmmaStoreD:
    return addFragment(i);
  case Opcode::mma:
  case Opcode::wmmaMma:
    setProduct(op, i);
    if (!op.matrix)
      return refusal(i);
    break;
  case Opcode::movPack:
    op.d = source(i.operands[0], rowBytesOf(i.type));
    setParts(op, i.operands[1], op.d.bytes);
    break;
  case Opcode::movUnpack:
    op.a = source(i.operands[1], rowBytesOf(i.type));
    setParts(op, i.operands[0], op.a.bytes);
    break;
  case Opcode::atom:
  case Opcode::red:
    setAtomic(op, i);
    break;
  default:
    setOperands(op, i);
  }
  program.ops.push_back(op);
  return {};
}

void Preparer::resolveBranches() {
  for (Op &op : program.ops) {
    Opcode opcode = op.instruction->opcode;
    if (opcode != Opcode::bra && opcode != Opcode::brx)
      continue;
    if (op.run == joinHandler())
      continue;
    if (opcode == Opcode::bra)
      op.target = opOf[op.target];
    if (op.reconverge != ptx::noInstruction)
      op.reconverge = opOf[op.reconverge];
  }
  for (const std::vector<uint32_t> &table : function.branchTables) {
    std::vector<uint32_t> &targets = program.tables.emplace_back();
    for (uint32_t instruction : table)
      targets.push_back(opOf[instruction]);
  }
}

Result<void> Preparer::run() {
  file.reserve(8); // offset 0, slot 0: zeros, and what is not there
  program.carry = file.reserve(0);
  file.placeRegisters();
  const std::vector<Instruction> &instructions = function.instructions;
  std::vector<bool> isJoin(instructions.size());
  for (const Instruction &i : instructions)
    if ((i.opcode == Opcode::bra || i.opcode == Opcode::brx) &&
        i.reconverge != ptx::noInstruction)
      isJoin[i.reconverge] = true;
  for (size_t n = 0; n < instructions.size(); ++n) {
    opOf.push_back(uint32_t(program.ops.size()));
    if (isJoin[n]) {
      Op join;
      join.instruction = &instructions[n];
      join.line = instructions[n].line;
      join.run = joinHandler();
      join.counts = false;
      program.ops.push_back(join);
    }
    if (Result<void> done = add(instructions[n]); !done)
      return done;
  }
  resolveBranches();
  file.writeConstants();
  return {};
}

Result<std::unique_ptr<Program>> prepare(const ptx::Module &module,
                                         const ptx::Function &function,
                                         const LaneSet &lanes,
                                         std::span<const uint64_t> globals) {
  if (!function.refusal.empty())
    return Error{function.refusal};
  auto program = std::make_unique<Program>();
  program->function = &function;
  if (std::ranges::count(function.instructions, Opcode::call,
                         &Instruction::opcode)) {
    Result<ptx::Function> inlined = ptx::inlineCalls(module, function);
    if (!inlined)
      return inlined.error();
    program->inlined = std::move(*inlined);
    program->function = &program->inlined;
  }
  program->module = &module;
  program->lanes = &lanes;
  if (Result<void> done = Preparer(*program, globals).run(); !done)
    return done.error();
  return program;
}

} // namespace quipu::emulator
