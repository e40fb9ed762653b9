//===- RowRuns.cpp - Neighbouring rows in shared memory -------------------===//
//
// Neighbouring threads copy neighbouring pieces of 16 bytes by cp.async:
//
//   memory   | row of team 0 | row of team 0 | row of team 1 | ...
//            | thread 0 | thread 1 | thread 2 | ...
//   shared   | the same
//
// All of a run is on its way at once. Floor: the bytes of the rows.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/RowRuns.h"

#include "kernels/nvptx/TensorCore.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

static constexpr int64_t copyBytes = RunShape::copyBytes;

/// Where run `run` begins in shared memory.
Value RowRuns::place(int64_t run) {
  int64_t before = 0;
  for (int64_t other = 0; other < run; ++other)
    before += shape.rows * shape.rowBytes[size_t(other)];
  return f.at(memory, before);
}

void RowRuns::copy(Value ofBlock, ArrayRef<Value> addresses, Value left) {
  memory = ofBlock;
  for (auto [run, address] : llvm::enumerate(addresses))
    if (shape.holds(int64_t(run)))
      copyRun(int64_t(run), address, left);
  commitCopies(f);
  awaitCopies(f, 0);
  f.barrier();
}

void RowRuns::copyRun(int64_t run, Value from, Value left) {
  int64_t row = shape.rowBytes[size_t(run)], most = shape.rows * row;
  int64_t together = copyBytes * f.threads;
  Value target = place(run), end; // null: of all rows
  if (shape.mayEndEarly)
    end = f.mul(f.minimum(left, f.i32(int32_t(shape.rows))), row);
  for (int64_t first = 0; first < most; first += together) {
    Value at = f.add(f.mul(f.thread(), copyBytes), first);
    Value bytes = end ? f.minimum(f.sub(end, at), f.i32(copyBytes)) : Value();
    auto copy = [&] {
      copyAsync(f, f.element(target, at, 1), f.element(from, at, 1), bytes);
    };
    if (end)
      f.when(f.less(at, end), copy);
    else if (first + together > most)
      f.when(f.less(at, f.i32(int32_t(most))), copy);
    else
      copy();
  }
}

Value RowRuns::row(int64_t run, Value index) {
  return f.element(place(run), index, shape.rowBytes[size_t(run)]);
}

void RowRuns::release() { f.barrier(); }
