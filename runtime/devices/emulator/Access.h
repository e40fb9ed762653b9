//===- Access.h - Where the lanes of an access go ---------------*- C++ -*-===//
//
// Addresses of a warp's load, store or copy, checked against the memory they
// name, and what the access costs in sectors and bank passes.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_ACCESS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_ACCESS_H

#include "runtime/devices/emulator/Order.h"

namespace quipu::emulator {

/// The lanes of one instruction that go to one piece of memory.
struct Access {
  uint32_t mask = 0;
  Buffer *buffer = nullptr;   // of global memory
  Place place;                // shared and global memory
  std::byte *base = nullptr;  // host memory of offset 0
  bool isStrided = false;     // all lanes, one element after the other
  bool isUniform = false;     // all lanes of the mask, the same offset
  uint64_t offset[laneCount]; // into the piece
};

/// The elements of all lanes, one lane after the other.
struct alignas(64) Packed {
  std::byte bytes[laneCount * 32];
};
/// For each lane of an access, its undefined bytes.
struct LaneBits {
  uint32_t bits[laneCount];
};

/// Whether an access takes part in synchronization: not weak ones.
inline bool isStrong(const ptx::Instruction &i) {
  return i.semantics >= ptx::Semantics::relaxed &&
         i.semantics <= ptx::Semantics::isVolatile;
}

/// Addresses of `op`'s first (or second) address operand. Lanes whose address
/// is undefined are reported and leave the mask.
uint32_t addressesOf(Warp &warp, const Op &op, uint32_t mask,
                     uint64_t *addresses, bool second = false);

/// Turns generic addresses of lanes that share a window into offsets of its
/// space, and says which. Lanes in other windows leave `mask`.
ptx::Space resolveSpace(ptx::Space space, uint64_t *addresses, uint32_t &mask);

/// The lanes of `mask` that lie in the buffer of the first of them, `bytes`
/// each, aligned to `align`. Those that are out of bounds or misaligned are
/// reported; all that were looked at leave `mask`.
Access globalAccess(Warp &warp, const Op &op, uint32_t &mask,
                    const uint64_t *addresses, unsigned bytes, unsigned align,
                    bool isStore);

/// As above, of shared memory: all lanes of `mask`.
Access sharedAccess(Warp &warp, const Op &op, uint32_t mask,
                    const uint64_t *addresses, unsigned bytes, unsigned align,
                    bool isStore);

/// Whether a lane's access of its local memory is inside; reported if not.
bool isLocal(Warp &warp, const Op &op, uint64_t at, unsigned bytes, int lane,
             bool isStore);

/// Remembers that `lane` loaded bytes that nothing wrote, for reports.
void noteUndefined(Warp &warp, const Op &op, const Access &access, int lane);

/// Counts a global access of `bytes` a lane, and marks what it touched.
void countGlobal(Warp &warp, const Access &access, unsigned bytes,
                 bool isStore);
/// Counts passes of a shared access.
void countShared(Warp &warp, const Access &access, unsigned bytes);
/// Counts the passes of `lanes` lanes at a time, at these offsets.
void countBanks(Warp &warp, const uint64_t *offsets, uint32_t mask,
                unsigned bytes);

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_ACCESS_H
