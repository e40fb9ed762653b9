//===- StreamedMatmul.cpp - Matmul of few tokens on a GPU -----------------===//
//
// A tile is row_tile rows times up to 8 tokens. Weights of 16 bits go from
// memory straight into the registers that mma.sync reads them from: with
// g = lane / 4 and t = lane % 4, a lane loads
//
//                 K: 0          8         16        24        32
//     row g      :  |  t = 0   |  t = 1  |  t = 2  |  t = 3  |   16 bytes each
//     row g + 8  :  |  t = 0   |  t = 1  |  t = 2  |  t = 3  |
//     token g    :  |  t = 0   |  t = 1  |  t = 2  |  t = 3  |   converted
//
// A sum does not depend on the order of K, so these 32 elements are taken for
// two steps of 16 in whatever order the fragments have: elements 0-3 of every
// lane, then 4-7. Four lanes read 64 contiguous bytes: whole sectors, once.
//
// A warp holds row_unroll rows; what is left of the block's warps divides K,
// k_tile elements a warp and step. While a step is multiplied, the loads of the
// next are in flight: row_unroll * k_tile * 2 bytes a warp. Activations come
// from the caches and are mapped and converted by the warp that needs them (no
// warp of a row group needs another's), the statistic is summed on the way.
// Nothing goes through shared memory but sums: one barrier after the loop makes
// them visible to the epilogue, one after the epilogue frees them.
//
// The couple of two rows is kept in rows g and g + 8. Floor: the bytes of the
// weights.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/Matmul.h"
#include "kernels/nvptx/MatmulTiles.h"
#include "kernels/nvptx/TensorCore.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Arithmetic;

/// Elements of K that the lanes of a row load at once.
static constexpr int64_t chunkElements = 4 * runElements;
/// Registers that a thread should have: what is left of the 65,536 of a
/// multiprocessor for each of 12 warps, in whole eights.
static constexpr int64_t threadRegisters = 168;

namespace {
/// Emits the tiles of a matmul of few tokens.
class StreamedMatmul {
public:
  StreamedMatmul(MatmulTiles &tiles);

  LogicalResult check();
  void emitTile(const MatmulTile &tile);

private:
  /// Where a lane's rows are, and which token's activations it prepares.
  struct Lane {
    SmallVector<Value> rows; // addresses, two a group of 16
    SmallVector<Type> stored;
    Value activations;
  };

  Lane place(const MatmulTile &tile);
  /// Couple in the tile of half `half` of group `group`.
  Value couple(const MatmulTile &tile, int64_t group, int64_t half);
  /// First element of K of a lane in `step` (i32).
  Value start(Value step);
  Value lastStart();
  SmallVector<Value> load(const Lane &lane, Value step);
  /// `carried` (sums, then the statistic) after `step`, whose weights are
  /// `weights`.
  SmallVector<Value> compute(const Lane &lane, Value step, ValueRange weights,
                             ValueRange carried);
  void storeSums(const MatmulTile &tile, ValueRange carried);

  MatmulTiles &tiles;
  KernelFunction &f;
  Arithmetic arithmetic;
  int64_t groups;           // of 16 rows in a warp
  int64_t rowWarps, splits; // warps over rows, over K
  int64_t chunks;           // of 32 elements in a step of a warp
  int64_t steps;
  bool mayPass; // steps run past K
  Value group, inGroup, rowWarp, split;
  TileSums sums;
};
} // namespace

StreamedMatmul::StreamedMatmul(MatmulTiles &tiles)
    : tiles(tiles), f(tiles.f), arithmetic(tiles.schedule.getArithmetic()),
      groups(tiles.schedule.getRowUnroll() / mmaRows),
      chunks(tiles.schedule.getKTile() / chunkElements) {}

gpu::StreamedSteps::StreamedSteps(kernel::ScheduleAttr schedule,
                                  int64_t columns)
    : rowWarps(schedule.getRowTile() / schedule.getRowUnroll()),
      splits(schedule.getThreads() / warpThreads / rowWarps) {
  int64_t together = splits * schedule.getKTile();
  steps = llvm::divideCeil(columns, together);
  mayPass = steps * together != columns;
}

