//===- Prepare.cpp - Makes a kernel ready to run --------------------------===//
//
// Everything that can be decided once is decided here: functions, rows, branch
// targets, and whether every instruction is one that can be emulated.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/InstructionTraits.h"
#include "runtime/devices/emulator/Memory.h"
#include "runtime/devices/emulator/RegisterFile.h"
#include "runtime/devices/emulator/ptx/InlineCalls.h"

#include <algorithm>
#include <cstring>

namespace quipu::emulator {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;
using ptx::OperandKind;
using ptx::RegisterClass;
using ptx::Type;

class Preparer {
public:
  Preparer(Program &program, std::span<const uint64_t> globals)
      : program(program), function(*program.function), globals(globals),
        file(program) {}

  Result<void> run();

private:
  Error error(const Instruction &i, const std::string &what) const {
    return Error{program.module->fileName + ":" + std::to_string(i.line) +
                 ": " + what};
  }
  /// That the instruction, as written, is not emulated.
  Error refusal(const Instruction &i, const std::string &remedy = "") const {
    auto n = size_t(&i - function.instructions.data());
    return error(i, "'" + program.module->mnemonics[function.mnemonics[n]] +
                        "' is not emulated" + remedy);
  }
  Result<void> checkVariables(const Instruction &i) const;
  Row source(const Operand &operand, uint8_t bytes);
  uint64_t symbolValue(const Operand &operand) const;

  Result<void> add(const Instruction &i);
  Result<void> addLanes(const Instruction &i);
  Result<void> addMemory(Op op, const Instruction &i);
  Result<void> addFragment(const Instruction &i);
  void addFragmentPart(const Instruction &i, const Op &all, unsigned first,
                       unsigned count);
  Op start(const Instruction &i);
  void setAddress(Op &op, const Operand &address);
  void setVector(Op &op, const Operand &operand, uint8_t bytes);
  void convert(const Instruction &i, Type to, Type from, Row d, Row a);
  void setProduct(Op &op, const Instruction &i);
  void setAtomic(Op &op, const Instruction &i);
  void setParts(Op &op, const Operand &vector, uint8_t bytes);
  void setOperands(Op &op, const Instruction &i);
  void resolveBranches();

  Program &program;
  const ptx::Function &function;
  std::span<const uint64_t> globals;
  RegisterFile file;
  std::vector<uint32_t> opOf; // by instruction
};

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
Type integerOf(uint8_t bytes, bool isSignedType) {
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
    op.space = ptx::Space::shared;
    setAddress(op, i.operands[1]);
    setVector(op, i.operands[0], 4);
    break;
  case Opcode::stmatrix:
    op.space = ptx::Space::shared;
    setAddress(op, i.operands[0]);
    setVector(op, i.operands[1], 4);
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

} // namespace

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
