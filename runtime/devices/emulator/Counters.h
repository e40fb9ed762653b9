//===- Counters.h - What an emulated launch did -----------------*- C++ -*-===//
//
// Counts that a profiler of real hardware would show: instructions by class,
// memory traffic in bytes and 32-byte sectors, bank conflicts, tensor-core
// operations. Traffic is told apart by what the buffers hold.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_COUNTERS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_COUNTERS_H

#include <array>
#include <cstdint>
#include <string_view>

namespace quipu::emulator {

enum class InstructionClass : uint8_t {
  integer,
  floating,
  conversion,
  movement, // mov, selp, shuffles
  memory,   // ld, st, atom, red, cp.async, ldmatrix
  tensor,   // mma
  control,  // branches, barriers, fences
};
inline constexpr int instructionClasses = 7;
std::string_view name(InstructionClass kind);

/// What a buffer of global memory holds.
enum class BufferRole : uint8_t {
  weights,     // matrices of a model
  constants,   // what else kernels only read: norms, tables, a step's inputs
  activations, // what launches leave for each other
  kv,          // keys and values
};
inline constexpr int bufferRoles = 4;
std::string_view name(BufferRole role);

/// Traffic between blocks and global memory, in one direction.
struct Traffic {
  int64_t instructions = 0; // of warps
  int64_t bytes = 0;        // asked for by threads
  int64_t sectors = 0;      // 32-byte sectors that a warp's accesses touch

  /// Least sectors that the bytes distinct within each instruction need, per
  /// sector moved: 1 where every byte moved was asked for.
  double efficiency() const {
    return sectors ? double(distinctBytes) / (32.0 * double(sectors)) : 1.0;
  }
  int64_t distinctBytes = 0; // within each instruction
  /// Distinct bytes (in units of 4) of a launch; summed over launches.
  int64_t uniqueBytes = 0;

  Traffic &operator+=(const Traffic &other);
};

struct Counters {
  std::array<int64_t, instructionClasses> warpInstructions = {};
  int64_t threadInstructions = 0; // lanes that were active, summed

  /// Global memory by BufferRole; atomics count as both.
  std::array<Traffic, bufferRoles> loads, stores;

  int64_t sharedAccesses = 0;   // warp instructions on shared memory
  int64_t sharedWavefronts = 0; // passes that they took
  int64_t bankConflicts = 0;    // passes beyond what conflict-free takes

  int64_t tensorInstructions = 0; // mma
  int64_t tensorMacs = 0;         // multiply-adds in them

  int64_t instructions() const; // of warps, all classes
  const Traffic &loadsOf(BufferRole role) const { return loads[int(role)]; }
  const Traffic &weightLoads() const { return loadsOf(BufferRole::weights); }
  Traffic otherLoads() const; // of all other roles
  Traffic allLoads() const;
  Traffic allStores() const;
  Counters &operator+=(const Counters &other);
};

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_COUNTERS_H
