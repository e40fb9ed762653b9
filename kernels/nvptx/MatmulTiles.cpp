//===- MatmulTiles.cpp - The tiles of a matmul on a GPU -------------------===//
//
// Nothing is loaded or computed under a mask: what lies past an end is replaced
// by its last neighbour, and activations past K by 0.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/MatmulTiles.h"

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/ArgmaxOverThreads.h"
#include "kernels/nvptx/BlockMemory.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Destination;

MatmulTiles::MatmulTiles(KernelFunction &f, kernel::MatmulOp op)
    : f(f), op(op), schedule(kernel::getSchedule(op)),
      segments(makeSegments(f, op)), activations(f, kernel::getPrologue(op)),
      columns(activations.columns), stride(sumStride(schedule.getRowTile())) {}

LogicalResult MatmulTiles::check() {
  if (activations.blockElements() > 1)
    return op.emitOpError() << "has no GPU code: quantized activations";
  return checkSegments(segments);
}

void MatmulTiles::forTiles(llvm::function_ref<void(const MatmulTile &)> body) {
  bool rows = op.getDomain() == kernel::Domain::rows;
  Value leading = f.dim(rows ? Dim::rows : Dim::tokens);
  int64_t tokenTile = schedule.getTokenTile();
  Value tokenTiles = f.divide(f.add(leading, tokenTile - 1), tokenTile);
  // Blocks that run together share rows: token tiles come first.
  Value tiles = f.mul(tokenTiles, kernel::rowTiles(op));
  f.forTiles(tiles, [&](Value tile) {
    Value rowTile = arith::DivUIOp::create(f.b, tile, tokenTiles);
    Value firstToken =
        f.mul(f.sub(tile, f.mul(rowTile, tokenTiles)), tokenTile);
    Value count =
        f.minimum(f.i32(int32_t(tokenTile)), f.sub(leading, firstToken));
    int64_t before = 0;
    for (RowSegment &segment : segments) {
      int64_t couples = kernel::tileCouples(segment.op, schedule);
      int64_t first = before;
      before += kernel::rowTiles(segment.op, schedule);
      auto emit = [&] {
        Value inSegment = f.add(rowTile, -first);
        body({segment, couples, f.mul(inSegment, couples), rowTile, firstToken,
              count});
      };
      if (segments.size() == 1) {
        emit();
        continue;
      }
      Value inside = f.less(rowTile, f.i32(int32_t(before)));
      if (first > 0)
        inside = arith::AndIOp::create(
            f.b, inside,
            arith::CmpIOp::create(f.b, arith::CmpIPredicate::sge, rowTile,
                                  f.i32(int32_t(first))));
      f.when(inside, emit);
    }
  });
}

//===----------------------------------------------------------------------===//
// What a tile reads
//===----------------------------------------------------------------------===//

Value MatmulTiles::weightIndex(const MatmulTile &tile, int64_t member,
                               Value couple) {
  RowSegment &segment = tile.segment;
  couple = f.add(tile.firstCouple, couple);
  couple = f.minimum(couple, f.i32(int32_t(segment.couples - 1)));
  return segment.row(member, couple);
}

Value MatmulTiles::weightRow(const MatmulTile &tile, int64_t member,
                             Value couple) {
  Value weight = tile.segment.weight(member);
  auto type = cast<RankedTensorType>(weight.getType());
  int64_t bytes = rowBytes(*llama::elementType(type.getElementType()), columns);
  return f.element(f.pointer(weight), weightIndex(tile, member, couple), bytes);
}

Value MatmulTiles::activationRow(const MatmulTile &tile, Value token) {
  Value inside = f.minimum(token, f.add(tile.count, -1));
  return activations.row(f.add(tile.firstToken, inside));
}

int64_t MatmulTiles::pieceElements() const {
  return std::min<int64_t>(runElements, columns & -columns);
}

void MatmulTiles::place(ActivationRun &run, Value k, bool mayPass) {
  int64_t piece = pieceElements();
  for (int64_t first = 0; first < runElements; first += piece) {
    Value at = f.add(k, first);
    if (mayPass) {
      run.inside.push_back(f.less(at, f.i32(int32_t(columns))));
      at = f.minimum(at, f.i32(int32_t(columns - piece)));
    }
    run.at.push_back(at);
  }
}

ActivationRun MatmulTiles::loadRun(Value row, Value k, bool mayPass) {
  ActivationRun run;
  place(run, k, mayPass);
  for (Value at : run.at)
    llvm::append_range(run.x, activations.load(row, at, pieceElements()));
  return run;
}

SmallVector<Value> MatmulTiles::mapRun(const ActivationRun &run,
                                       Value &statistic, bool zero) {
  int64_t piece = pieceElements();
  SmallVector<Value> mapped;
  for (auto [i, at] : llvm::enumerate(run.at)) {
    auto x = ArrayRef(run.x).slice(i * piece, piece);
    Value inside = run.inside.empty() ? Value() : run.inside[i];
    if (statistic) {
      Value added = activations.addStatistic(statistic, x);
      statistic = inside
                      ? arith::SelectOp::create(f.b, inside, added, statistic)
                            .getResult()
                      : added;
    }
    for (Value value : activations.map(x, at)) {
      if (inside && zero)
        value = arith::SelectOp::create(f.b, inside, value, f.f32(0.0f));
      mapped.push_back(value);
    }
  }
  return mapped;
}

