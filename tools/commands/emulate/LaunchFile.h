//===- LaunchFile.h - What to run, as JSON ----------------------*- C++ -*-===//
//
// The launch description of `quipu emulate`: buffers, launches and outputs. The
// format is documented in docs/emulator.md.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_EMULATE_LAUNCHFILE_H
#define QUIPU_TOOLS_COMMANDS_EMULATE_LAUNCHFILE_H

#include "runtime/devices/emulator/Emulator.h"
#include "tools/commands/emulate/Number.h"

#include <span>
#include <string>
#include <vector>

namespace quipu {

struct LaunchFile {
  struct Buffer {
    std::string name;
    NumberType type = NumberType::u8;
    bool writable = true;
    std::optional<emulator::BufferRole> role; // none: as it is writable
    bool defined = true;                      // false: "uninitialized"
    std::vector<std::byte> contents;          // used in place by the emulator
  };

  /// 8 bytes of a parameter that are an address.
  struct Pointer {
    size_t at = 0; // in the parameter
    int buffer = 0;
    uint64_t offset = 0; // into the buffer, in bytes
  };
  struct Parameter {
    nlohmann::json number;         // a plain number, typed by the kernel
    std::vector<std::byte> bytes;  // where `number` is null
    std::vector<Pointer> pointers; // what to put into `bytes`
    size_t align = 1;              // of its first byte, as a field
  };

  struct Launch {
    std::string kernel;
    emulator::Extent grid;
    std::optional<emulator::Extent> block; // none: what the kernel says
    uint32_t sharedBytes = 0;
    std::vector<Parameter> parameters;
  };

  struct Output {
    int buffer = 0;
    NumberType type = NumberType::u8;
    uint64_t first = 0, count = 0; // elements
    std::string file;              // empty: print
  };

  std::string path;
  std::vector<Buffer> buffers;
  std::vector<Launch> launches;
  std::vector<Output> outputs;
};

/// Reads the launch file at `path`; data files are relative to its folder.
Result<LaunchFile> readLaunchFile(const std::string &path);

/// The parameter block of a launch of `kernel`, where buffer i is at
/// addresses[i]. Errors say which parameter does not match.
Result<std::vector<std::byte>>
encodeParameters(const LaunchFile::Launch &launch, const ptx::Function &kernel,
                 std::span<const uint64_t> addresses);

/// The threads of a block: as the launch says, or the kernel.
Result<emulator::Extent> blockOf(const LaunchFile::Launch &launch,
                                 const ptx::Function &kernel);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_EMULATE_LAUNCHFILE_H
