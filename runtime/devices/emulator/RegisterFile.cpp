//===- RegisterFile.cpp - Where a kernel's values live --------------------===//
//
// Rows begin at multiples of 64 bytes, but for predicates of the kernel, which
// are words side by side.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/RegisterFile.h"

#include "runtime/devices/emulator/InstructionTraits.h"

#include <cstring>

namespace quipu::emulator {

using ptx::RegisterClass;

Row RegisterFile::reserve(unsigned bytes) {
  Row row{program.fileBytes, program.slots++, uint8_t(bytes)};
  program.fileBytes += bytes ? bytes * laneCount : 64;
  return row;
}

void RegisterFile::placeRegisters() {
  for (unsigned kind = 0; kind < ptx::registerClasses; ++kind) {
    registerBase[kind] = program.fileBytes;
    slotBase[kind] = program.slots;
    unsigned bytes = rowBytesOf(RegisterClass(kind));
    uint32_t size =
        program.function->registers[kind] * (bytes ? bytes * laneCount : 4);
    program.fileBytes += (size + 63) / 64 * 64;
    program.slots += program.function->registers[kind];
  }
}

Row RegisterFile::registerRow(RegisterClass kind, uint32_t index) const {
  uint8_t bytes = rowBytesOf(kind);
  return {registerBase[int(kind)] + index * (bytes ? bytes * laneCount : 4),
          slotBase[int(kind)] + index, bytes};
}

Row RegisterFile::constant(uint64_t value, uint8_t bytes) {
  if (bytes < 8 && bytes > 0)
    value &= (uint64_t(1) << (8 * bytes)) - 1;
  auto [found, isNew] = constants.try_emplace({value, bytes});
  if (isNew) {
    found->second = reserve(bytes);
    found->second.slot = 0;
  }
  return found->second;
}

Row RegisterFile::special(ptx::SpecialRegister which, uint8_t bytes) {
  auto [found, isNew] = specials.try_emplace({int(which), bytes});
  if (isNew) {
    found->second = reserve(bytes);
    found->second.slot = 0;
    program.specials.push_back({which, found->second});
  }
  return found->second;
}

void RegisterFile::writeConstants() {
  program.constants.resize(program.fileBytes);
  for (const auto &[key, row] : constants) {
    std::byte *to = program.constants.data() + row.offset;
    for (int lane = 0; lane < (row.bytes ? laneCount : 1); ++lane)
      std::memcpy(to + lane * row.bytes, &key.first, row.bytes ? row.bytes : 4);
  }
}

} // namespace quipu::emulator
