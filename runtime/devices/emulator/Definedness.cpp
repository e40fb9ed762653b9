//===- Definedness.cpp - Which bytes of registers mean something ----------===//
//
// The slow path of every lane instruction. Moves, masks and shifts are followed
// byte by byte, since kernels take halves of words apart; arithmetic is not.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Definedness.h"

#include <bit>
#include <cstring>

namespace quipu::emulator {

void setTaint(Warp &warp, const Row &row, uint32_t mask, uint32_t bad) {
  uint32_t &lanes = warp.undefined[row.slot];
  if (((lanes | bad) & mask) == 0)
    return;
  lanes = (lanes & ~mask) | (bad & mask);
  uint8_t whole = wholeElement(row);
  for (uint32_t rest = bad & mask; rest; rest &= rest - 1)
    warp.detail[row.slot][std::countr_zero(rest)] = whole;
}

void setDetail(Warp &warp, const Row &row, uint32_t mask,
               const uint8_t *detail) {
  uint32_t &lanes = warp.undefined[row.slot];
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    warp.detail[row.slot][lane] = detail[lane];
    uint32_t bit = uint32_t(1) << lane;
    lanes = detail[lane] ? lanes | bit : lanes & ~bit;
  }
}

namespace {

uint64_t valueOf(const Warp &warp, const Row &row, int lane) {
  uint64_t value = 0;
  if (row.bytes == 0)
    return warp.predicate(row) >> lane & 1;
  std::memcpy(&value, warp.row<std::byte>(row) + lane * row.bytes, row.bytes);
  return value;
}

/// Each byte's bit, spread over the byte's eight bits; and back.
uint64_t toBits(uint8_t detail) {
  uint64_t bits = 0;
  for (int byte = 0; byte < 8; ++byte)
    if (detail >> byte & 1)
      bits |= uint64_t(0xff) << (8 * byte);
  return bits;
}
uint8_t toDetail(uint64_t bits, const Row &row) {
  uint8_t detail = 0;
  for (int byte = 0; byte < 8; ++byte)
    if (bits >> (8 * byte) & 0xff)
      detail |= 1 << byte;
  return detail & wholeElement(row);
}

uint8_t anyOf(uint8_t detail, uint8_t whole) { return detail ? whole : 0; }

/// and with a known 0, or with a known 1, decides a bit.
uint8_t logic(const Warp &warp, const Op &op, int lane) {
  uint64_t a = toBits(detailOf(warp, op.a, lane));
  uint64_t b = toBits(detailOf(warp, op.b, lane));
  uint64_t bits = a | b;
  if (op.instruction->opcode == ptx::Opcode::bitAnd)
    bits &= (a | valueOf(warp, op.a, lane)) & (b | valueOf(warp, op.b, lane));
  else if (op.instruction->opcode == ptx::Opcode::bitOr)
    bits &= (a | ~valueOf(warp, op.a, lane)) & (b | ~valueOf(warp, op.b, lane));
  return toDetail(bits, op.d);
}

uint8_t shift(const Warp &warp, const Op &op, int lane) {
  uint8_t whole = wholeElement(op.d);
  if (detailOf(warp, op.b, lane))
    return whole;
  uint64_t bits = toBits(detailOf(warp, op.a, lane) & wholeElement(op.a));
  uint64_t amount = valueOf(warp, op.b, lane);
  unsigned width = op.d.bytes * 8;
  if (op.instruction->opcode == ptx::Opcode::shl)
    return amount >= width ? 0 : toDetail(bits << amount, op.d);
  bool isSignBad = bits >> (width - 1) & 1;
  if (isSigned(op.instruction->type) && isSignBad)
    bits |= width == 64 ? 0 : ~uint64_t(0) << width;
  if (amount >= width)
    return isSigned(op.instruction->type) && isSignBad ? whole : 0;
  uint64_t fill = isSigned(op.instruction->type) && isSignBad && amount
                      ? ~uint64_t(0) << (64 - amount)
                      : 0;
  return toDetail(bits >> amount | fill, op.d);
}

uint8_t permute(const Warp &warp, const Op &op, int lane) {
  uint8_t whole = wholeElement(op.d);
  if (detailOf(warp, op.c, lane) || op.instruction->mode != ptx::Mode::none)
    return whole;
  unsigned both =
      detailOf(warp, op.a, lane) | unsigned(detailOf(warp, op.b, lane)) << 4;
  uint64_t selector = valueOf(warp, op.c, lane);
  uint8_t detail = 0;
  for (int byte = 0; byte < 4; ++byte)
    if (both >> (selector >> (4 * byte) & 7) & 1)
      detail |= 1 << byte;
  return detail;
}

uint8_t extract(const Warp &warp, const Op &op, int lane) {
  uint8_t whole = wholeElement(op.d);
  if (detailOf(warp, op.b, lane) | detailOf(warp, op.c, lane))
    return whole;
  uint64_t at = valueOf(warp, op.b, lane) & 0xff;
  uint64_t length = valueOf(warp, op.c, lane) & 0xff;
  uint64_t bits = toBits(detailOf(warp, op.a, lane) & wholeElement(op.a));
  bits = at >= 64 ? 0 : bits >> at;
  if (length < 64)
    bits &= (uint64_t(1) << length) - 1;
  if (isSigned(op.instruction->type) && bits)
    return whole;
  return toDetail(bits, op.d);
}

/// Between integers: bytes are kept, extended or dropped.
uint8_t integerConversion(const Warp &warp, const Op &op, int lane) {
  uint8_t detail = detailOf(warp, op.a, lane);
  ptx::Type from = op.instruction->type2;
  bool isCvt = op.counts && op.instruction->opcode == ptx::Opcode::cvt;
  unsigned bytes = isCvt ? bits(from) / 8 : op.a.bytes;
  uint8_t kept = detail & (bytes >= 8 ? 0xff : (1 << bytes) - 1);
  if (isCvt && op.instruction->sat)
    return anyOf(detail, wholeElement(op.d));
  bool isExtended = bytes < op.d.bytes && (kept >> (bytes - 1) & 1);
  if (isExtended && (!isCvt || isSigned(from)))
    kept |= uint8_t(0xff << bytes);
  return kept & wholeElement(op.d);
}

uint8_t halves(const Warp &warp, const Op &op, int lane) {
  if (op.instruction->opcode == ptx::Opcode::cvt) // a above b
    return anyOf(detailOf(warp, op.a, lane), 12) |
           anyOf(detailOf(warp, op.b, lane), 3);
  uint8_t detail = detailOf(warp, op.a, lane) | detailOf(warp, op.b, lane) |
                   detailOf(warp, op.c, lane);
  return anyOf(detail & 3, 3) | anyOf(detail & 12, 12);
}

uint8_t laneTaint(const Warp &warp, const Op &op, int lane) {
  switch (op.taint) {
  case Taint::copy:
    return detailOf(warp, op.a, lane);
  case Taint::logic:
    return logic(warp, op, lane);
  case Taint::shift:
    return shift(warp, op, lane);
  case Taint::choose: {
    if (detailOf(warp, op.c, lane))
      return wholeElement(op.d);
    bool first = bool(valueOf(warp, op.c, lane)) != op.negateC;
    return detailOf(warp, first ? op.a : op.b, lane);
  }
  case Taint::halves:
    return halves(warp, op, lane);
  case Taint::bytes:
    if (op.counts && op.instruction->opcode == ptx::Opcode::prmt)
      return permute(warp, op, lane);
    if (op.counts && op.instruction->opcode == ptx::Opcode::bfe)
      return extract(warp, op, lane);
    return integerConversion(warp, op, lane);
  case Taint::whole:
    break;
  }
  return anyOf(detailOf(warp, op.a, lane) | detailOf(warp, op.b, lane) |
                   detailOf(warp, op.c, lane) | detailOf(warp, op.e, lane),
               wholeElement(op.d));
}

} // namespace

void spreadTaint(Warp &warp, const Op &op, uint32_t mask) {
  uint8_t detail[laneCount] = {};
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    detail[lane] = laneTaint(warp, op, lane);
  }
  setDetail(warp, op.d, mask, detail);
}

} // namespace quipu::emulator
