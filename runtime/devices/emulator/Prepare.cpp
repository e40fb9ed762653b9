//===- Prepare.cpp - Makes a kernel ready to run --------------------------===//
//
// Everything that can be decided once is decided here: functions, rows, branch
// targets, and whether every instruction is one that can be emulated.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Memory.h"
#include "runtime/devices/emulator/Program.h"

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

/// Bytes of the row that holds a value of a type; 0 for predicates.
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

/// Bytes of the row of source `n` (from 0) where it is not the type's own.
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

class Preparer {
public:
  Preparer(Program &program, std::span<const uint64_t> globals)
      : program(program), function(*program.function), globals(globals) {}

  Result<void> run();

private:
  Error error(const Instruction &i, const std::string &what) const {
    return Error{program.module->fileName + ":" + std::to_string(i.line) +
                 ": " + what};
  }
  Row reserve(unsigned bytes);
  void placeRegisters();
  Row registerRow(RegisterClass kind, uint32_t index) const;
  Row constant(uint64_t value, uint8_t bytes);
  Row special(ptx::SpecialRegister which, uint8_t bytes);
  Row source(const Operand &operand, uint8_t bytes);
  uint64_t symbolValue(const Operand &operand) const;

  Result<void> add(const Instruction &i);
  Result<void> addLanes(const Instruction &i);
  Result<void> addMemory(Op op, const Instruction &i);
  Op start(const Instruction &i);
  void setAddress(Op &op, const Operand &address);
  void setVector(Op &op, const Operand &operand, uint8_t bytes);
  void convert(const Instruction &i, Type to, Type from, Row d, Row a);
  void setParts(Op &op, const Operand &vector, uint8_t bytes);
  void setOperands(Op &op, const Instruction &i);
  void noteSynchronization(const Instruction &i);
  void resolveBranches();
  void writeConstants();

  Program &program;
  const ptx::Function &function;
  std::span<const uint64_t> globals;
  uint32_t registerBase[ptx::registerClasses] = {};
  uint32_t slotBase[ptx::registerClasses] = {};
  std::map<std::pair<uint64_t, uint8_t>, Row> constants;
  std::map<std::pair<int, uint8_t>, Row> specials;
  std::vector<uint32_t> opOf; // by instruction
};

Row Preparer::reserve(unsigned bytes) {
  Row row{program.fileBytes, program.slots++, uint8_t(bytes)};
  program.fileBytes += bytes ? bytes * laneCount : 64;
  return row;
}

void Preparer::placeRegisters() {
  for (unsigned kind = 0; kind < ptx::registerClasses; ++kind) {
    registerBase[kind] = program.fileBytes;
    slotBase[kind] = program.slots;
    unsigned bytes = rowBytesOf(RegisterClass(kind));
    uint32_t size = function.registers[kind] * (bytes ? bytes * laneCount : 4);
    program.fileBytes += (size + 63) / 64 * 64;
    program.slots += function.registers[kind];
  }
}

Row Preparer::registerRow(RegisterClass kind, uint32_t index) const {
  uint8_t bytes = rowBytesOf(kind);
  return {registerBase[int(kind)] + index * (bytes ? bytes * laneCount : 4),
          slotBase[int(kind)] + index, bytes};
}

Row Preparer::constant(uint64_t value, uint8_t bytes) {
  if (bytes < 8 && bytes > 0)
    value &= (uint64_t(1) << (8 * bytes)) - 1;
  auto [found, isNew] = constants.try_emplace({value, bytes});
  if (isNew) {
    found->second = reserve(bytes);
    found->second.slot = 0;
  }
  return found->second;
}

Row Preparer::special(ptx::SpecialRegister which, uint8_t bytes) {
  auto [found, isNew] = specials.try_emplace({int(which), bytes});
  if (isNew) {
    found->second = reserve(bytes);
    found->second.slot = 0;
    program.specials.push_back({which, found->second});
  }
  return found->second;
}

uint64_t Preparer::symbolValue(const Operand &operand) const {
  bool isGlobal = operand.space == ptx::Space::global ||
                  operand.space == ptx::Space::constant;
  return operand.value + (isGlobal ? globals[operand.index] : 0);
}

Row Preparer::source(const Operand &operand, uint8_t bytes) {
  switch (operand.kind) {
  case OperandKind::reg:
    return registerRow(operand.regClass, operand.index);
  case OperandKind::immediate:
    if (bytes == 0) // a predicate that is the same in all lanes
      return constant(operand.value ? ~uint64_t(0) : 0, 0);
    return constant(operand.value, bytes);
  case OperandKind::special:
    return special(ptx::SpecialRegister(operand.index), bytes);
  case OperandKind::symbol:
    return constant(symbolValue(operand), bytes);
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
    op.guard = registerRow(RegisterClass::pred, uint32_t(i.guard));
  }
  return op;
}