SmallVector<Value> MatmulTiles::loadWeights(Value row, Type stored, Value k) {
  int64_t piece = pieceElements();
  int64_t bytes = stored.getIntOrFloatBitWidth() / 8;
  int64_t once = std::min(piece, 16 / bytes);
  ActivationRun run;
  place(run, k, /*mayPass=*/true);
  SmallVector<Value> values;
  for (auto [i, at] : llvm::enumerate(run.at))
    for (int64_t first = 0; first < piece; first += once) {
      Value from = f.element(row, f.add(at, first), bytes);
      Value vector = f.loadFloats(from, stored, once, {}, once * bytes);
      for (int64_t j = 0; j < once; ++j)
        values.push_back(arith::SelectOp::create(
            f.b, run.inside[i], f.slice(vector, j, 1), f.f32(0.0f)));
    }
  return values;
}

//===----------------------------------------------------------------------===//
// What becomes of its sums
//===----------------------------------------------------------------------===//

int64_t MatmulTiles::sumsBytes(int64_t splits) const {
  return splits * sumBytes(schedule.getRowTile(), schedule.getTokenTile());
}

int64_t MatmulTiles::statisticsBytes(int64_t splits) const {
  return splits * statisticBytes(schedule.getTokenTile());
}

Value MatmulTiles::sumAt(const TileSums &sums, Value split, Value token,
                         Value row) {
  Value line = f.add(f.mul(split, schedule.getTokenTile()), token);
  return f.element(sums.products, f.add(f.mul(line, stride), row), 4);
}

Value MatmulTiles::couplesIn(const MatmulTile &tile) {
  Value couples = f.i32(int32_t(tile.couples));
  if (tile.segment.couples % tile.couples == 0)
    return couples;
  Value left = f.sub(f.i32(int32_t(tile.segment.couples)), tile.firstCouple);
  return f.minimum(couples, left);
}

/// The sum over splits, `bytes` apart, of the f32 at `first`.
static Value sumOverSplits(KernelFunction &f, Value first, int64_t bytes,
                           int64_t splits) {
  Value sum = f.load(f.floats(1), first, 4);
  for (int64_t split = 1; split < splits; ++split) {
    Value other = f.load(f.floats(1), f.at(first, split * bytes), 4);
    sum = arith::AddFOp::create(f.b, sum, other);
  }
  return sum;
}

void MatmulTiles::finishCouple(const MatmulTile &tile, const TileSums &sums,
                               Value token, Value couple) {
  Value first = sumAt(sums, f.i32(0), token, couple);
  SmallVector<Value> y;
  for (int64_t member = 0; member < tile.segment.members; ++member)
    y.push_back(sumOverSplits(f, f.at(first, member * tile.couples * 4),
                              sumsBytes(1), sums.splits));
  if (activations.hasStatistic()) {
    Value statistic = sumOverSplits(f, f.element(sums.statistics, token, 4),
                                    statisticsBytes(1), sums.splits);
    Value scale = activations.scale(statistic);
    for (Value &value : y)
      value = arith::MulFOp::create(f.b, value, scale);
  }
  Value output = tile.segment.epilogue(f.add(tile.firstToken, token),
                                       f.add(tile.firstCouple, couple), y);
  if (output) // of argmax; no other thread reads what stood there
    f.store(output, first, 4);
}

/// Leaves the best of the outputs that stand in `sums` as partial results, a
/// token a warp.
void MatmulTiles::keepBest(const MatmulTile &tile, const TileSums &sums) {
  f.barrier();
  Value couples = couplesIn(tile);
  f.loop(f.warp(), tile.count, f.warps(), [&](Value token) {
    Candidate none = noCandidate(f);
    SmallVector<Value> best = f.loop(
        f.lane(), couples, warpThreads, {none.value, none.index},
        [&](Value couple, ValueRange was) -> SmallVector<Value> {
          Value value =
              f.load(f.floats(1), sumAt(sums, f.i32(0), token, couple), 4);
          Candidate mine = candidate(f, value, f.add(tile.firstCouple, couple));
          Candidate next = better(f, {was[0], was[1]}, mine);
          return {next.value, next.index};
        });
    Candidate winner = bestOverWarp(f, {best[0], best[1]});
    Value row = f.mul(f.add(tile.firstToken, token), kernel::rowTiles(op));
    Value partial = f.element(f.partialsPointer(), f.add(row, tile.rowTile), 8);
    Value first = arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq, f.lane(),
                                        f.i32(0));
    f.when(first, [&] {
      f.store(winner.value, partial, 4);
      f.store(winner.index, f.at(partial, 4), 4);
    });
  });
}

void MatmulTiles::finish(const MatmulTile &tile, const TileSums &sums) {
  bool ragged = tile.segment.couples % tile.couples != 0;
  Value couples = couplesIn(tile);
  Value items = f.mul(tile.count, tile.couples);
  f.loop(f.thread(), items, f.threads, [&](Value item) {
    Value token = f.divide(item, tile.couples);
    Value couple = f.modulo(item, tile.couples);
    if (ragged)
      f.when(f.less(couple, couples),
             [&] { finishCouple(tile, sums, token, couple); });
    else
      finishCouple(tile, sums, token, couple);
  });
  if (tile.segment.op.getDestination() == Destination::argmax)
    keepBest(tile, sums);
  f.barrier(); // the next tile overwrites the sums
}
