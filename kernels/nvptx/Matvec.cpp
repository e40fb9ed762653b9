//===- Matvec.cpp - Weight rows times one row of activations --------------===//
//
// A tile is row_tile rows of one segment; its warps take row_unroll rows each
// (whole couples), and the lanes of a warp divide K:
//
//            lane 0    lane 1          lane 31   lane 0
//   row 0  |16 bytes |16 bytes | ... |16 bytes |16 bytes | ...
//   row 1  |16 bytes |16 bytes | ... |16 bytes |16 bytes | ...
//
// Every weight is read once, 512 contiguous bytes a warp and row, row_unroll
// loads of 16 bytes in flight in every lane for each step of K. Activations
// come from the caches: each lane maps the ones that it needs (and sums the
// statistic on the way), once for all rows. Nothing is shared between warps.
// Floor: the bytes of the weights.
//
// A quantized row is a block a lane, decoded by its lane from shared memory,
// where the warp has put the row as it is (StagedBlocks.h).
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/Activations.h"
#include "kernels/nvptx/ArgmaxOverThreads.h"
#include "kernels/nvptx/BlockDecoder.h"
#include "kernels/nvptx/MatvecSteps.h"
#include "kernels/nvptx/RowSegment.h"
#include "kernels/nvptx/Skeletons.h"
#include "kernels/nvptx/StagedBlocks.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Destination;

namespace {
/// A row of a weight that a warp works on.
struct WeightRow {
  Value address;
  Type stored;
  kernel::DecoderOp decoder; // null for float types
  Value staged;              // its blocks of the step, where it has a decoder
};

/// Emits the tiles of a matvec.
class MatvecEmitter {
public:
  MatvecEmitter(KernelFunction &f, kernel::MatvecOp op)
      : f(f), op(op), schedule(kernel::getSchedule(op)),
        segments(makeSegments(f, op)), activations(f, kernel::getPrologue(op)) {
  }

  LogicalResult check();
  void emit();

private:
  void emitTile(RowSegment &segment, Value rowTile, Value partial);
  SmallVector<WeightRow> rows(RowSegment &segment, Value firstCouple);
  /// Dot products of `rows`, in every lane.
  SmallVector<Value> dots(MutableArrayRef<WeightRow> rows);
  /// `sums` with the products of all of K.
  SmallVector<Value> addAll(ArrayRef<WeightRow> rows, ValueRange sums);
  SmallVector<Value> addAllStaged(MutableArrayRef<WeightRow> rows,
                                  ValueRange sums);
  SmallVector<Value> addProducts(ArrayRef<WeightRow> rows, Value at,
                                 int64_t count, ValueRange sums);
  SmallVector<Value> addPart(ArrayRef<WeightRow> rows, Value at, int64_t count,
                             int64_t from, int64_t to, ValueRange sums);
  StagedBlocks stagedBlocks(RowSegment &segment);
  MatvecSteps steps(RowSegment &segment) {
    return MatvecSteps(segment.op, schedule, activations.columns);
  }

  KernelFunction &f;
  kernel::MatvecOp op;
  kernel::ScheduleAttr schedule;
  std::vector<RowSegment> segments;
  Activations activations;
  Value token;                   // 0: the only one
  RowSegment *current = nullptr; // whose rows are read
  Value stagedMemory;            // of this warp, for any segment
};
} // namespace

LogicalResult MatvecEmitter::check() {
  if (activations.blockElements() > 1)
    return op.emitOpError() << "has no GPU code: quantized activations";
  return checkSegments(segments);
}

StagedBlocks MatvecEmitter::stagedBlocks(RowSegment &segment) {
  SmallVector<kernel::DecoderOp> decoders;
  MatvecSteps steps = this->steps(segment);
  for (int64_t i = 0; i < steps.couples; ++i)
    for (int64_t member = 0; member < segment.members; ++member)
      decoders.push_back(segment.decoder(member));
  // Tiles and heads are whole groups of couples, or nothing can be said.
  Neighbours neighbours;
  bool halves = segment.op.getCouple() == kernel::Couple::half;
  if (kernel::tileCouples(segment.op, schedule) % steps.couples == 0 &&
      (!halves || segment.outputSpacing() % steps.couples == 0))
    neighbours = {segment.op.getCouple() == kernel::Couple::interleaved
                      ? 1
                      : segment.members,
                  segment.couples % steps.couples != 0};
  return StagedBlocks(f, decoders, activations.columns,
                      steps.laneElements * warpThreads, neighbours);
}

