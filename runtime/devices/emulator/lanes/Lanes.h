//===- Lanes.h - What an instruction does to 32 lanes -----------*- C++ -*-===//
//
// Pure functions on rows of registers, one value per lane, without masks: the
// executor blends. They are compiled once per level of the host's instruction
// set, and the best that runs here is chosen at run time.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_LANES_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_LANES_H

#include "runtime/devices/emulator/ptx/Instruction.h"

#include <cstdint>

namespace quipu::emulator {

inline constexpr int laneCount = 32;

/// d = f(a, b, c, e). Rows hold 32 elements of the register's width; a
/// predicate's row is one u32, bit l for lane l. `e` is a fourth source (bfi,
/// lop3), or the carry flags (u32, in and out) of addc and its kin. d may be
/// the same row as a source.
using LaneFunction = void (*)(void *d, const void *a, const void *b,
                              const void *c, void *e);

/// D = A B + C with f32 (or s32) accumulators: registers of each fragment as
/// rows of u32, in the order of the instruction's vectors.
using MatrixFunction = void (*)(uint32_t *const *d, const uint32_t *const *a,
                                const uint32_t *const *b,
                                const uint32_t *const *c);

/// Between `count` rows and an array with the lanes' vectors one after another.
using SpreadFunction = void (*)(void *const *rows, const void *packed);
using PackFunction = void (*)(void *packed, const void *const *rows);

/// What one level offers.
struct LaneSet {
  const char *name; // "x86-64-v4"
  /// Null where the instruction is not one of pure lane functions, or unknown.
  LaneFunction (*select)(const ptx::Instruction &instruction);
  MatrixFunction (*selectMatrix)(const ptx::Instruction &instruction);
  /// For elements of 1, 2, 4 or 8 bytes and 1, 2, 4 or 8 of them.
  SpreadFunction (*selectSpread)(unsigned bytes, unsigned count);
  PackFunction (*selectPack)(unsigned bytes, unsigned count);
  /// base[l] + offset, as u64, from a b32 or a b64 row.
  void (*address32)(uint64_t *d, const void *base, uint64_t offset);
  void (*address64)(uint64_t *d, const void *base, uint64_t offset);
  /// Whether address[l] == address[0] + l * step in all lanes.
  bool (*isStrided)(const uint64_t *address, uint64_t step);
  /// Least and greatest address of all lanes, and the OR of all.
  void (*range)(const uint64_t *address, uint64_t *low, uint64_t *high,
                uint64_t *bits);
  /// d[l] = mask bit l ? s[l] : d[l], for elements of 2, 4 or 8 bytes.
  void (*blend)(void *d, const void *s, uint32_t mask, unsigned bytes);
  /// Least, greatest and OR of `count` > 0 shadow cells.
  void (*scan)(const uint64_t *cells, uint64_t count, uint64_t *least,
               uint64_t *greatest, uint64_t *bits);
  /// Whether all of `count` cells are `value`.
  bool (*allEqual)(const uint64_t *cells, uint64_t count, uint64_t value);
};

const LaneSet &lanesBaseline();
const LaneSet &lanesV3();
const LaneSet &lanesV4();

/// The best level that this processor runs.
const LaneSet &bestLanes();

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_LANES_H
