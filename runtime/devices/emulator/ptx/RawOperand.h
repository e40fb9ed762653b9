//===- RawOperand.h - An operand as written ---------------------*- C++ -*-===//
//
// Operands are read before it is known which form of an instruction they belong
// to; what their names mean is settled then.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_RAWOPERAND_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_RAWOPERAND_H

#include "runtime/devices/emulator/ptx/Lexer.h"

namespace quipu::ptx {

struct RawOperand {
  enum class Kind : uint8_t { plain, vector, address };

  Kind kind = Kind::plain;
  bool behindBar = false; // second destination: `p|q`
  bool inverted = false;  // `!p`
  bool negative = false;  // a number behind a minus
  Token token;            // the name or number; of an address, the base
  int64_t addend = 0;     // behind a name
  uint32_t first = 0;     // vector: elements in FunctionParser::rawElements
  uint32_t count = 0;
};

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_RAWOPERAND_H
