//===- EncodeParameters.cpp - The parameter block of a launch -------------===//
//
// Puts what a launch file says beside what the kernel declares: types of plain
// numbers, sizes, and the block that is asked for.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/emulate/LaunchFile.h"

#include <algorithm>
#include <cstring>

using namespace quipu;
using namespace quipu::emulator;

/// The bytes of one parameter.
static Result<std::vector<std::byte>>
encode(const LaunchFile::Parameter &parameter, const ptx::Variable &declared,
       std::span<const uint64_t> addresses) {
  std::vector<std::byte> bytes = parameter.bytes;
  for (const LaunchFile::Pointer &pointer : parameter.pointers) {
    uint64_t address = addresses[size_t(pointer.buffer)] + pointer.offset;
    std::memcpy(&bytes[pointer.at], &address, sizeof address);
  }
  if (!parameter.number.is_null()) {
    std::optional<NumberType> type = numberTypeOf(declared.type);
    // A bit type takes numbers of either sign.
    bool negative = parameter.number.is_number_integer() &&
                    !parameter.number.is_number_unsigned();
    bool isBits =
        declared.type >= ptx::Type::b8 && declared.type <= ptx::Type::b64;
    if (type && negative && isBits)
      type = NumberType(uint8_t(*type) - 1);
    if (!type)
      return Error{"expected an object with type and value, found " +
                   parameter.number.dump()};
    Result<void> appended = appendNumber(parameter.number, *type, bytes);
    if (!appended)
      return appended.error();
  }
  if (bytes.size() != declared.size)
    return Error{"expected " + std::to_string(declared.size) +
                 " bytes, found " + std::to_string(bytes.size())};
  return bytes;
}

Result<std::vector<std::byte>>
quipu::encodeParameters(const LaunchFile::Launch &launch,
                        const ptx::Function &kernel,
                        std::span<const uint64_t> addresses) {
  if (launch.parameters.size() != kernel.parameters.size())
    return Error{"kernel '" + kernel.name + "' takes " +
                 std::to_string(kernel.parameters.size()) +
                 " parameters, found " +
                 std::to_string(launch.parameters.size())};
  std::vector<std::byte> block(kernel.paramBytes);
  for (size_t i = 0; i < launch.parameters.size(); ++i) {
    const ptx::Variable &declared = kernel.parameters[i];
    Result<std::vector<std::byte>> bytes =
        encode(launch.parameters[i], declared, addresses);
    if (!bytes)
      return Error{"parameter " + std::to_string(i) + " ('" + declared.name +
                   "') of kernel '" + kernel.name +
                   "': " + bytes.error().message};
    std::ranges::copy(*bytes, block.begin() + long(declared.offset));
  }
  return block;
}

Result<Extent> quipu::blockOf(const LaunchFile::Launch &launch,
                              const ptx::Function &kernel) {
  if (launch.block)
    return *launch.block;
  std::optional<ptx::BlockSize> size = kernel.requiredThreads;
  if (!size)
    size = kernel.maxThreads;
  if (!size)
    return Error{"kernel '" + kernel.name +
                 "' names no block size: the launch must say one"};
  return Extent{size->x, size->y, size->z};
}
