//===- ExecuteMatrix.cpp - ldmatrix, stmatrix, mma, wmma --------------===//
//
// An 8 x 8 matrix of 16-bit elements is eight rows of 16 bytes, whose addresses
// lanes 8m to 8m + 7 hold for matrix m. Lane 4r + t gets elements 2t and 2t + 1
// of row r (transposed: of column r).
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Access.h"
#include "runtime/devices/emulator/Definedness.h"
#include "runtime/devices/emulator/Execute.h"

#include <bit>
#include <cstring>

namespace quipu::emulator {
namespace {

/// Whether the whole warp takes part; reported if not.
bool isWhole(Warp &warp, const Op &op, uint32_t mask) {
  if (mask == allLanes)
    return true;
  report(warp, op, Check::inactiveLane, std::countr_zero(~mask),
         "an instruction of the whole warp, reached without this lane",
         {.lanes = ~mask});
  return false;
}

/// The rows' lanes and addresses: of op.count matrices.
Access rowsOf(Warp &warp, const Op &op, bool isStore) {
  uint64_t addresses[laneCount];
  uint32_t mask = op.count == 4 ? allLanes : (uint32_t(1) << 8 * op.count) - 1;
  mask = addressesOf(warp, op, mask, addresses);
  for (int lane = 0; lane < laneCount; ++lane)
    if (op.instruction->space == ptx::Space::generic && op.hasBase)
      addresses[lane] -= sharedWindow;
  Access access = sharedAccess(warp, op, mask, addresses, 16, 16, isStore);
  if (access.mask) {
    ++warp.worker->counters.sharedAccesses;
    countBanks(warp, access.offset, access.mask, 16);
  }
  return access;
}

/// Element (row, column) of matrix m that lane l's half h is.
void position(bool isTransposed, int lane, int half, int &row, int &column) {
  row = lane / 4;
  column = lane % 4 * 2 + half;
  if (isTransposed)
    std::swap(row, column);
}

} // namespace

Flow runLoadMatrix(Warp &warp, const Op &op, uint32_t mask) {
  if (!isWhole(warp, op, mask))
    return Flow::next;
  Access access = rowsOf(warp, op, false);
  uint16_t elements[4][8][8] = {};
  uint32_t bad[4][8] = {}; // by element
  bool isDefined = true;
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    std::memcpy(elements[lane / 8][lane % 8], access.base + access.offset[lane],
                16);
    // The elements go to other lanes: the warp reads, and not this lane.
    if (noteRead(warp, op, access.place, access.offset[lane], 16, laneCount))
      continue;
    noteUndefined(warp, op, access, lane);
    isDefined = false;
    bad[lane / 8][lane % 8] =
        uint32_t(undefinedBytes(access.place, access.offset[lane], 16));
  }
  for (int m = 0; m < op.count; ++m) {
    const Row &to = warp.rows[op.firstRow + m];
    auto *values = warp.row<uint32_t>(to);
    uint8_t detail[laneCount] = {};
    for (int lane = 0; lane < laneCount; ++lane) {
      uint32_t value = 0;
      for (int half = 0; half < 2; ++half) {
        int row, column;
        position(op.instruction->trans, lane, half, row, column);
        value |= uint32_t(elements[m][row][column]) << (16 * half);
        detail[lane] |= (bad[m][row] >> (2 * column) & 3) << (2 * half);
      }
      values[lane] = value;
    }
    if (!isDefined || warp.undefined[to.slot])
      setDetail(warp, to, allLanes, detail);
  }
  return Flow::next;
}

Flow runStoreMatrix(Warp &warp, const Op &op, uint32_t mask) {
  if (!isWhole(warp, op, mask))
    return Flow::next;
  Access access = rowsOf(warp, op, true);
  uint16_t elements[4][8][8] = {};
  uint32_t bad[4][8] = {};
  for (int m = 0; m < op.count; ++m) {
    const Row &from = warp.rows[op.firstRow + m];
    for (int lane = 0; lane < laneCount; ++lane)
      for (int half = 0; half < 2; ++half) {
        int row, column;
        position(op.instruction->trans, lane, half, row, column);
        elements[m][row][column] =
            uint16_t(warp.row<uint32_t>(from)[lane] >> (16 * half));
        bad[m][row] |= (detailOf(warp, from, lane) >> (2 * half) & 3u)
                       << (2 * column);
      }
  }
  for (uint32_t rest = access.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    std::memcpy(access.base + access.offset[lane], elements[lane / 8][lane % 8],
                16);
    noteWrite(warp, op, access.place, access.offset[lane], 16, lane,
              bad[lane / 8][lane % 8]);
  }
  return Flow::next;
}