/// Between rows of different width, under the guard of `i`.
void Preparer::convert(const Instruction &i, Type to, Type from, Row d, Row a) {
  static const Instruction shape = [] {
    Instruction cvt;
    cvt.opcode = Opcode::cvt;
    return cvt;
  }();
  Instruction cvt = shape;
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

Type unsignedOf(uint8_t bytes) {
  return bytes == 2 ? Type::u16 : bytes == 4 ? Type::u32 : Type::u64;
}
Type signedOf(uint8_t bytes) {
  return bytes == 2 ? Type::s16 : bytes == 4 ? Type::s32 : Type::s64;
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
    return error(i, "this form of the instruction is not emulated");
  op.run = laneHandler(i);
  unsigned first = i.destinations;
  if (i.operands[0].kind != OperandKind::sink)
    op.d = source(i.operands[0], rowBytesOf(i.type));
  else
    op.d = reserve(rowBytesOf(i.type));
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
    op.b = constant(i.space == ptx::Space::shared ||
                            i.space == ptx::Space::sharedCluster
                        ? sharedWindow
                    : i.space == ptx::Space::local ? localWindow
                                                   : 0,
                    rowBytesOf(i.type));
  Row d = op.d;
  if (i.opcode == Opcode::cvt) {
    uint8_t from = rowBytesOf(i.type2), to = rowBytesOf(i.type);
    if (op.a.bytes > from) {
      Row narrow = reserve(from);
      convert(i, unsignedOf(from), unsignedOf(op.a.bytes), narrow, op.a);
      op.a = narrow;
    }
    if (d.bytes > to)
      op.d = reserve(to);
  }
  program.ops.push_back(op);
  if (op.d.offset != d.offset)
    convert(i, isSigned(i.type) ? signedOf(d.bytes) : unsignedOf(d.bytes),
            isSigned(i.type) ? signedOf(op.d.bytes) : unsignedOf(op.d.bytes), d,
            op.d);
  return {};
}

void Preparer::setAddress(Op &op, const Operand &address) {
  op.hasBase = address.hasBase;
  op.offset = address.value;
  if (address.hasBase)
    op.a = registerRow(address.regClass, address.index);
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
                               ? reserve(bytes)
                               : source(operand, bytes));
    op.count = 1;
    return;
  }
  op.count = operand.count;
  for (unsigned n = 0; n < operand.count; ++n) {
    const Operand &element = function.elements[operand.index + n];
    program.rows.push_back(element.kind == OperandKind::sink
                               ? reserve(bytes)
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
    return error(i, "this width of access is not emulated");
  program.ops.push_back(op);
  return {};
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
        op.b = registerRow(operand.regClass, operand.index);
    }
    addresses += operand.kind == OperandKind::address;
    if (operand.kind == OperandKind::address && operand.hasBase)
      program.rows.push_back(registerRow(operand.regClass, operand.index));
    else
      program.rows.push_back(operand.kind == OperandKind::sink
                                 ? reserve(bytes)
                                 : source(operand, bytes));
  }
}

void Preparer::noteSynchronization(const Instruction &i) {
  switch (i.opcode) {
  case Opcode::barSync:
  case Opcode::barRed:
    program.hasPartialBarriers |=
        i.operandCount > 1 && i.operands[1].kind != OperandKind::none;
    break;
  case Opcode::barArrive:
  case Opcode::mbarrierInit:
    program.hasPartialBarriers = true;
    break;
  case Opcode::fence:
  case Opcode::membar:
    program.hasBlockSync = true;
    break;
  default:
    program.hasBlockSync |= i.semantics >= ptx::Semantics::acquire &&
                            i.semantics <= ptx::Semantics::sc;
  }
}

Result<void> Preparer::add(const Instruction &i) {
  noteSynchronization(i);
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
  case Opcode::mma: {
    op.matrix = program.lanes->selectMatrix(i);
    if (!op.matrix)
      return error(i, "this shape or type of mma is not emulated");
    setVector(op, i.operands[1], 4);
    op.target = op.firstRow;
    setVector(op, i.operands[2], 4);
    op.reconverge = op.firstRow;
    setVector(op, i.operands[3], 4);
    op.offset = op.firstRow;
    setVector(op, i.operands[0], 4);
    break;
  }
  case Opcode::movPack:
    op.d = source(i.operands[0], rowBytesOf(i.type));
    setParts(op, i.operands[1], op.d.bytes);
    break;
  case Opcode::movUnpack:
    op.a = source(i.operands[1], rowBytesOf(i.type));
    setParts(op, i.operands[0], op.a.bytes);
    break;
  case Opcode::atom:
  case Opcode::red: {
    bool returns = i.opcode == Opcode::atom;
    op.space = i.space;
    op.elementBytes = uint8_t(bits(i.type) / 8);
    if (returns && i.operands[0].kind == OperandKind::reg)
      op.d = source(i.operands[0], op.elementBytes);
    else
      op.d = reserve(op.elementBytes);
    setAddress(op, i.operands[returns ? 1 : 0]);
    op.b = source(i.operands[returns ? 2 : 1], op.elementBytes);
    if (returns)
      op.c = source(i.operands[3], op.elementBytes);
    break;
  }
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

void Preparer::writeConstants() {
  program.constants.resize(program.fileBytes);
  for (const auto &[key, row] : constants) {
    std::byte *to = program.constants.data() + row.offset;
    for (int lane = 0; lane < (row.bytes ? laneCount : 1); ++lane)
      std::memcpy(to + lane * row.bytes, &key.first, row.bytes ? row.bytes : 4);
  }
}

Result<void> Preparer::run() {
  reserve(8); // offset 0, slot 0: zeros, and what is not there
  program.carry = reserve(0);
  placeRegisters();
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
  writeConstants();
  return {};
}

} // namespace

Result<std::unique_ptr<Program>> prepare(const ptx::Module &module,
                                         const ptx::Function &function,
                                         const LaneSet &lanes,
                                         std::span<const uint64_t> globals) {
  auto program = std::make_unique<Program>();
  program->function = &function;
  program->module = &module;
  program->lanes = &lanes;
  if (Result<void> done = Preparer(*program, globals).run(); !done)
    return done.error();
  return program;
}

} // namespace quipu::emulator
