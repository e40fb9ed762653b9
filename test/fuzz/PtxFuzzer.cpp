//===- PtxFuzzer.cpp - Random bytes as PTX --------------------------------===//
//
// The emulator's parser on text in memory. What it accepts must be consistent:
// an executor follows the indices in a Module without looking.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/InlineCalls.h"

#include <cstdint>

using namespace quipu;
using namespace quipu::ptx;

static void expect(bool fine) {
  if (!fine)
    __builtin_trap();
}

static void checkOperand(const Module &module, const Function &function,
                         const Operand &operand) {
  auto isRegister = [&] {
    return operand.index < function.registers[size_t(operand.regClass)];
  };
  switch (operand.kind) {
  case OperandKind::reg:
    expect(isRegister());
    break;
  case OperandKind::special:
    expect(operand.index <= uint32_t(SpecialRegister::envreg31));
    break;
  case OperandKind::vector:
    expect(size_t(operand.index) + operand.count <= function.elements.size());
    break;
  case OperandKind::address:
    expect(!operand.hasBase || isRegister());
    break;
  case OperandKind::label:
    expect(operand.index < function.instructions.size());
    break;
  case OperandKind::table:
    expect(operand.index < function.branchTables.size());
    break;
  case OperandKind::function:
    expect(operand.index < module.functions.size());
    break;
  default:
    break;
  }
  bool named = operand.kind == OperandKind::address ||
               operand.kind == OperandKind::symbol;
  if (named &&
      (operand.space == Space::global || operand.space == Space::constant))
    expect(operand.index < module.variables.size());
}

static void checkFunction(const Module &module, const Function &function) {
  expect(!function.instructions.empty());
  expect(function.mnemonics.size() == function.instructions.size());
  expect(function.instructions.back().guard < 0);
  for (uint32_t mnemonic : function.mnemonics)
    expect(mnemonic < module.mnemonics.size());
  for (const Instruction &instruction : function.instructions) {
    expect(instruction.guard < int64_t(function.registers[0]));
    expect(instruction.reconverge == noInstruction ||
           instruction.reconverge < function.instructions.size());
    for (const Operand &operand : instruction.operands)
      checkOperand(module, function, operand);
  }
  for (const Operand &element : function.elements)
    checkOperand(module, function, element);
  for (const std::vector<uint32_t> &table : function.branchTables)
    for (uint32_t target : table)
      expect(target < function.instructions.size());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Result<Module> module = parseModule(
      std::string_view(reinterpret_cast<const char *>(data), size), "k.ptx");
  if (!module) {
    expect(module.error().message.starts_with("k.ptx:"));
    return 0;
  }
  for (const Function &function : module->functions) {
    if (function.hasBody())
      checkFunction(*module, function);
    if (!function.isEntry || !function.hasBody())
      continue;
    Result<Function> inlined = inlineCalls(*module, function);
    if (!inlined)
      expect(inlined.error().message.starts_with("k.ptx:"));
    else
      checkFunction(*module, *inlined);
  }
  return 0;
}
