//===- InlineFrames.cpp - Where a called function keeps what --------------===//
//
// Registers and shared memory are given to a function once, a frame in local
// memory to each of its places; operands move to where those are.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/Inliner.h"
#include "runtime/devices/emulator/ptx/ParserContext.h"

#include <algorithm>

using namespace quipu;
using namespace quipu::ptx;

static constexpr uint64_t frameAlignment = 128;

static uint64_t alignUp(uint64_t value, uint64_t align) {
  return (value + align - 1) / align * align;
}

/// Gives a function its registers and static shared memory, once.
Result<const Placed *> Inliner::place(const Function &function, uint32_t line) {
  auto [found, isNew] = functions.try_emplace(&function);
  Placed &placed = found->second;
  if (!isNew)
    return &placed;
  for (unsigned kind = 0; kind < registerClasses; ++kind) {
    placed.firstRegister[kind] = result.registers[kind];
    if (result.registers[kind] + function.registers[kind] > mostRegisters)
      return error(line, "with '" + function.name + "', kernel '" + entry.name +
                             "' has more than " +
                             std::to_string(mostRegisters) +
                             " registers of one width");
    result.registers[kind] += function.registers[kind];
  }
  for (Function::RegisterRange range : function.registerRanges) {
    range.first += placed.firstRegister[size_t(range.regClass)];
    result.registerRanges.push_back(std::move(range));
  }
  for (Variable variable : function.shared) {
    auto known = moduleShared.find(variable.inModule);
    if (variable.inModule != UINT32_MAX && known != moduleShared.end()) {
      placed.shared.push_back(known->second);
      continue;
    }
    variable.offset = alignUp(result.sharedBytes, variable.align);
    result.sharedBytes = variable.offset + variable.size;
    if (result.sharedBytes > mostBlockBytes)
      return error(line, "with '" + variable.name + "', kernel '" + entry.name +
                             "' has more than " +
                             std::to_string(mostBlockBytes) +
                             " bytes of shared memory");
    if (variable.inModule != UINT32_MAX)
      moduleShared[variable.inModule] = variable.offset;
    placed.shared.push_back(variable.offset);
    result.shared.push_back(std::move(variable));
  }
  result.usesDynamicShared |= function.usesDynamicShared;
  result.dynamicSharedAlign =
      std::max(result.dynamicSharedAlign, function.dynamicSharedAlign);
  return &placed;
}

/// Lays out the frame of a function from `start` in local memory.
Result<void> Inliner::open(Frame &frame, uint64_t start, uint32_t line) {
  const Function &function = *frame.function;
  auto placed = place(function, line);
  if (!placed)
    return placed.error();
  frame.placed = *placed;
  frame.local = alignUp(start, frameAlignment);
  for (const Variable &variable : function.local)
    frame.local = alignUp(frame.local, variable.align);
  // What is passed keeps its alignment; its own parameters take no room.
  uint64_t own = function.paramBytes / frameAlignment * frameAlignment;
  uint64_t passed = alignUp(frame.local + function.localBytes, frameAlignment);
  frame.passed = passed - own;
  frame.end = passed + function.paramBlockBytes - own;
  if (frame.end > mostBlockBytes)
    return error(line, "with '" + function.name + "', kernel '" + entry.name +
                           "' has more than " + std::to_string(mostBlockBytes) +
                           " bytes of local memory");
  result.localBytes = std::max(result.localBytes, frame.end);
  frame.firstTable = uint32_t(result.branchTables.size());
  for (const auto &table : function.branchTables) {
    result.branchTables.push_back(table); // instructions are moved by emit()
    tableEntries += table.size() + 1;
  }
  return {};
}

uint64_t Inliner::movedParameter(const Frame &frame, uint64_t offset) const {
  if (!frame.isParameter(offset))
    return offset + frame.passed;
  const std::vector<Variable> &own = frame.function->parameters;
  auto behind = std::ranges::upper_bound(own, offset, {}, &Variable::offset);
  size_t n = size_t(behind - own.begin()) - 1;
  return frame.parameters[n] + (offset - own[n].offset);
}

Operand Inliner::moved(const Frame &frame, Operand operand) const {
  bool isEntry = frame.function->isEntry;
  switch (operand.kind) {
  case OperandKind::address:
    if (operand.hasBase) {
      operand.index += frame.placed->firstRegister[size_t(operand.regClass)];
      return operand;
    }
    break;
  case OperandKind::symbol:
    break;
  case OperandKind::reg:
    operand.index += frame.placed->firstRegister[size_t(operand.regClass)];
    return operand;
  case OperandKind::table:
    operand.index += frame.firstTable;
    return operand;
  default:
    return operand;
  }
  if (operand.space == Space::local) {
    operand.value += frame.local;
  } else if (operand.space == Space::shared && operand.index == UINT32_MAX) {
    operand.value -= frame.function->dynamicSharedOffset; // see finishShared()
  } else if (operand.space == Space::shared) {
    operand.value += frame.placed->shared[operand.index] -
                     frame.function->shared[operand.index].offset;
  } else if (operand.space == Space::param &&
             !(isEntry && frame.isParameter(operand.value))) {
    operand.value = movedParameter(frame, operand.value);
    operand.space = Space::local;
  }
  return operand;
}

Instruction Inliner::moved(const Frame &frame, Instruction instruction) {
  if (instruction.guard >= 0)
    instruction.guard += int32_t(frame.placed->firstRegister[0]);
  // Only an entry's own parameters, and what registers point to in it, are
  // parameters of the kernel.
  bool toLocal = !frame.function->isEntry;
  for (unsigned n = 0; n < instruction.operandCount; ++n) {
    Operand &operand = instruction.operands[n];
    if (operand.kind == OperandKind::vector) {
      uint32_t first = uint32_t(result.elements.size());
      for (unsigned i = 0; i < operand.count; ++i)
        result.elements.push_back(
            moved(frame, frame.function->elements[operand.index + i]));
      operand.index = first;
      continue;
    }
    bool wasParam = operand.space == Space::param;
    operand = moved(frame, operand);
    toLocal |= wasParam && operand.space == Space::local;
  }
  if (instruction.space == Space::param && toLocal)
    instruction.space = Space::local;
  return instruction;
}

/// Dynamic shared memory begins behind the static of all functions.
void Inliner::finishShared() {
  result.dynamicSharedOffset =
      alignUp(result.sharedBytes, result.dynamicSharedAlign);
  for (Instruction &instruction : result.instructions)
    for (Operand &operand : instruction.operands) {
      bool isVariable = operand.kind == OperandKind::symbol ||
                        operand.kind == OperandKind::address;
      if (isVariable && !operand.hasBase && operand.space == Space::shared &&
          operand.index == UINT32_MAX)
        operand.value += result.dynamicSharedOffset;
    }
}