SmallVector<WeightRow> MatvecEmitter::rows(RowSegment &segment,
                                           Value firstCouple) {
  SmallVector<WeightRow> result;
  for (int64_t i = 0; i < steps(segment).couples; ++i)
    for (int64_t member = 0; member < segment.members; ++member) {
      // The last couples stand in for ones that do not exist.
      Value couple =
          f.minimum(f.add(firstCouple, i), f.i32(int32_t(segment.couples - 1)));
      Value weight = segment.weight(member);
      auto type = cast<RankedTensorType>(weight.getType());
      int64_t bytes = rowBytes(*llama::elementType(type.getElementType()),
                               activations.columns);
      result.push_back(
          {f.element(f.pointer(weight), segment.row(member, couple), bytes),
           type.getElementType(),
           segment.decoder(member),
           {}});
    }
  return result;
}

namespace {
/// Elements [at, at + count) of a row, in pieces.
class WeightElements {
public:
  WeightElements(KernelFunction &f, const WeightRow &row, Value at,
                 int64_t count);

  /// Elements [at + first, at + first + count), as f32; for a quantized row in
  /// one block.
  SmallVector<Value> load(int64_t first, int64_t count);

private:
  KernelFunction &f;
  const WeightRow &row;
  Value from; // address of element `at` of a row of floats
  std::vector<BlockDecoder> blocks;
};
} // namespace

WeightElements::WeightElements(KernelFunction &f, const WeightRow &row,
                               Value at, int64_t count)
    : f(f), row(row) {
  if (!row.decoder) {
    from = f.element(row.address, at, row.stored.getIntOrFloatBitWidth() / 8);
    return;
  }
  int64_t each = count / blockElements(*llama::elementType(row.stored));
  Value index = f.mul(f.lane(), each);
  for (int64_t i = 0; i < each; ++i)
    blocks.emplace_back(f, row.decoder, row.staged, f.add(index, i));
}

SmallVector<Value> WeightElements::load(int64_t first, int64_t count) {
  if (row.decoder) {
    int64_t block = blocks.front().size();
    return blocks[first / block].elements(first % block, count);
  }
  int64_t bytes = row.stored.getIntOrFloatBitWidth() / 8;
  int64_t once = std::min(count, 16 / bytes);
  SmallVector<Value> elements;
  for (int64_t i = first; i < first + count; i += once) {
    Value vector =
        f.loadFloats(f.at(from, i * bytes), row.stored, once, {}, once * bytes);
    for (int64_t lane = 0; lane < once; ++lane)
      elements.push_back(f.slice(vector, lane, 1));
  }
  return elements;
}

/// `sums` (one a row, then the statistic's) with the `count` elements of K from
/// `at` on. The parts of a long block take turns in a loop, so that an
/// assembler that moves loads ahead holds one part's, and not all.
SmallVector<Value> MatvecEmitter::addProducts(ArrayRef<WeightRow> rows,
                                              Value at, int64_t count,
                                              ValueRange sums) {
  constexpr int64_t part = 32;
  if (count <= part)
    return addPart(rows, at, count, 0, count, sums);
  Value parts = f.i32(int32_t(count / part));
  return f.loop(f.i32(0), parts, 1, sums, [&](Value turn, ValueRange carried) {
    return f.dispatch(turn, count / part, carried, [&](int64_t i) {
      return addPart(rows, at, count, i * part, (i + 1) * part, carried);
    });
  });
}

