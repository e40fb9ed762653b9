//===- Matvec.cpp - Weight rows times one row of activations --------------===//
//
// A tile is row_tile rows of one segment; its teams of lanes (a warp, or part
// of one) take row_unroll rows each (whole couples), and the lanes divide K:
//
//            lane 0    lane 1          lane 31   lane 0
//   row 0  |16 bytes |16 bytes | ... |16 bytes |16 bytes | ...
//   row 1  |16 bytes |16 bytes | ... |16 bytes |16 bytes | ...
//
// Every weight is read once, 512 contiguous bytes a warp and row, row_unroll
// loads of 16 bytes in flight in every lane for each step of K. Activations
// come from the caches: each lane maps the ones that it needs (and sums the
// statistic on the way), once for all rows. Floor: the bytes of the weights.
//
// A quantized row is a block a lane, decoded by its lane from shared memory,
// where its team (StagedBlocks.h) or its block (RowRuns.h) put it as it is.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/Activations.h"
#include "kernels/nvptx/ArgmaxOverThreads.h"
#include "kernels/nvptx/MatvecSteps.h"
#include "kernels/nvptx/RowRuns.h"
#include "kernels/nvptx/RowSegment.h"
#include "kernels/nvptx/Skeletons.h"
#include "kernels/nvptx/StagedBlocks.h"
#include "kernels/nvptx/WeightElements.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Destination;

/// Elements of a block that a lane decodes at once.
static constexpr int64_t partElements = 32;

namespace {
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
  SmallVector<Value> finish(RowSegment &segment, Value from, Value end,
                            ArrayRef<Value> sums, ValueRange best);
  SmallVector<WeightRow> rows(RowSegment &segment, Value firstCouple);
  void copyRuns(RowRuns &runs, RowSegment &segment, Value firstCouple,
                MutableArrayRef<WeightRow> rows);
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
  /// This thread's team of the current segment, and its lane there (i32).
  Value team() { return f.group(steps(*current).lanes); }
  Value teamLane() { return f.lane(steps(*current).lanes); }
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
  Value stagedMemory;            // of the block, for any segment
};
} // namespace

LogicalResult MatvecEmitter::check() {
  if (activations.blockElements() > 1)
    return op.emitOpError() << "has no GPU code: quantized activations";
  return checkSegments(segments);
}

StagedBlocks MatvecEmitter::stagedBlocks(RowSegment &segment) {
  MatvecSteps steps = this->steps(segment);
  SmallVector<kernel::DecoderOp> decoders;
  for (int64_t i = 0; i < steps.couples; ++i)
    for (int64_t member = 0; member < segment.members; ++member) {
      bool isInRun = steps.runs.holds(int64_t(decoders.size()));
      decoders.push_back(isInRun ? kernel::DecoderOp()
                                 : segment.decoder(member));
    }
  return StagedBlocks(f, decoders, activations.columns, steps);
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
      Value index = segment.row(member, couple);
      result.push_back({weight,
                        index,
                        f.element(f.pointer(weight), index, bytes),
                        type.getElementType(),
                        segment.decoder(member),
                        {},
                        {}});
    }
  return result;
}

/// Copies the rows of the block's teams, the first of which has `firstCouple`;
/// `rows` are this team's.
void MatvecEmitter::copyRuns(RowRuns &runs, RowSegment &segment,
                             Value firstCouple,
                             MutableArrayRef<WeightRow> rows) {
  RunShape shape = steps(segment).runs;
  SmallVector<WeightRow> firsts = this->rows(segment, firstCouple);
  firsts.resize(shape.rowBytes.size());
  SmallVector<Value> addresses;
  for (const WeightRow &row : firsts)
    addresses.push_back(row.address);
  int64_t rowsPerCouple = segment.members / int64_t(shape.rowBytes.size());
  Value left =
      f.mul(f.sub(f.i32(int32_t(segment.couples)), firstCouple), rowsPerCouple);
  runs.copy(stagedMemory, addresses, left);
  for (auto [index, row] : llvm::enumerate(rows))
    if (shape.holds(int64_t(index))) {
      int64_t run = int64_t(index) % int64_t(firsts.size());
      row.copied = runs.row(run, f.sub(row.index, firsts[run].index));
    }
}

