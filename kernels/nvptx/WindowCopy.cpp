//===- WindowCopy.cpp - A window of a quantized row -----------------------===//
//
// Neighbouring threads copy neighbouring pieces by cp.async. A row that does
// not begin with a sector has its window begin before it. Floor: the sectors
// that hold the row.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/WindowCopy.h"

#include "kernels/nvptx/TensorCore.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

/// Factors are reduced first: rows may lie beyond 2^31 bytes.
Value WindowCopy::before() {
  if (rows.areExact())
    return f.i32(0);
  constexpr int64_t sector = RowWindows::sectorBytes;
  Value ofRow = f.mul(f.modulo(row, sector), rows.rowBytes() % sector);
  Value ofStep = f.mul(f.modulo(window, sector), rows.stepBytes() % sector);
  return f.modulo(f.add(ofRow, ofStep), sector);
}

void WindowCopy::start(Value tensor, Value target, Value lane, int64_t lanes,
                       int64_t width) {
  constexpr int64_t sector = RowWindows::sectorBytes;
  int64_t together = width * lanes;
  int64_t tensorRows = cast<RankedTensorType>(tensor.getType()).getDimSize(0);
  int64_t tensorBytes = tensorRows * rows.rowBytes();
  Value before = this->before();
  Value source = f.element(f.pointer(tensor), row, rows.rowBytes());
  source = f.element(source, window, rows.stepBytes());
  source = f.element(source, f.sub(f.i32(0), before), 1);
  // Ends of the row, the step and the tensor, from the start of the window on.
  Value rowEnd = f.add(before, f.sub(f.i32(int32_t(rows.rowBytes())),
                                     f.mul(window, rows.stepBytes())));
  Value stepEnd =
      f.minimum(f.add(before, f.i32(int32_t(rows.stepBytes()))), rowEnd);
  Value behind = f.minimum(f.sub(f.i32(int32_t(tensorRows - 1)), row),
                           f.i32(RowWindows::reachedRows));
  Value tensorEnd = f.add(rowEnd, f.mul(behind, rows.rowBytes()));
  bool isWhole = rows.areExact() && rows.columns % rows.stepElements == 0;
  for (int64_t first = 0; first < rows.bytes(); first += together) {
    Value at = f.add(f.mul(lane, width), first);
    Value inside; // null: all lanes are
    if (!isWhole)
      inside = f.less(f.mul(f.divide(at, sector), sector), stepEnd);
    else if (first + together > rows.bytes())
      inside = f.less(at, f.i32(int32_t(rows.bytes())));
    Value bytes; // null: a whole piece
    if (tensorBytes % sector)
      inside = arith::AndIOp::create(f.b, inside, f.less(at, tensorEnd));
    if (tensorBytes % width)
      bytes = f.minimum(f.sub(tensorEnd, at), f.i32(int32_t(width)));
    auto copy = [&] {
      copyAsync(f, f.element(target, at, 1), f.element(source, at, 1), bytes,
                width);
    };
    if (inside)
      f.when(inside, copy);
    else
      copy();
  }
}