/// The same for the elements [from, to) of these, 16 at a time so that no more
/// are held.
SmallVector<Value> MatvecEmitter::addPart(ArrayRef<WeightRow> rows, Value at,
                                          int64_t count, int64_t from,
                                          int64_t to, ValueRange sums) {
  SmallVector<Value> next(sums);
  std::vector<WeightElements> weights;
  for (const WeightRow &row : rows)
    weights.emplace_back(f, row, at, count);
  int64_t piece = std::min<int64_t>(count, 16);
  for (int64_t first = from; first < to; first += piece) {
    SmallVector<SmallVector<Value>> w;
    for (WeightElements &weight : weights)
      w.push_back(weight.load(first, piece));
    Value k = f.add(at, first);
    SmallVector<Value> x = activations.load(activations.row(token), k, piece);
    if (activations.hasStatistic())
      next.back() = activations.addStatistic(next.back(), x);
    x = activations.map(x, k);
    for (auto [row, elements] : llvm::enumerate(w))
      for (int64_t i = 0; i < piece; ++i)
        next[row] = f.fma(elements[i], x[i], next[row]);
  }
  return next;
}

SmallVector<Value> MatvecEmitter::addAll(ArrayRef<WeightRow> rows,
                                         ValueRange sums) {
  int64_t each = steps(*current).laneElements;
  return f.loop(f.mul(f.lane(), each), f.i32(int32_t(activations.columns)),
                each * warpThreads, sums, [&](Value at, ValueRange carried) {
                  return addProducts(rows, at, each, carried);
                });
}

/// The lanes take every step together, because they copy for each other; past
/// the end of K some have nothing to add.
SmallVector<Value> MatvecEmitter::addAllStaged(MutableArrayRef<WeightRow> rows,
                                               ValueRange sums) {
  int64_t each = steps(*current).laneElements;
  StagedBlocks blocks = stagedBlocks(*current);
  SmallVector<Value> addresses;
  for (const WeightRow &row : rows)
    addresses.push_back(row.address);
  blocks.begin(stagedMemory, addresses);
  Value steps = f.i32(int32_t(blocks.steps()));
  return f.loop(f.i32(0), steps, 1, sums, [&](Value step, ValueRange carried) {
    blocks.await(step);
    for (auto [index, row] : llvm::enumerate(rows))
      if (row.decoder)
        row.staged = blocks.row(int64_t(index), step);
    Value at = f.mul(f.add(f.mul(step, warpThreads), f.lane()), each);
    SmallVector<Value> next;
    if (activations.columns % (each * warpThreads) == 0) {
      next = addProducts(rows, at, each, carried);
    } else {
      Value inside = f.less(at, f.i32(int32_t(activations.columns)));
      auto choice = scf::IfOp::create(f.b, carried.getTypes(), inside,
                                      /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(f.b);
      f.b.setInsertionPointToStart(&choice.getThenRegion().front());
      scf::YieldOp::create(f.b, addProducts(rows, at, each, carried));
      f.b.setInsertionPointToStart(&choice.getElseRegion().front());
      scf::YieldOp::create(f.b, carried);
      next.assign(choice.getResults().begin(), choice.getResults().end());
    }
    blocks.release();
    return next;
  });
}

SmallVector<Value> MatvecEmitter::dots(MutableArrayRef<WeightRow> rows) {
  SmallVector<Value> sums(rows.size() + activations.hasStatistic(),
                          f.f32(0.0f));
  bool isStaged =
      llvm::any_of(rows, [](const WeightRow &row) { return row.decoder; });
  sums = isStaged ? addAllStaged(rows, sums) : addAll(rows, sums);
  for (Value &sum : sums)
    sum = f.sumOverLanes(sum);
  if (activations.hasStatistic()) {
    Value scale = activations.scale(sums.pop_back_val());
    for (Value &sum : sums)
      sum = arith::MulFOp::create(f.b, sum, scale);
  }
  return sums;
}

/// values[index] for an i32 that differs between lanes.
static Value pick(KernelFunction &f, ArrayRef<Value> values, Value index) {
  Value chosen = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    Value is = arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq, index,
                                     f.i32(int32_t(i)));
    chosen = arith::SelectOp::create(f.b, is, values[i], chosen);
  }
  return chosen;
}

