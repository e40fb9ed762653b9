//===- ExecuteAtomics.cpp - atom and red ----------------------------------===//
//
// Read-modify-write, lane after lane, atomic among host threads: blocks run on
// several.
//
//===----------------------------------------------------------------------===//

#include "base/Dequantize.h"
#include "runtime/devices/emulator/Access.h"
#include "runtime/devices/emulator/Definedness.h"
#include "runtime/devices/emulator/Execute.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace quipu::emulator {
namespace {

using ptx::Mode;
using ptx::Type;

template <typename T> T fromBits(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <typename T> uint64_t toBits(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <typename T> uint64_t integer(Mode mode, T old, T b, T c) {
  switch (mode) {
  case Mode::add:
    return toBits(T(uint64_t(old) + uint64_t(b)));
  case Mode::min:
    return toBits(old < b ? old : b);
  case Mode::max:
    return toBits(old > b ? old : b);
  case Mode::inc:
    return toBits(T(old >= b ? T(0) : T(old + 1)));
  case Mode::dec:
    return toBits(T(old == 0 || old > b ? b : T(old - 1)));
  case Mode::bitAnd:
    return toBits(T(old & b));
  case Mode::bitOr:
    return toBits(T(old | b));
  case Mode::bitXor:
    return toBits(T(old ^ b));
  case Mode::exch:
    return toBits(b);
  default: // cas
    return toBits(old == b ? c : old);
  }
}

/// Of one f16 or bf16, rounded once; a NaN loses to a number in min and max.
uint16_t narrow(Mode mode, bool isHalf, uint16_t old, uint16_t b) {
  float x = isHalf ? halfToFloat(old) : bfloat16ToFloat(old);
  float y = isHalf ? halfToFloat(b) : bfloat16ToFloat(b);
  float r = mode == Mode::min   ? std::fmin(x, y)
            : mode == Mode::max ? std::fmax(x, y)
                                : x + y;
  return isHalf ? floatToHalf(r) : floatToBfloat16(r);
}
uint64_t narrowPair(Mode mode, bool isHalf, uint64_t old, uint64_t b) {
  return narrow(mode, isHalf, uint16_t(old), uint16_t(b)) |
         uint64_t(narrow(mode, isHalf, uint16_t(old >> 16), uint16_t(b >> 16)))
             << 16;
}

/// The new value of a word.
uint64_t updated(const ptx::Instruction &i, uint64_t old, uint64_t b,
                 uint64_t c) {
  switch (i.type) {
  case Type::f32:
    return toBits(fromBits<float>(old) + fromBits<float>(b));
  case Type::f64:
    return toBits(fromBits<double>(old) + fromBits<double>(b));
  case Type::f16:
  case Type::bf16:
    return narrow(i.mode, i.type == Type::f16, uint16_t(old), uint16_t(b));
  case Type::f16x2:
  case Type::bf16x2:
    return narrowPair(i.mode, i.type == Type::f16x2, old, b);
  case Type::s32:
    return integer(i.mode, fromBits<int32_t>(old), fromBits<int32_t>(b),
                   fromBits<int32_t>(c));
  case Type::s64:
    return integer(i.mode, int64_t(old), int64_t(b), int64_t(c));
  case Type::u64:
  case Type::b64:
    return integer(i.mode, old, b, c);
  case Type::b16:
    return integer(i.mode, uint16_t(old), uint16_t(b), uint16_t(c));
  default:
    return integer(i.mode, uint32_t(old), uint32_t(b), uint32_t(c));
  }
}

template <typename T>
uint64_t exchange(const ptx::Instruction &i, std::byte *at, uint64_t b,
                  uint64_t c) {
  auto *word = reinterpret_cast<T *>(at);
  T old = __atomic_load_n(word, __ATOMIC_ACQUIRE);
  while (!__atomic_compare_exchange_n(word, &old, T(updated(i, old, b, c)),
                                      false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_ACQUIRE))
    ;
  return old;
}

uint64_t valueOf(const Warp &warp, const Row &row, int lane) {
  uint64_t value = 0;
  std::memcpy(&value, warp.row<std::byte>(row) + lane * row.bytes, row.bytes);
  return value;
}

void update(Warp &warp, const Op &op, const Access &access) {
  const ptx::Instruction &i = *op.instruction;
  SyncTable &table =
      access.place.isShared ? warp.block->syncs : warp.block->launch->syncs;
  bool isRelease = i.semantics == ptx::Semantics::release ||
                   i.semantics == ptx::Semantics::acqRel ||
                   i.semantics == ptx::Semantics::sc;
  bool isAcquire = isRelease ? i.semantics != ptx::Semantics::release
                             : i.semantics == ptx::Semantics::acquire;
  uint32_t undefined = warp.undefined[op.b.slot] | warp.undefined[op.c.slot];
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    uint64_t at = access.offset[lane];
    if ((undefined >> lane & 1) ||
        undefinedBytes(access.place, at, op.elementBytes)) {
      report(warp, op, Check::undefined, lane,
             (undefined >> lane & 1 ? "the operand of the atomic"
                                    : "the word that the atomic changes") +
                 std::string(" depends on one that nothing wrote"),
             {access.place.isShared ? ptx::Space::shared : ptx::Space::global,
              access.place.address + at});
    }
    std::unique_lock lock = lockWord(warp, access.place, at);
    noteAtomic(warp, op, access.place, at, op.elementBytes, lane);
    releaseTo(warp, op, table, access.place.address + at, isRelease);
    uint64_t b = valueOf(warp, op.b, lane);
    uint64_t c = op.c.slot || op.c.offset ? valueOf(warp, op.c, lane) : 0;
    std::byte *word = access.base + at;
    uint64_t old = op.elementBytes == 8   ? exchange<uint64_t>(i, word, b, c)
                   : op.elementBytes == 4 ? exchange<uint32_t>(i, word, b, c)
                                          : exchange<uint16_t>(i, word, b, c);
    acquireFrom(warp, op, table, access.place.address + at, isAcquire);
    std::memcpy(warp.row<std::byte>(op.d) + lane * op.d.bytes, &old,
                op.d.bytes);
  }
}

} // namespace

Flow runAtomic(Warp &warp, const Op &op, uint32_t mask) {
  uint64_t addresses[laneCount];
  unsigned bytes = op.elementBytes;
  setTaint(warp, op.d, mask, 0); // lanes with a finding too: it is said once
  mask = addressesOf(warp, op, mask, addresses);
  while (mask) {
    uint32_t here = mask;
    ptx::Space space = resolveSpace(op.space, addresses, here);
    mask &= ~here;
    if (space == ptx::Space::shared) {
      Access access =
          sharedAccess(warp, op, here, addresses, bytes, bytes, true);
      countShared(warp, access, bytes);
      update(warp, op, access);
      continue;
    }
    while (here) {
      Access access =
          globalAccess(warp, op, here, addresses, bytes, bytes, true);
      if (!access.mask)
        continue;
      countGlobal(warp, access, bytes, true);
      countGlobal(warp, access, bytes, false);
      update(warp, op, access);
    }
  }
  return Flow::next;
}

} // namespace quipu::emulator
