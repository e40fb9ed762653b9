//===- InlineCalls.cpp - Device functions put into their callers ----------===//
//
// A function that is not recursive runs once at a time in a thread, so that its
// registers are the same wherever it is called. What it passes and is passed
// needs no copy: a parameter is the variable that the caller names.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/InlineCalls.h"

#include "runtime/devices/emulator/ptx/ControlFlow.h"
#include "runtime/devices/emulator/ptx/ParserContext.h"

#include <algorithm>
#include <map>

using namespace quipu;
using namespace quipu::ptx;

namespace {

constexpr uint64_t frameAlignment = 128;

uint64_t alignUp(uint64_t value, uint64_t align) {
  return (value + align - 1) / align * align;
}

/// What all places of a function share.
struct Placed {
  std::array<uint32_t, registerClasses> firstRegister = {};
  std::vector<uint64_t> shared; // offset of each of Function::shared
};

/// A function at one of its places. Numbers are those of the kernel.
struct Frame {
  const Function *function = nullptr;
  const Placed *placed = nullptr;
  std::vector<uint64_t> parameters; // offsets in local memory
  uint64_t local = 0;               // of its .local variables
  uint64_t passed = 0;              // to add to offsets of what its calls pass
  uint64_t end = 0;                 // behind its frame
  uint32_t firstTable = 0;          // of its branch tables

  bool isParameter(uint64_t offset) const {
    return offset < function->paramBytes;
  }
};

class Inliner {
public:
  Inliner(const Module &module, const Function &entry)
      : module(module), entry(entry) {}

  Result<Function> run();

private:
  Error error(uint32_t line, const std::string &what) const {
    return Error{module.fileName + ":" + std::to_string(line) + ": " + what};
  }
  Result<const Placed *> place(const Function &function, uint32_t line);
  Result<void> open(Frame &frame, uint64_t start, uint32_t line);
  Result<void> emit(const Frame &frame);
  Result<void> emitCall(const Frame &frame, const Instruction &call,
                        uint32_t mnemonic);
  Result<void> emitMissing(const Function &callee, const Instruction &call,
                           uint32_t mnemonic,
                           const std::vector<uint64_t> &passed);
  void emitBranch(const Instruction &from, uint32_t mnemonic, uint32_t target);
  void append(const Instruction &instruction, uint32_t mnemonic);
  Instruction moved(const Frame &frame, Instruction instruction);
  Operand moved(const Frame &frame, Operand operand) const;
  uint64_t movedParameter(const Frame &frame, uint64_t offset) const;
  void finishShared();

