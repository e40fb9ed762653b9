//===- Inliner.h - Puts functions in place of calls -------------*- C++ -*-===//
//
// The state of inlineCalls(): where the registers, variables and parameters of
// each function of a kernel lie, and the chain of calls that is open.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_INLINER_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_INLINER_H

#include "runtime/devices/emulator/ptx/Module.h"

#include <map>

namespace quipu::ptx {

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

/// Puts together what runs of one entry; for one run().
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

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_INLINER_H
