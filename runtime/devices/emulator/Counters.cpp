//===- Counters.cpp - What a launch did, summed ---------------------------===//
//
// Sums over threads of the host, kinds of instructions and roles of buffers,
// and the names of those.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Counters.h"

#include <span>

namespace quipu::emulator {

std::string_view name(InstructionClass kind) {
  constexpr std::string_view names[] = {"integer",  "floating", "conversion",
                                        "movement", "memory",   "tensor",
                                        "control"};
  return names[int(kind)];
}

std::string_view name(BufferRole role) {
  constexpr std::string_view names[] = {"weights", "constants", "activations",
                                        "kv"};
  return names[int(role)];
}

Traffic &Traffic::operator+=(const Traffic &other) {
  instructions += other.instructions;
  bytes += other.bytes;
  sectors += other.sectors;
  distinctBytes += other.distinctBytes;
  uniqueBytes += other.uniqueBytes;
  return *this;
}

int64_t Counters::instructions() const {
  int64_t sum = 0;
  for (int64_t count : warpInstructions)
    sum += count;
  return sum;
}

static Traffic sumOf(std::span<const Traffic> all) {
  Traffic sum;
  for (const Traffic &each : all)
    sum += each;
  return sum;
}

Traffic Counters::otherLoads() const {
  static_assert(int(BufferRole::weights) == 0);
  return sumOf(std::span(loads).subspan(1));
}

Traffic Counters::allLoads() const { return sumOf(loads); }

Traffic Counters::allStores() const { return sumOf(stores); }

Counters &Counters::operator+=(const Counters &other) {
  for (int kind = 0; kind < instructionClasses; ++kind)
    warpInstructions[kind] += other.warpInstructions[kind];
  threadInstructions += other.threadInstructions;
  for (int role = 0; role < bufferRoles; ++role) {
    loads[role] += other.loads[role];
    stores[role] += other.stores[role];
  }
  sharedAccesses += other.sharedAccesses;
  sharedWavefronts += other.sharedWavefronts;
  bankConflicts += other.bankConflicts;
  tensorInstructions += other.tensorInstructions;
  tensorMacs += other.tensorMacs;
  return *this;
}

} // namespace quipu::emulator
