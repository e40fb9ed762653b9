//===- SpecialRegisters.h - %tid.x and its like -----------------*- C++ -*-===//
//
// The names of the registers that a thread finds set.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_SPECIALREGISTERS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_SPECIALREGISTERS_H

#include <cstdint>
#include <string_view>

namespace quipu::ptx {

/// Sets the number (a SpecialRegister) and width in bits of the register
/// `name`; false where there is none.
bool findSpecialRegister(std::string_view name, uint32_t &index,
                         unsigned &width);

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_SPECIALREGISTERS_H
