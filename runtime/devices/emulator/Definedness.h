//===- Definedness.h - Which bytes of registers mean something --*- C++ -*-===//
//
// A register remembers the lanes that hold bytes nothing wrote, and for those
// lanes which bytes. Loads may bring such bytes; it is an error where they
// decide a store, a branch or an address.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_DEFINEDNESS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_DEFINEDNESS_H

#include "runtime/devices/emulator/Warp.h"

namespace quipu::emulator {

/// All bytes of a row's element, as a mask.
inline uint8_t wholeElement(const Row &row) {
  return row.bytes == 8 || row.bytes == 0 ? 0xff
                                          : uint8_t((1 << row.bytes) - 1);
}

/// The undefined bytes of a lane.
inline uint8_t detailOf(const Warp &warp, const Row &row, int lane) {
  return warp.undefined[row.slot] >> lane & 1 ? warp.detail[row.slot][lane] : 0;
}

/// Lanes of `mask` become wholly undefined where `bad`, defined elsewhere.
void setTaint(Warp &warp, const Row &row, uint32_t mask, uint32_t bad);

/// Lanes of `mask` become undefined in the bytes that `detail` has.
void setDetail(Warp &warp, const Row &row, uint32_t mask,
               const uint8_t *detail);

/// The rule of a lane instruction: Op::taint.
void spreadTaint(Warp &warp, const Op &op, uint32_t mask);

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_DEFINEDNESS_H
