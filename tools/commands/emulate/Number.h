//===- Number.h - Numbers in a launch file ----------------------*- C++ -*-===//
//
// The element types of the buffers and scalars that `quipu emulate` passes to a
// kernel, between JSON and bytes.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_EMULATE_NUMBER_H
#define QUIPU_TOOLS_COMMANDS_EMULATE_NUMBER_H

#include "base/Result.h"
#include "runtime/devices/emulator/ptx/Instruction.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace quipu {

enum class NumberType : uint8_t {
  // clang-format off
  f16, bf16, f32, f64, i8, u8, i16, u16, i32, u32, i64, u64,
  // clang-format on
};

std::optional<NumberType> parseNumberType(std::string_view name);
std::string_view name(NumberType type);
size_t numberBytes(NumberType type);
inline bool isFloat(NumberType type) { return type <= NumberType::f64; }

/// How a kernel parameter declared with `type` takes a plain JSON number; b
/// types are read as unsigned, or as signed where the number is negative.
std::optional<NumberType> numberTypeOf(ptx::Type type);

/// Appends `number` to `bytes`; the error says why it is no `type`. A float
/// type also takes "inf", "-inf" and "nan".
Result<void> appendNumber(const nlohmann::json &number, NumberType type,
                          std::vector<std::byte> &bytes);

/// The number in the first bytes at `data`; a float that JSON cannot say is
/// one of the strings above.
nlohmann::ordered_json readNumber(const std::byte *data, NumberType type);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_EMULATE_NUMBER_H