namespace {

/// Rows of D that undefined elements of A reach, columns that those of B do,
/// and elements of C: an element of D is undefined if any of them meets it.
void taintProduct(Warp &warp, const Op &op, unsigned counts[4]) {
  uint32_t badRows = 0, badColumns = 0;
  for (unsigned n = 0; n < counts[1]; ++n)
    for (uint32_t rest = warp.undefined[warp.rows[op.target + n].slot]; rest;
         rest &= rest - 1)
      badRows |= 1u << (std::countr_zero(rest) / 4 + 8 * (n & 1));
  for (unsigned n = 0; n < counts[2]; ++n)
    for (uint32_t rest = warp.undefined[warp.rows[op.reconverge + n].slot];
         rest; rest &= rest - 1)
      badColumns |= 1u << (std::countr_zero(rest) / 4);
  for (unsigned n = 0; n < counts[0]; ++n) {
    // Of four registers two share a row; of two (f16) each is a row.
    int below = counts[0] == 4 ? 8 * int(n >> 1) : 8 * int(n);
    uint32_t bad = warp.undefined[warp.rows[op.offset + n].slot];
    for (int lane = 0; lane < laneCount; ++lane) {
      bool isColumnBad = counts[0] == 4
                             ? badColumns >> (lane % 4 * 2 + (n & 1)) & 1
                             : (badColumns >> (lane % 4 * 2) & 3) != 0;
      if ((badRows >> (lane / 4 + below) & 1) || isColumnBad)
        bad |= uint32_t(1) << lane;
    }
    setTaint(warp, warp.rows[op.firstRow + n], allLanes, bad);
  }
}

/// Of wmma: D where C is, and all of it where a part of A or B is.
void taintFragment(Warp &warp, const Op &op, unsigned counts[4]) {
  bool isFactorBad = false;
  for (unsigned n = 0; n < counts[1]; ++n)
    isFactorBad |= warp.undefined[warp.rows[op.target + n].slot] ||
                   warp.undefined[warp.rows[op.reconverge + n].slot];
  for (unsigned n = 0; n < counts[0]; ++n)
    setTaint(warp, warp.rows[op.firstRow + n], allLanes,
             isFactorBad ? allLanes
                         : warp.undefined[warp.rows[op.offset + n].slot]);
}

} // namespace

Flow runMatrixMultiply(Warp &warp, const Op &op, uint32_t mask) {
  if (!isWhole(warp, op, mask))
    return Flow::next;
  const ptx::Instruction &i = *op.instruction;
  uint32_t starts[] = {op.firstRow, op.target, op.reconverge,
                       uint32_t(op.offset)};
  uint32_t *rows[4][8];
  unsigned counts[4];
  uint32_t undefined = 0;
  for (int n = 0; n < 4; ++n) {
    const ptx::Operand &operand = i.operands[n];
    counts[n] = operand.kind == ptx::OperandKind::vector ? operand.count : 1;
    for (unsigned r = 0; r < counts[n]; ++r) {
      const Row &row = warp.rows[starts[n] + r];
      rows[n][r] = warp.row<uint32_t>(row);
      undefined |= warp.undefined[row.slot];
    }
  }
  bool isFragment = i.opcode == ptx::Opcode::wmmaMma;
  if (undefined && isFragment)
    taintFragment(warp, op, counts);
  else if (undefined)
    taintProduct(warp, op, counts);
  uint32_t product[8][laneCount]; // D may be A or B
  uint32_t *to[8];
  for (int n = 0; n < 8; ++n)
    to[n] = product[n];
  op.matrix(to, rows[1], rows[2], rows[3]);
  for (unsigned r = 0; r < counts[0]; ++r)
    std::memcpy(rows[0][r], product[r], sizeof product[r]);
  ++warp.worker->counters.tensorInstructions;
  int64_t depth = int64_t(counts[1]) / 2 * (128 / int64_t(bits(i.type2)) * 1);
  warp.worker->counters.tensorMacs +=
      isFragment ? 16 * 16 * 16 : 16 * 8 * depth;
  return Flow::next;
}

} // namespace quipu::emulator