LogicalResult StreamedMatmul::check() {
  kernel::ScheduleAttr schedule = tiles.schedule;
  auto refuse = [&](const Twine &why) {
    return tiles.op.emitOpError() << "cannot stream weights: " << why;
  };
  if (arithmetic == Arithmetic::f32)
    return refuse("expected arithmetic in 16 bits, found f32");
  if (schedule.getTokenTile() != mmaColumns)
    return refuse("expected token_tile = 8");
  if (tiles.columns % runElements)
    return refuse("expected rows of a multiple of 8 elements, found " +
                  Twine(tiles.columns));
  int64_t rowUnroll = schedule.getRowUnroll();
  if (rowUnroll == 0 || rowUnroll % mmaRows ||
      schedule.getRowTile() % rowUnroll)
    return refuse("expected row_unroll to be a multiple of 16 that divides "
                  "row_tile");
  if (chunks == 0 || schedule.getKTile() % chunkElements)
    return refuse("expected k_tile to be a multiple of 32");
  rowWarps = schedule.getRowTile() / rowUnroll;
  if (f.warps() % rowWarps)
    return refuse("expected row_tile / row_unroll to divide the warps");
  for (RowSegment &segment : tiles.segments)
    for (Value weight : segment.op.getWeights()) {
      Type type = cast<RankedTensorType>(weight.getType()).getElementType();
      if (!type.isF16() && !type.isBF16())
        return refuse("expected weights of 16 bits");
    }
  StreamedSteps divided(schedule, tiles.columns);
  splits = divided.splits;
  steps = divided.steps;
  mayPass = divided.mayPass;
  return success();
}

Value StreamedMatmul::couple(const MatmulTile &tile, int64_t group,
                             int64_t half) {
  int64_t each = mmaRows / tile.segment.members;
  Value first = f.add(f.mul(rowWarp, groups * each), group * each);
  bool second = half == 1 && tile.segment.members == 1;
  return f.add(f.add(first, this->group), second ? mmaRows / 2 : 0);
}

StreamedMatmul::Lane StreamedMatmul::place(const MatmulTile &tile) {
  Lane lane;
  for (int64_t i = 0; i < groups; ++i)
    for (int64_t half = 0; half < 2; ++half) {
      int64_t member = tile.segment.members == 2 ? half : 0;
      lane.rows.push_back(tiles.weightRow(tile, member, couple(tile, i, half)));
      Type type = tile.segment.weight(member).getType();
      lane.stored.push_back(cast<RankedTensorType>(type).getElementType());
    }
  lane.activations = tiles.activationRow(tile, group);
  return lane;
}

Value StreamedMatmul::start(Value step) {
  Value warpStep = f.add(f.mul(step, splits), split);
  return f.add(f.mul(warpStep, chunks * chunkElements),
               f.mul(inGroup, runElements));
}

/// What stands in for a start past K: two lanes share the last sector of a row
/// whose bytes are whole sectors.
Value StreamedMatmul::lastStart() {
  if (tiles.columns % (2 * runElements))
    return f.i32(int32_t(tiles.columns - runElements));
  return f.add(f.mul(f.modulo(inGroup, 2), runElements),
               tiles.columns - 2 * runElements);
}

SmallVector<Value> StreamedMatmul::load(const Lane &lane, Value step) {
  auto registers = VectorType::get({4}, f.b.getI32Type());
  Value first = start(step), last = lastStart();
  SmallVector<Value> weights;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    Value at = f.add(first, chunk * chunkElements);
    if (mayPass) // products with activations of 0
      at = f.minimum(at, last);
    for (Value row : lane.rows) {
      Value from =
          mayPass ? f.element(row, at, 2)
                  : f.at(f.element(row, first, 2), chunk * chunkElements * 2);
      auto load = LLVM::LoadOp::create(f.b, registers, from, /*alignment=*/16);
      load.setInvariant(true);
      weights.push_back(load);
    }
  }
  return weights;
}

/// The four registers of `weights`, in the type that products are formed in.
static SmallVector<Value> fragments(KernelFunction &f, Value weights,
                                    Type stored, Arithmetic arithmetic) {
  SmallVector<Value> result;
  if (stored.isF16() == (arithmetic == Arithmetic::f16)) {
    for (int64_t i = 0; i < 4; ++i)
      result.push_back(f.slice(weights, i, 1));
    return result;
  }
  Value floats = f.widen(LLVM::BitcastOp::create(
      f.b, VectorType::get({runElements}, stored), weights));
  for (int64_t i = 0; i < runElements; ++i)
    result.push_back(f.slice(floats, i, 1));
  return packPairs(f, result, arithmetic);
}

