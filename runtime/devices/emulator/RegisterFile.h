//===- RegisterFile.h - Where a kernel's values live ------------*- C++ -*-===//
//
// Lays out the register file that every warp has: registers of the kernel,
// constants, special registers and rows that preparation needs.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_REGISTERFILE_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_REGISTERFILE_H

#include "runtime/devices/emulator/Program.h"

namespace quipu::emulator {

/// Grows Program::fileBytes and Program::slots.
class RegisterFile {
public:
  explicit RegisterFile(Program &program) : program(program) {}

  /// A row that no instruction names; 0 bytes for a predicate.
  Row reserve(unsigned bytes);
  /// Makes room for the kernel's registers. Once, before registerRow().
  void placeRegisters();
  Row registerRow(ptx::RegisterClass kind, uint32_t index) const;
  /// The same value in all lanes; of a predicate, all its bits.
  Row constant(uint64_t value, uint8_t bytes);
  Row special(ptx::SpecialRegister which, uint8_t bytes);
  /// Fills Program::constants. Once, when all rows are there.
  void writeConstants();

private:
  Program &program;
  uint32_t registerBase[ptx::registerClasses] = {};
  uint32_t slotBase[ptx::registerClasses] = {};
  std::map<std::pair<uint64_t, uint8_t>, Row> constants;
  std::map<std::pair<int, uint8_t>, Row> specials;
};

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_REGISTERFILE_H
