//===- ExecuteLanes.cpp - Instructions on registers alone -----------------===//
//
// Calls lane functions, blends where not all lanes are active, and carries
// definedness along: one test where everything is defined.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Definedness.h"
#include "runtime/devices/emulator/Execute.h"

#include <cstring>

namespace quipu::emulator {
namespace {

using ptx::Opcode;

/// Where a lane function writes if only some lanes are active.
struct alignas(64) Scratch {
  std::byte bytes[laneCount * 8];
};

void store(Warp &warp, const Row &row, const void *values, uint32_t mask) {
  if (row.bytes == 0) {
    uint32_t &old = warp.predicate(row);
    old = (old & ~mask) | (*static_cast<const uint32_t *>(values) & mask);
  } else {
    warp.lanes->blend(warp.row<void *>(row), values, mask, row.bytes);
  }
}

/// Only the lanes that were computed count: others may stay undefined for long.
void flow(Warp &warp, const Op &op, uint32_t mask) {
  uint32_t sources = warp.undefined[op.a.slot] | warp.undefined[op.b.slot] |
                     warp.undefined[op.c.slot] | warp.undefined[op.e.slot];
  if (sources & mask) [[unlikely]]
    return spreadTaint(warp, op, mask);
  if (warp.undefined[op.d.slot])
    warp.undefined[op.d.slot] &= ~mask;
}

Flow runLanes(Warp &warp, const Op &op, uint32_t mask) {
  std::byte *file = warp.file;
  if (mask == allLanes) {
    op.lanes(file + op.d.offset, file + op.a.offset, file + op.b.offset,
             file + op.c.offset, file + op.e.offset);
  } else {
    Scratch scratch;
    op.lanes(scratch.bytes, file + op.a.offset, file + op.b.offset,
             file + op.c.offset, file + op.e.offset);
    store(warp, op.d, scratch.bytes, mask);
  }
  flow(warp, op, mask);
  return Flow::next;
}

/// addc and its kin: the carry flags are the fourth operand.
Flow runCarry(Warp &warp, const Op &op, uint32_t mask) {
  std::byte *file = warp.file;
  const Row &carry = warp.block->launch->program->carry;
  uint32_t flags = warp.predicate(carry);
  Scratch scratch;
  op.lanes(scratch.bytes, file + op.a.offset, file + op.b.offset,
           file + op.c.offset, &flags);
  store(warp, op.d, scratch.bytes, mask);
  store(warp, carry, &flags, mask);
  flow(warp, op, mask);
  return Flow::next;
}

uint32_t combine(ptx::Mode mode, uint32_t test, uint32_t other) {
  switch (mode) {
  case ptx::Mode::bitAnd:
    return test & other;
  case ptx::Mode::bitOr:
    return test | other;
  case ptx::Mode::bitXor:
    return test ^ other;
  default:
    return test;
  }
}

bool isPair(ptx::Type type) {
  return type == ptx::Type::f16x2 || type == ptx::Type::bf16x2;
}

/// The outcome of a comparison; of pairs, of the lower halves, and of the upper
/// ones in `upper`.
uint32_t compare(const Warp &warp, const Op &op, bool pairs, uint32_t &upper) {
  uint32_t test = 0;
  const std::byte *file = warp.file;
  if (!pairs) {
    op.lanes(&test, file + op.a.offset, file + op.b.offset, nullptr, nullptr);
    return test;
  }
  const auto *a = warp.row<uint32_t>(op.a), *b = warp.row<uint32_t>(op.b);
  for (int half = 1; half >= 0; --half) {
    alignas(64) uint16_t x[laneCount], y[laneCount];
    for (int lane = 0; lane < laneCount; ++lane) {
      x[lane] = uint16_t(a[lane] >> (16 * half));
      y[lane] = uint16_t(b[lane] >> (16 * half));
    }
    op.lanes(half ? &upper : &test, x, y, nullptr, nullptr);
  }
  return test;
}

Flow runSetp(Warp &warp, const Op &op, uint32_t mask) {
  uint32_t upper = 0;
  bool pairs = isPair(op.instruction->type);
  uint32_t test = compare(warp, op, pairs, upper);
  ptx::Mode mode = op.instruction->mode2;
  uint32_t other = warp.predicate(op.c) ^ (op.negateC ? allLanes : 0);
  // The second destination: the contrary, or the upper halves.
  uint32_t inverse = combine(mode, pairs ? upper : ~test, other);
  test = combine(mode, test, other);
  uint32_t bad = warp.undefined[op.a.slot] | warp.undefined[op.b.slot] |
                 warp.undefined[op.c.slot];
  setTaint(warp, op.d, mask, bad);
  store(warp, op.d, &test, mask);
  if (op.e.slot) {
    setTaint(warp, op.e, mask, bad);
    store(warp, op.e, &inverse, mask);
  }
  return Flow::next;
}

/// What set writes for true: all ones, or 1.0.
uint32_t truthOf(ptx::Type type) {
  switch (type) {
  case ptx::Type::f32:
    return 0x3f800000u;
  case ptx::Type::f16:
  case ptx::Type::f16x2:
    return 0x3c00;
  case ptx::Type::bf16:
  case ptx::Type::bf16x2:
    return 0x3f80;
  default:
    return ~0u;
  }
}

Flow runSet(Warp &warp, const Op &op, uint32_t mask) {
  uint32_t upper = 0;
  bool pairs = isPair(op.instruction->type2);
  uint32_t test = compare(warp, op, pairs, upper);
  uint32_t other = warp.predicate(op.c) ^ (op.negateC ? allLanes : 0);
  test = combine(op.instruction->mode2, test, other);
  upper = combine(op.instruction->mode2, upper, other);
  uint32_t truth = truthOf(op.instruction->type);
  Scratch values;
  for (int lane = 0; lane < laneCount; ++lane) {
    uint32_t value = test >> lane & 1 ? truth : 0;
    if (pairs)
      value = (value & 0xffff) | (upper >> lane & 1 ? truth << 16 : 0);
    auto *to = reinterpret_cast<std::byte *>(values.bytes);
    std::memcpy(to + lane * op.d.bytes, &value, op.d.bytes);
  }
  store(warp, op.d, values.bytes, mask);
  flow(warp, op, mask);
  return Flow::next;
}

Flow runNegatedChoice(Warp &warp, const Op &op, uint32_t mask) {
  uint32_t choice = ~warp.predicate(op.c);
  std::byte *file = warp.file;
  Scratch scratch;
  op.lanes(scratch.bytes, file + op.a.offset, file + op.b.offset, &choice,
           nullptr);
  store(warp, op.d, scratch.bytes, mask);
  flow(warp, op, mask);
  return Flow::next;
}
Flow runChoice(Warp &warp, const Op &op, uint32_t mask) {
  return op.negateC ? runNegatedChoice(warp, op, mask)
                    : runLanes(warp, op, mask);
}

} // namespace

Handler laneHandler(const ptx::Instruction &i) {
  switch (i.opcode) {
  case Opcode::setp:
    return runSetp;
  case Opcode::set:
    return runSet;
  case Opcode::selp:
    return runChoice;
  case Opcode::addc:
  case Opcode::subc:
  case Opcode::madc:
    return runCarry;
  default:
    return i.carryOut ? runCarry : runLanes;
  }
}

/// Where rows have just the width of the parts, and all that `mask` reads is
/// defined.
static bool isPlain(const Warp &warp, const Op &op, const Row &whole,
                    uint32_t mask) {
  uint32_t bad = op.d.slot ? 0 : warp.undefined[whole.slot];
  bool isExact = true;
  for (unsigned n = 0; n < op.count; ++n) {
    const Row &row = warp.rows[op.firstRow + n];
    bad |= op.d.slot ? warp.undefined[row.slot] : 0;
    isExact &= row.bytes == op.elementBytes;
  }
  return (bad & mask) == 0 && isExact;
}

Flow runPack(Warp &warp, const Op &op, uint32_t mask) {
  if (isPlain(warp, op, op.d, mask)) {
    const void *from[8];
    for (unsigned n = 0; n < op.count; ++n)
      from[n] = warp.row<void>(warp.rows[op.firstRow + n]);
    if (mask == allLanes) {
      op.pack(warp.row<void>(op.d), from);
    } else {
      Scratch scratch;
      op.pack(scratch.bytes, from);
      store(warp, op.d, scratch.bytes, mask);
    }
    warp.undefined[op.d.slot] &= ~mask;
    return Flow::next;
  }
  unsigned part = op.d.bytes / op.count;
  auto *to = warp.row<uint8_t>(op.d);
  bool anyBad = warp.undefined[op.d.slot] != 0;
  for (unsigned n = 0; n < op.count; ++n) {
    const Row &row = warp.rows[op.firstRow + n];
    anyBad |= warp.undefined[row.slot] != 0;
  }
  Scratch scratch;
  auto *packed = reinterpret_cast<uint8_t *>(scratch.bytes);
  for (unsigned n = 0; n < op.count; ++n) {
    const Row &row = warp.rows[op.firstRow + n];
    auto *from = warp.row<uint8_t>(row);
    for (int lane = 0; lane < laneCount; ++lane)
      std::memcpy(packed + lane * op.d.bytes + n * part,
                  from + lane * row.bytes, part);
  }
  if (mask == allLanes)
    std::memcpy(to, packed, laneCount * op.d.bytes);
  else
    store(warp, op.d, packed, mask);
  if (anyBad) {
    uint8_t detail[laneCount] = {};
    for (unsigned n = 0; n < op.count; ++n) {
      const Row &row = warp.rows[op.firstRow + n];
      for (int lane = 0; lane < laneCount; ++lane)
        detail[lane] |= detailOf(warp, row, lane) << (n * part);
    }
    setDetail(warp, op.d, mask, detail);
  }
  return Flow::next;
}

Flow runPolicy(Warp &warp, const Op &op, uint32_t mask) {
  const Row &d = warp.rows[op.firstRow];
  Scratch zeros = {};
  store(warp, d, zeros.bytes, mask);
  setTaint(warp, d, mask, 0);
  return Flow::next;
}

/// Whether a generic address is in the window of a space.
Flow runIsSpace(Warp &warp, const Op &op, uint32_t mask) {
  using ptx::Space;
  const Row &d = warp.rows[op.firstRow], &a = warp.rows[op.firstRow + 1];
  Space space = op.instruction->space;
  uint32_t truth = 0;
  for (int lane = 0; lane < laneCount; ++lane) {
    uint64_t address = 0; // a number has 4 bytes, a register 8
    std::memcpy(&address, warp.row<std::byte>(a) + lane * a.bytes, a.bytes);
    bool inShared = address - sharedWindow < windowBytes;
    bool inLocal = address - localWindow < windowBytes;
    bool isThere =
        space == Space::shared || space == Space::sharedCluster ? inShared
        : space == Space::local                                 ? inLocal
        : space == Space::global ? !inShared && !inLocal
                                 : false; // constants are global here
    truth |= uint32_t(isThere) << lane;
  }
  store(warp, d, &truth, mask);
  setTaint(warp, d, mask, warp.undefined[a.slot]);
  return Flow::next;
}

Flow runUnpack(Warp &warp, const Op &op, uint32_t mask) {
  if (isPlain(warp, op, op.a, mask)) {
    Scratch scratch[8];
    void *to[8];
    for (unsigned n = 0; n < op.count; ++n)
      to[n] = mask == allLanes ? warp.row<void>(warp.rows[op.firstRow + n])
                               : scratch[n].bytes;
    op.spread(to, warp.row<void>(op.a));
    for (unsigned n = 0; n < op.count; ++n) {
      const Row &row = warp.rows[op.firstRow + n];
      if (mask != allLanes)
        store(warp, row, scratch[n].bytes, mask);
      warp.undefined[row.slot] &= ~mask;
    }
    return Flow::next;
  }
  unsigned part = op.a.bytes / op.count;
  // A copy: a destination may be the source.
  Scratch whole;
  std::memcpy(whole.bytes, warp.row<std::byte>(op.a), laneCount * op.a.bytes);
  uint8_t details[laneCount];
  for (int lane = 0; lane < laneCount; ++lane)
    details[lane] = detailOf(warp, op.a, lane);
  bool isBad = warp.undefined[op.a.slot] != 0;
  for (unsigned n = 0; n < op.count; ++n) {
    const Row &row = warp.rows[op.firstRow + n];
    Scratch scratch = {};
    auto *piece = reinterpret_cast<uint8_t *>(scratch.bytes);
    auto *from = reinterpret_cast<const uint8_t *>(whole.bytes);
    for (int lane = 0; lane < laneCount; ++lane)
      std::memcpy(piece + lane * row.bytes, from + lane * op.a.bytes + n * part,
                  part);
    store(warp, row, piece, mask);
    if (isBad || warp.undefined[row.slot]) {
      uint8_t detail[laneCount];
      for (int lane = 0; lane < laneCount; ++lane)
        detail[lane] = details[lane] >> (n * part) & ((1 << part) - 1);
      setDetail(warp, row, mask, detail);
    }
  }
  return Flow::next;
}

} // namespace quipu::emulator