SmallVector<Value> StreamedMatmul::compute(const Lane &lane, Value step,
                                           ValueRange weights,
                                           ValueRange carried) {
  SmallVector<Value> next(carried);
  Value none;
  Value &statistic = tiles.activations.hasStatistic() ? next[groups * 4] : none;
  Value first = start(step);
  SmallVector<ActivationRun> runs;
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    runs.push_back(tiles.loadRun(lane.activations,
                                 f.add(first, chunk * chunkElements), mayPass));
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    SmallVector<Value> x = packPairs(
        f, tiles.mapRun(runs[chunk], statistic, /*zero=*/true), arithmetic);
    for (int64_t i = 0; i < groups; ++i) {
      SmallVector<SmallVector<Value>> w;
      for (int64_t half = 0; half < 2; ++half) {
        int64_t row = 2 * i + half;
        w.push_back(fragments(f, weights[chunk * groups * 2 + row],
                              lane.stored[row], arithmetic));
      }
      auto sum = MutableArrayRef(next).slice(i * 4, 4);
      for (int64_t k = 0; k < 4; k += 2)
        llvm::copy(multiply(f, arithmetic,
                            {w[0][k], w[1][k], w[0][k + 1], w[1][k + 1]},
                            {x[k], x[k + 1]}, ValueRange(ArrayRef<Value>(sum))),
                   sum.begin());
    }
  }
  return next;
}

void StreamedMatmul::storeSums(const MatmulTile &tile, ValueRange carried) {
  for (int64_t i = 0; i < groups; ++i)
    for (int64_t half = 0; half < 2; ++half) {
      Value row = couple(tile, i, half);
      if (half == 1 && tile.segment.members == 2)
        row = f.add(row, tile.couples);
      for (int64_t token = 0; token < 2; ++token) {
        Value to =
            tiles.sumAt(sums, split, f.add(f.mul(inGroup, 2), token), row);
        f.store(carried[i * 4 + half * 2 + token], to, 4);
      }
    }
  if (!tiles.activations.hasStatistic())
    return;
  Value statistic = f.sumOverLanes(carried[groups * 4], 4);
  Value line = f.add(f.mul(split, mmaColumns), group);
  // One lane for each token and split.
  Value others = f.add(inGroup, rowWarp);
  Value first =
      arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq, others, f.i32(0));
  f.when(first,
         [&] { f.store(statistic, f.element(sums.statistics, line, 4), 4); });
}

void StreamedMatmul::emitTile(const MatmulTile &tile) {
  if (!sums.products)
    sums = {splits, f.shared(tiles.sumsBytes(splits)),
            f.shared(tiles.statisticsBytes(splits))};
  group = f.divide(f.lane(), 4);
  inGroup = f.modulo(f.lane(), 4);
  rowWarp = f.modulo(f.warp(), rowWarps);
  split = f.divide(f.warp(), rowWarps);
  Lane lane = place(tile);
  SmallVector<Value> carried(groups * 4 + tiles.activations.hasStatistic(),
                             f.f32(0.0f));
  size_t sumCount = carried.size();
  llvm::append_range(carried, load(lane, f.i32(0)));
  carried = f.loop(f.i32(0), f.i32(int32_t(steps - 1)), 1, carried,
                   [&](Value step, ValueRange values) {
                     SmallVector<Value> weights = load(lane, f.add(step, 1));
                     SmallVector<Value> next =
                         compute(lane, step, values.drop_front(sumCount),
                                 values.take_front(sumCount));
                     llvm::append_range(next, weights);
                     return next;
                   });
  ValueRange last(carried);
  storeSums(tile,
            compute(lane, f.i32(int32_t(steps - 1)), last.drop_front(sumCount),
                    last.take_front(sumCount)));
  f.barrier();
  tiles.finish(tile, sums);
}

LogicalResult gpu::emitStreamedMatmul(MatmulTiles &tiles) {
  StreamedMatmul emitter(tiles);
  if (failed(emitter.check()))
    return failure();
  // Left to itself, ptxas makes room for up to 1,000 threads, spills for it,
  // and lacks the registers for the weights on their way. 12 warps have 48 KiB.
  int64_t warps =
      tiles.f.target.limits.registers / threadRegisters / warpThreads;
  tiles.f.askForBlocks(std::max<int64_t>(1, warps / tiles.f.warps()));
  tiles.forTiles([&](const MatmulTile &tile) { emitter.emitTile(tile); });
  return success();
}
