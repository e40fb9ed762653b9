//===- EmulateReport.h - What an emulated run found -------------*- C++ -*-===//
//
// Findings, counters and outputs of `quipu emulate`, as tables and as the JSON
// of docs/emulator.md.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_EMULATE_EMULATEREPORT_H
#define QUIPU_TOOLS_COMMANDS_EMULATE_EMULATEREPORT_H

#include "tools/commands/emulate/LaunchFile.h"

namespace quipu {

struct EmulatedLaunch {
  std::string kernel;
  emulator::LaunchShape shape;
  emulator::LaunchReport report;
};

/// Elements of a buffer after the run; null where nothing wrote them.
struct EmulatedOutput {
  std::string buffer;
  NumberType type;
  uint64_t first = 0;
  std::vector<nlohmann::ordered_json> values;
};

/// Takes the outputs of `file` from the emulator, where buffer i is at
/// addresses[i]; writes those that go to files.
Result<void> collectOutputs(emulator::Emulator &emulator,
                            const LaunchFile &file,
                            std::span<const uint64_t> addresses,
                            std::vector<EmulatedOutput> &outputs);

/// The documented JSON form of counters: see docs/emulator.md.
nlohmann::ordered_json describeCounters(const emulator::Counters &counters);

/// Kernels, their parameters, and why one cannot run: each is made ready.
nlohmann::ordered_json describeKernels(emulator::Emulator &emulator);
/// The same as lines for people, to stdout.
void printKernels(emulator::Emulator &emulator);

/// The documented JSON form of a run: see docs/emulator.md.
nlohmann::ordered_json describeRun(std::span<const EmulatedLaunch> launches,
                                   std::span<const EmulatedOutput> outputs);
/// The same as lines for people, to stdout.
void printRun(std::span<const EmulatedLaunch> launches,
              std::span<const EmulatedOutput> outputs);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_EMULATE_EMULATEREPORT_H
