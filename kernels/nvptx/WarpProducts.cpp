//===- WarpProducts.cpp - Products of rows in shared memory ---------------===//
//
// Rows that are 16 apart have the same swizzle, so one address a step of K
// serves all of a warp's rows, at constant distances.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/WarpProducts.h"

#include "kernels/nvptx/TensorCore.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

/// Banks of shared memory repeat after this many chunks of 16 bytes.
static constexpr int64_t bankChunks = 8;
/// By fma, a warp is 8 lanes over rows times 4 over tokens.
static constexpr int64_t rowLanes = 8, tokenLanes = 4;

Value StagedRows::offset(KernelFunction &f, Value row, Value chunk) const {
  int64_t together = std::max<int64_t>(1, bankChunks / chunks());
  int64_t mask = std::min(chunks(), bankChunks) - 1;
  Value bits =
      arith::AndIOp::create(f.b, f.divide(row, together), f.i32(int32_t(mask)));
  Value swizzled = arith::XOrIOp::create(f.b, chunk, bits);
  return f.mul(f.add(f.mul(row, chunks()), swizzled), 16);
}

WarpProducts::WarpProducts(KernelFunction &f, kernel::ScheduleAttr schedule,
                           StagedRows layout)
    : f(f), schedule(schedule), layout(layout), rows(schedule.getRowUnroll()),
      tokens(schedule.getTokenUnroll()),
      rowWarps(rows ? schedule.getRowTile() / rows : 0) {}

std::string WarpProducts::unsupported() const {
  if (rows == 0 || rows % mmaRows || schedule.getRowTile() % rows)
    return "expected row_unroll to be a multiple of 16 that divides row_tile";
  if (tokens == 0 || tokens % mmaColumns || schedule.getTokenTile() % tokens ||
      (tokens % (2 * mmaColumns) && tokens != mmaColumns))
    return "expected token_unroll to be 8 or a multiple of 16 that divides "
           "token_tile";
  if (layout.depth < 2 * mmaDepth || !llvm::isPowerOf2_64(layout.depth))
    return "expected k_tile to be a power of two from 32 on";
  if (rowWarps * (schedule.getTokenTile() / tokens) != f.warps())
    return "expected a warp for every row_unroll times token_unroll sums";
  return {};
}

int64_t WarpProducts::sums() const { return rows * tokens / warpThreads; }

void WarpProducts::prepare() {
  firstRow = f.mul(f.modulo(f.warp(), rowWarps), rows);
  firstToken = f.mul(f.divide(f.warp(), rowWarps), tokens);
  rowOffsets.clear();
  tokenOffsets.clear();
  Value zero = f.i32(0), lane = f.lane();
  auto offset = [&](Value row, Value chunk) {
    return layout.offset(f, row, chunk);
  };
  if (!tensorCores()) {
    Value row = f.add(firstRow, f.modulo(lane, rowLanes));
    Value token = f.add(firstToken, f.divide(lane, rowLanes));
    for (int64_t chunk = 0; chunk < layout.chunks(); ++chunk) {
      rowOffsets.push_back(offset(row, f.add(zero, chunk)));
      for (int64_t half = 0; half < 2; ++half)
        tokenOffsets.push_back(
            offset(f.add(token, half * tokenLanes), f.add(zero, chunk)));
    }
    return;
  }
  // Lane 8 m + r addresses row r of matrix m. Of weights, matrices 1 and 3 are
  // rows 8 to 15, matrices 2 and 3 the next chunk; of activations the other way
  // round, or four chunks of the same 8 tokens.
  Value inMatrix = f.modulo(lane, 8), matrix = f.divide(lane, 8);
  Value low = f.modulo(matrix, 2), high = f.divide(matrix, 2);
  Value row = f.add(firstRow, f.add(inMatrix, f.mul(low, 8)));
  bool narrow = tokens == mmaColumns;
  Value token = f.add(firstToken, inMatrix);
  if (!narrow)
    token = f.add(token, f.mul(high, 8));
  for (int64_t chunk = 0; chunk < layout.chunks(); chunk += 2) {
    rowOffsets.push_back(offset(row, f.add(high, chunk)));
    if (!narrow)
      tokenOffsets.push_back(offset(token, f.add(low, chunk)));
    else if (chunk % 4 == 0)
      tokenOffsets.push_back(offset(token, f.add(matrix, chunk)));
  }
}

