//===- Preparer.h - Makes a kernel ready to run -----------------*- C++ -*-===//
//
// The state of prepare(): the program as far as it is made, and its register
// file. Members are defined beside the kind of instruction that they are for.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PREPARER_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PREPARER_H

#include "runtime/devices/emulator/RegisterFile.h"

namespace quipu::emulator {

/// Fills in a Program whose function is set; for one run().
class Preparer {
public:
  Preparer(Program &program, std::span<const uint64_t> globals)
      : program(program), function(*program.function), globals(globals),
        file(program) {}

  Result<void> run();

private:
  Error error(const ptx::Instruction &i, const std::string &what) const {
    return Error{program.module->fileName + ":" + std::to_string(i.line) +
                 ": " + what};
  }
  /// That the instruction, as written, is not emulated.
  Error refusal(const ptx::Instruction &i,
                const std::string &remedy = "") const {
    auto n = size_t(&i - function.instructions.data());
    return error(i, "'" + program.module->mnemonics[function.mnemonics[n]] +
                        "' is not emulated" + remedy);
  }
  Result<void> checkVariables(const ptx::Instruction &i) const;
  Row source(const ptx::Operand &operand, uint8_t bytes);
  uint64_t symbolValue(const ptx::Operand &operand) const;

  Result<void> add(const ptx::Instruction &i);
  Result<void> addLanes(const ptx::Instruction &i);
  Result<void> addMemory(Op op, const ptx::Instruction &i);
  Result<void> addFragment(const ptx::Instruction &i);
  void addFragmentPart(const ptx::Instruction &i, const Op &all, unsigned first,
                       unsigned count);
  Op start(const ptx::Instruction &i);
  void setAddress(Op &op, const ptx::Operand &address);
  void setVector(Op &op, const ptx::Operand &operand, uint8_t bytes);
  void convert(const ptx::Instruction &i, ptx::Type to, ptx::Type from, Row d,
               Row a);
  void setMatrix(Op &op, const ptx::Instruction &i);
  void setProduct(Op &op, const ptx::Instruction &i);
  void setAtomic(Op &op, const ptx::Instruction &i);
  void setParts(Op &op, const ptx::Operand &vector, uint8_t bytes);
  void setOperands(Op &op, const ptx::Instruction &i);
  void resolveBranches();

  Program &program;
  const ptx::Function &function;
  std::span<const uint64_t> globals;
  RegisterFile file;
  std::vector<uint32_t> opOf; // by instruction
};

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PREPARER_H
