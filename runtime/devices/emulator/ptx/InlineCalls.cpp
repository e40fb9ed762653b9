//===- InlineCalls.cpp - Device functions put into their callers ----------===//
//
// A function that is not recursive runs once at a time in a thread, so that its
// registers are the same wherever it is called. What it passes and is passed
// needs no copy: a parameter is the variable that the caller names.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/InlineCalls.h"

#include "runtime/devices/emulator/ptx/ControlFlow.h"
#include "runtime/devices/emulator/ptx/Inliner.h"

#include <algorithm>

using namespace quipu;
using namespace quipu::ptx;

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

Result<Function> quipu::ptx::inlineCalls(const Module &module,
                                         const Function &entry) {
  return Inliner(module, entry).run();
}