/// `sums` (one a row, then the statistic's) with the `count` elements of K from
/// `at` on. The parts of a long block take turns in a loop, so that an
/// assembler that moves loads ahead holds one part's, and not all.
SmallVector<Value> MatvecEmitter::addProducts(ArrayRef<WeightRow> rows,
                                              Value at, int64_t count,
                                              ValueRange sums) {
  if (count <= partElements)
    return addPart(rows, at, count, 0, count, sums);
  int64_t parts = count / partElements;
  return f.loop(f.i32(0), f.i32(int32_t(parts)), 1, sums,
                [&](Value turn, ValueRange carried) {
                  return f.dispatch(turn, parts, carried, [&](int64_t i) {
                    int64_t from = i * partElements;
                    return addPart(rows, at, count, from, from + partElements,
                                   carried);
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
    weights.emplace_back(f, row, teamLane(), at, count);
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
  MatvecSteps sizes = steps(*current);
  int64_t each = sizes.laneElements;
  return f.loop(f.mul(teamLane(), each), f.i32(int32_t(activations.columns)),
                sizes.stepElements(), sums, [&](Value at, ValueRange carried) {
                  return addProducts(rows, at, each, carried);
                });
}

/// The lanes take every step together, because they copy for each other; past
/// the end of K some have nothing to add.
SmallVector<Value> MatvecEmitter::addAllStaged(MutableArrayRef<WeightRow> rows,
                                               ValueRange sums) {
  MatvecSteps sizes = this->steps(*current);
  int64_t each = sizes.laneElements;
  StagedBlocks blocks = stagedBlocks(*current);
  if (blocks.bytes()) {
    Value ofTeams = f.at(stagedMemory, sizes.runs.bytes());
    blocks.begin(f.element(ofTeams, team(), blocks.bytes()), rows);
  }
  Value steps = f.i32(int32_t(blocks.steps()));
  return f.loop(f.i32(0), steps, 1, sums, [&](Value step, ValueRange carried) {
    if (blocks.bytes())
      blocks.await(step);
    for (auto [index, row] : llvm::enumerate(rows)) {
      if (row.copied)
        row.staged = f.element(
            row.copied, step,
            rowBytes(*llama::elementType(row.stored), sizes.stepElements()));
      else if (row.decoder)
        row.staged = blocks.row(int64_t(index), step);
    }
    Value at = f.mul(f.add(f.mul(step, sizes.lanes), teamLane()), each);
    SmallVector<Value> next;
    if (activations.columns % sizes.stepElements() == 0) {
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
    if (blocks.bytes())
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
    sum = f.sumOverLanes(sum, steps(*current).lanes);
  if (activations.hasStatistic()) {
    Value scale = activations.scale(sums.pop_back_val());
    for (Value &sum : sums)
      sum = arith::MulFOp::create(f.b, sum, scale);
  }
  return sums;
}

/// Ends the couples that a team has from `from` on, whose dot products `sums`
/// are: its lane i the i-th, if it is before `end`. Of an argmax segment
/// returns the better of `best` and the lane's output.
SmallVector<Value> MatvecEmitter::finish(RowSegment &segment, Value from,
                                         Value end, ArrayRef<Value> sums,
                                         ValueRange best) {
  int64_t each = steps(segment).couples;
  SmallVector<Value> y;
  for (int64_t member = 0; member < segment.members; ++member) {
    SmallVector<Value> ofMember;
    for (int64_t i = 0; i < each; ++i)
      ofMember.push_back(sums[i * segment.members + member]);
    y.push_back(f.pick(ofMember, teamLane()));
  }
  Value couple = f.add(from, teamLane());
  Value mine = arith::AndIOp::create(
      f.b, f.less(teamLane(), f.i32(int32_t(each))), f.less(couple, end));
  if (best.empty()) {
    f.when(mine, [&] { segment.epilogue(token, couple, y); });
    return {};
  }
  // The output is a number in every lane, and no candidate in most.
  Candidate none = noCandidate(f);
  Value inside = f.minimum(couple, f.i32(int32_t(segment.couples - 1)));
  Value output = segment.epilogue(token, inside, y);
  Value value = arith::SelectOp::create(f.b, mine, output, none.value);
  Value index = arith::SelectOp::create(f.b, mine, couple, none.index);
  Candidate next = better(f, {best[0], best[1]}, candidate(f, value, index));
  return {next.value, next.index};
}

/// Couples of the tile, dealt out to teams. Those that copy for each other take
/// every turn together; past the end of the tile some have nothing to add.
/// `partial` takes the best output of an argmax segment's tile.
void MatvecEmitter::emitTile(RowSegment &segment, Value rowTile,
                             Value partial) {
  current = &segment;
  MatvecSteps sizes = steps(segment);
  int64_t inTile = kernel::tileCouples(segment.op, schedule);
  Value first = f.mul(rowTile, inTile);
  Value end = f.minimum(f.add(first, inTile), f.i32(int32_t(segment.couples)));
  Value ofTeam = f.mul(team(), sizes.couples);
  bool together = sizes.takeTurnsTogether(), copies = !sizes.runs.empty();
  RowRuns runs(f, sizes.runs);
  SmallVector<Value> best;
  if (segment.op.getDestination() == Destination::argmax) {
    Candidate none = noCandidate(f);
    best = {none.value, none.index};
  }
  best = f.loop(together ? first : f.add(first, ofTeam), end,
                sizes.couples * sizes.teams, best,
                [&](Value turn, ValueRange carried) {
                  Value from = together ? f.add(turn, ofTeam) : turn;
                  SmallVector<WeightRow> weights = rows(segment, from);
                  if (copies)
                    copyRuns(runs, segment, turn, weights);
                  SmallVector<Value> sums = dots(weights);
                  if (copies)
                    runs.release();
                  return finish(segment, from, end, sums, carried);
                });
  if (best.empty())
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
  bool ofBlock = false, ofTeams = false; // who copies
  bool decodesAtOnce = true;             // each lane its whole block
  for (RowSegment &segment : segments) {
    int64_t runs = steps(segment).runs.bytes();
    int64_t blocks = steps(segment).teams * stagedBlocks(segment).bytes();
    ofBlock |= runs > 0;
    ofTeams |= blocks > 0;
    decodesAtOnce &= steps(segment).laneElements <= partElements;
    staged = std::max(staged, runs + blocks);
  }
  if (staged)
    stagedMemory = f.shared(staged);
  // An assembler left to itself takes 96 registers and spills what is beyond.
  if (staged && decodesAtOnce)
    f.askForBlocks(4);
  Value tiles = f.i32(int32_t(kernel::rowTiles(op)));
  f.forTiles(tiles, [&](Value tile) {
    if (ofBlock && ofTeams)
      f.barrier(); // teams may still read what they copied of another segment
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