/// Couples of the tile, dealt out to warps; lane i of a warp finishes the
/// warp's couple i. `partial` takes the best output of an argmax segment's
/// tile.
void MatvecEmitter::emitTile(RowSegment &segment, Value rowTile,
                             Value partial) {
  current = &segment;
  int64_t each = steps(segment).couples;
  int64_t inTile = kernel::tileCouples(segment.op, schedule);
  bool argmax = segment.op.getDestination() == Destination::argmax;
  Value first = f.mul(rowTile, inTile);
  Value end = f.minimum(f.add(first, inTile), f.i32(int32_t(segment.couples)));
  Candidate none = noCandidate(f);
  SmallVector<Value> best;
  if (argmax)
    best = {none.value, none.index};
  best = f.loop(
      f.add(first, f.mul(f.warp(), each)), end, each * f.warps(), best,
      [&](Value from, ValueRange carried) -> SmallVector<Value> {
        SmallVector<WeightRow> ofWarp = rows(segment, from);
        SmallVector<Value> sums = dots(ofWarp);
        SmallVector<Value> y;
        for (int64_t member = 0; member < segment.members; ++member) {
          SmallVector<Value> ofMember;
          for (int64_t i = 0; i < each; ++i)
            ofMember.push_back(sums[i * segment.members + member]);
          y.push_back(pick(f, ofMember, f.lane()));
        }
        Value couple = f.add(from, f.lane());
        Value mine = arith::AndIOp::create(
            f.b, f.less(f.lane(), f.i32(int32_t(each))), f.less(couple, end));
        if (!argmax) {
          f.when(mine, [&] { segment.epilogue(token, couple, y); });
          return {};
        }
        // The output is a number in every lane, and no candidate in most.
        Value inside = f.minimum(couple, f.i32(int32_t(segment.couples - 1)));
        Value output = segment.epilogue(token, inside, y);
        Value value = arith::SelectOp::create(f.b, mine, output, none.value);
        Value index = arith::SelectOp::create(f.b, mine, couple, none.index);
        Candidate next =
            better(f, {carried[0], carried[1]}, candidate(f, value, index));
        return {next.value, next.index};
      });
  if (!argmax)
    return;
  Candidate winner = bestOverBlock(f, {best[0], best[1]});
  Value isFirst = arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq,
                                        f.thread(), f.i32(0));
  f.when(isFirst, [&] {
    f.store(winner.value, partial, 4);
    f.store(winner.index, f.at(partial, 4), 4);
  });
}

void MatvecEmitter::emit() {
  token = f.i32(0);
  int64_t staged = 0;
  for (RowSegment &segment : segments)
    staged = std::max(staged, stagedBlocks(segment).bytes());
  if (staged)
    stagedMemory = f.element(f.shared(f.warps() * staged), f.warp(), staged);
  Value tiles = f.i32(int32_t(kernel::rowTiles(op)));
  f.forTiles(tiles, [&](Value tile) {
    int64_t before = 0;
    for (RowSegment &segment : segments) {
      int64_t count = kernel::rowTiles(segment.op, schedule);
      Value first = f.i32(int32_t(before));
      Value inSegment = arith::AndIOp::create(
          f.b,
          arith::CmpIOp::create(f.b, arith::CmpIPredicate::sge, tile, first),
          f.less(tile, f.i32(int32_t(before + count))));
      Value partial;
      if (segment.op.getDestination() == Destination::argmax)
        partial = f.element(f.partialsPointer(), tile, 8);
      f.when(inSegment,
             [&] { emitTile(segment, f.sub(tile, first), partial); });
      before += count;
    }
  });
}

LogicalResult gpu::emitMatvec(kernel::MatvecOp op, func::FuncOp kernel,
                              const GpuTarget &target, ModuleOp module) {
  int64_t threads = kernel::getSchedule(op).getThreads();
  KernelFunction f(kernel, "", threads, target, module);
  MatvecEmitter emitter(f, op);
  if (failed(emitter.check()))
    return failure();
  emitter.emit();
  f.finish();
  if (kernel::hasMerge(op))
    emitArgmaxMerge(op, kernel, target, module);
  return success();
}