  const Module &module;
  const Function &entry;
  Function result;
  std::map<const Function *, Placed> functions;
  std::map<uint32_t, uint64_t> moduleShared; // offsets, by number
  std::vector<const Function *> active;      // the chain of calls
  size_t tableEntries = 0;
};

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

void Inliner::append(const Instruction &instruction, uint32_t mnemonic) {
  result.instructions.push_back(instruction);
  result.mnemonics.push_back(mnemonic);
}

/// A call or ret as a branch, under its guard.
void Inliner::emitBranch(const Instruction &from, uint32_t mnemonic,
                         uint32_t target) {
  Instruction branch;
  branch.opcode = Opcode::bra;
  branch.guard = from.guard;
  branch.guardNegated = from.guardNegated;
  branch.line = from.line;
  branch.operandCount = 1;
  branch.operands[0].kind = OperandKind::label;
  branch.operands[0].index = target;
  append(branch, mnemonic);
}

/// A call of a function that has no body, but whose effect is known.
Result<void> Inliner::emitMissing(const Function &callee,
                                  const Instruction &call, uint32_t mnemonic,
                                  const std::vector<uint64_t> &passed) {
  Instruction made;
  made.guard = call.guard;
  made.guardNegated = call.guardNegated;
  made.line = call.line;
  made.type = Type::b32;
  made.space = Space::local;
  auto atLocal = [&](uint64_t offset) {
    Operand operand;
    operand.kind = OperandKind::address;
    operand.space = Space::local;
    operand.value = offset;
    return operand;
  };
  auto hasSizes = [&](std::initializer_list<uint64_t> sizes) {
    return std::ranges::equal(callee.parameters, sizes, {}, &Variable::size);
  };
  if (callee.name == "vprintf" && hasSizes({4, 8, 8})) {
    made.opcode = Opcode::st;
    made.operands[0] = atLocal(passed[0]);
    made.operands[1].kind = OperandKind::immediate;
    made.operandCount = 2;
  } else if (callee.name == "__assertfail" && hasSizes({8, 8, 4, 8, 8})) {
    made.opcode = Opcode::assertFail;
    for (unsigned n = 0; n < 3; ++n)
      made.operands[n] = atLocal(passed[n]);
    made.operandCount = 3;
  } else {
    bool allocates = callee.name == "malloc" || callee.name == "free";
    return error(call.line,
                 "'" + callee.name +
                     "' is called, which has no body in this "
                     "file" +
                     (allocates ? ": pass a buffer to the kernel instead"
                                : ": link it into the file, or define it"));
  }
  append(made, mnemonic);
  return {};
}

Result<void> Inliner::emitCall(const Frame &frame, const Instruction &call,
                               uint32_t mnemonic) {
  const Function &callee = module.functions[call.operands[0].index];
  Frame inner;
  inner.function = &callee;
  for (unsigned list = 1; list <= 2; ++list)
    for (unsigned n = 0; n < call.operands[list].count; ++n) {
      uint64_t offset =
          frame.function->elements[call.operands[list].index + n].value;
      if (frame.function->isEntry && frame.isParameter(offset))
        return error(call.line, "a parameter of the kernel is passed on to '" +
                                    callee.name +
                                    "': copy it to a .param variable first");
      inner.parameters.push_back(movedParameter(frame, offset));
    }
  Instruction guarded = call;
  guarded.operandCount = 0;
  guarded = moved(frame, guarded);
  if (!callee.hasBody())
    return emitMissing(callee, guarded, mnemonic, inner.parameters);
  std::string line = std::to_string(call.line);
  if (!callee.refusal.empty())
    return Error{callee.refusal + ", in '" + callee.name + "', which line " +
                 line + " calls"};
  if (std::ranges::count(active, &callee))
    return error(call.line, "a recursive call of '" + callee.name +
                                "' is not emulated: write it as a loop");
  if (active.size() == mostCallDepth)
    return error(call.line, "calls are nested more than " +
                                std::to_string(mostCallDepth) + " deep");
  if (Result<void> opened = open(inner, frame.end, call.line); !opened)
    return opened;
  // The guard of a call goes around the body.
  auto at = uint32_t(result.instructions.size());
  guarded.guardNegated = guarded.guard >= 0 && !guarded.guardNegated;
  emitBranch(guarded, mnemonic, at + 1);
  if (Result<void> done = emit(inner); !done)
    return done;
  if (guarded.guard >= 0)
    result.instructions[at].operands[0].index =
        uint32_t(result.instructions.size());
  return {};
}

Result<void> Inliner::emit(const Frame &frame) {
  const Function &function = *frame.function;
  active.push_back(&function);
  std::vector<uint32_t> placeOf, branches, returns;
  for (size_t n = 0; n < function.instructions.size(); ++n) {
    const Instruction &instruction = function.instructions[n];
    uint32_t mnemonic = function.mnemonics[n];
    auto at = uint32_t(result.instructions.size());
    placeOf.push_back(at);
    if (at + tableEntries >= mostInlined)
      return error(instruction.line,
                   "with the functions that it calls, kernel '" + entry.name +
                       "' has more than " + std::to_string(mostInlined) +
                       " instructions: call fewer functions, or let the "
                       "compiler inline fewer");
    if (instruction.opcode == Opcode::call) {
      if (Result<void> done = emitCall(frame, instruction, mnemonic); !done)
        return done;
    } else if (instruction.opcode == Opcode::ret && !function.isEntry) {
      returns.push_back(at);
      emitBranch(moved(frame, instruction), mnemonic, 0);
    } else {
      append(moved(frame, instruction), mnemonic);
      if (instruction.opcode == Opcode::bra)
        branches.push_back(at);
    }
  }
  for (uint32_t at : branches) {
    uint32_t &target = result.instructions[at].operands[0].index;
    target = placeOf[target];
  }
  for (uint32_t at : returns)
    result.instructions[at].operands[0].index =
        uint32_t(result.instructions.size());
  for (size_t n = 0; n < function.branchTables.size(); ++n)
    for (uint32_t &target : result.branchTables[frame.firstTable + n])
      target = placeOf[target];
  active.pop_back();
  return {};
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

Result<Function> Inliner::run() {
  result.name = entry.name;
  result.isEntry = true;
  result.isVisible = entry.isVisible;
  result.line = entry.line;
  result.parameters = entry.parameters;
  result.paramBytes = result.paramBlockBytes = entry.paramBytes;
  result.maxThreads = entry.maxThreads;
  result.requiredThreads = entry.requiredThreads;
  result.minBlocksPerMultiprocessor = entry.minBlocksPerMultiprocessor;
  result.maxRegisters = entry.maxRegisters;
  result.local = entry.local;
  result.localBytes = entry.localBytes;
  Frame frame;
  frame.function = &entry;
  if (Result<void> opened = open(frame, 0, entry.line); !opened)
    return opened.error();
  if (Result<void> done = emit(frame); !done)
    return done.error();
  finishShared();
  findReconvergence(result);
  return std::move(result);
}

} // namespace

Result<Function> quipu::ptx::inlineCalls(const Module &module,
                                         const Function &entry) {
  return Inliner(module, entry).run();
}
