//===- RowWindows.cpp - Steps of quantized rows, in sectors ---------------===//
//
// Sizes of windows follow from where rows and steps can begin in a sector:
// multiples of what divides a sector, a row and a step.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/RowWindows.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <numeric>

using namespace quipu;
using namespace quipu::gpu;

static int64_t wholeSectors(int64_t bytes) {
  return int64_t(
      llvm::alignTo(uint64_t(bytes), uint64_t(RowWindows::sectorBytes)));
}

int64_t RowWindows::stepBytes() const {
  return quipu::rowBytes(type, std::min(stepElements, columns));
}

int64_t RowWindows::steps() const {
  return llvm::divideCeil(columns, stepElements);
}

/// All steps of all rows begin at multiples of this in a sector.
static int64_t granule(const RowWindows &windows) {
  int64_t ofRows = std::gcd(RowWindows::sectorBytes, windows.rowBytes());
  return windows.steps() > 1 ? std::gcd(ofRows, windows.stepBytes()) : ofRows;
}

bool RowWindows::areExact() const { return granule(*this) == sectorBytes; }

int64_t RowWindows::bytes() const {
  return wholeSectors(sectorBytes - granule(*this) + stepBytes());
}

int64_t RowWindows::copiedBytes(int64_t row, int64_t rows) const {
  int64_t behind = std::min(rows - 1 - row, reachedRows) * rowBytes();
  int64_t bytes = 0;
  for (int64_t step = 0; step < steps(); ++step) {
    int64_t from = step * stepBytes();
    int64_t to = std::min(from + stepBytes(), rowBytes());
    int64_t inSector = (row * rowBytes() + from) % sectorBytes;
    bytes += std::min(wholeSectors(inSector + to - from),
                      inSector + rowBytes() - from + behind);
  }
  return bytes;
}

int64_t RowWindows::copiedBytes(int64_t rows) const {
  // So many rows are whole sectors, and those after them begin like them.
  int64_t period = sectorBytes / std::gcd(sectorBytes, rowBytes());
  int64_t last = std::max<int64_t>(0, rows - reachedRows), bytes = 0;
  for (int64_t row = 0; row < std::min(period, last); ++row)
    bytes += llvm::divideCeil(last - row, period) * copiedBytes(row, rows);
  for (int64_t row = last; row < rows; ++row)
    bytes += copiedBytes(row, rows);
  return bytes;
}
