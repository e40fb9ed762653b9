//===- Addresses.h - Addresses, masks and shadow cells ----------*- C++ -*-===//
//
// The loops that every memory access runs over its lanes or over the shadow of
// what it touches. Internal linkage: see Rows.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_ADDRESSES_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_ADDRESSES_H

#include "runtime/devices/emulator/lanes/Rows.h"

namespace quipu::emulator {
namespace {

template <typename T>
void address(uint64_t *d, const void *base, uint64_t offset) {
  auto *from = static_cast<const T *>(base);
  for (int l = 0; l < laneCount; ++l)
    d[l] = T(from[l] + offset);
}

bool isStrided(const uint64_t *address, uint64_t step) {
  u64 differs = 0;
  for (int l = 0; l < laneCount; ++l)
    differs |= address[l] ^ (address[0] + u64(l) * step);
  return differs == 0;
}

void range(const uint64_t *address, uint64_t *low, uint64_t *high,
           uint64_t *bits) {
  u64 least = address[0], most = address[0], any = 0;
  for (int l = 0; l < laneCount; ++l) {
    least = address[l] < least ? address[l] : least;
    most = address[l] > most ? address[l] : most;
    any |= address[l];
  }
  *low = least;
  *high = most;
  *bits = any;
}

template <typename T> void blendAs(void *d, const void *s, u32 mask) {
  auto *to = static_cast<T *>(d);
  auto *from = static_cast<const T *>(s);
  T keep[laneCount];
  expandMask(keep, ~mask);
  QUIPU_LANE_LOOP
  for (int l = 0; l < laneCount; ++l)
    to[l] = T((to[l] & keep[l]) | (from[l] & ~keep[l]));
}
void blend(void *d, const void *s, uint32_t mask, unsigned bytes) {
  if (bytes == 2)
    blendAs<u16>(d, s, mask);
  else if (bytes == 4)
    blendAs<u32>(d, s, mask);
  else
    blendAs<u64>(d, s, mask);
}

void scan(const uint64_t *cells, uint64_t count, uint64_t *least,
          uint64_t *greatest, uint64_t *bits) {
  u64 low = ~u64(0), high = 0, any = 0;
  for (u64 i = 0; i < count; ++i) {
    low = cells[i] < low ? cells[i] : low;
    high = cells[i] > high ? cells[i] : high;
    any |= cells[i];
  }
  *least = low;
  *greatest = high;
  *bits = any;
}
bool allEqual(const uint64_t *cells, uint64_t count, uint64_t value) {
  u64 differs = 0;
  for (u64 i = 0; i < count; ++i)
    differs |= cells[i] ^ value;
  return differs == 0;
}

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_ADDRESSES_H