SmallVector<Value> WarpProducts::add(Value weights, Value activations,
                                     ValueRange carried) {
  return tensorCores() ? addByTensorCores(weights, activations, carried)
                       : addByFma(weights, activations, carried);
}

/// Sum (row group i, token group j) has index i * tokens / 8 + j, four a lane.
SmallVector<Value> WarpProducts::addByTensorCores(Value weights,
                                                  Value activations,
                                                  ValueRange carried) {
  SmallVector<Value> next(carried);
  int64_t groups = tokens / mmaColumns;
  SmallVector<Value> x; // two registers a token group
  for (int64_t step = 0; step < layout.depth / mmaDepth; ++step) {
    if (groups > 1) {
      x.clear();
      Value from = f.at(activations, tokenOffsets[step]);
      for (int64_t j = 0; j < groups; j += 2)
        llvm::append_range(
            x, loadMatrices(f, f.at(from, j * mmaColumns * layout.rowBytes())));
    } else if (step % 2 == 0) {
      x = loadMatrices(f, f.at(activations, tokenOffsets[step / 2]));
    } else {
      x.erase(x.begin(), x.begin() + 2);
    }
    Value from = f.at(weights, rowOffsets[step]);
    for (int64_t i = 0; i < rows / mmaRows; ++i) {
      SmallVector<Value> w =
          loadMatrices(f, f.at(from, i * mmaRows * layout.rowBytes()));
      for (int64_t j = 0; j < groups; ++j) {
        auto sum = MutableArrayRef(next).slice((i * groups + j) * 4, 4);
        llvm::copy(multiply(f, schedule.getArithmetic(), w,
                            {x[2 * j], x[2 * j + 1]},
                            ValueRange(ArrayRef<Value>(sum))),
                   sum.begin());
      }
    }
  }
  return next;
}

/// Sum (i, j) of a lane has index i * tokens / 4 + j.
SmallVector<Value> WarpProducts::addByFma(Value weights, Value activations,
                                          ValueRange carried) {
  SmallVector<Value> next(carried);
  auto load = [&](Value base, Value offset, int64_t row) {
    Value from = f.at(f.at(base, offset), row * layout.rowBytes());
    return f.load(f.floats(4), from, 16);
  };
  for (int64_t chunk = 0; chunk < layout.chunks(); ++chunk) {
    SmallVector<Value> w, x;
    for (int64_t i = 0; i < rows / rowLanes; ++i)
      w.push_back(load(weights, rowOffsets[chunk], i * rowLanes));
    for (int64_t j = 0; j < tokens / tokenLanes; ++j)
      x.push_back(load(activations, tokenOffsets[chunk * 2 + j % 2],
                       j / 2 * 2 * tokenLanes));
    for (auto [i, row] : llvm::enumerate(w))
      for (auto [j, token] : llvm::enumerate(x))
        for (int64_t k = 0; k < 4; ++k) {
          Value &sum = next[i * x.size() + j];
          sum = f.fma(f.slice(row, k, 1), f.slice(token, k, 1), sum);
        }
  }
  return next;
}

std::pair<Value, Value> WarpProducts::place(int64_t index) {
  Value lane = f.lane();
  if (!tensorCores()) {
    int64_t each = tokens / tokenLanes;
    return {f.add(f.add(firstRow, f.modulo(lane, rowLanes)),
                  index / each * rowLanes),
            f.add(f.add(firstToken, f.divide(lane, rowLanes)),
                  index % each * tokenLanes)};
  }
  int64_t groups = tokens / mmaColumns, of4 = index % 4;
  int64_t row = index / 4 / groups * mmaRows + of4 / 2 * 8;
  int64_t token = index / 4 % groups * mmaColumns + of4 % 2;
  return {f.add(f.add(firstRow, f.divide(lane, 4)), row),
          f.add(f.add(firstToken, f.mul(f.modulo(lane, 4), 2)), token)};
}
