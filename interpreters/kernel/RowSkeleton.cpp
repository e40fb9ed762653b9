//===- RowSkeleton.cpp - Running matvec, matmul and rowwise ---------------===//
//
// Prepares the activations once, then takes tiles in the numbering of Tiling.h:
// a tile decodes its weight rows, forms dot products for its tokens and hands
// couples to the epilogue. Argmax leaves a candidate a tile, merged at the end.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "interpreters/kernel/Payload.h"
#include "interpreters/kernel/Skeletons.h"
#include "interpreters/kernel/WeightRow.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::kernel;

namespace {

/// The best output of one token in one tile; index -1 where there is none.
struct Candidate {
  double value = 0;
  int64_t index = -1;

  /// Keeps the larger value, and of equals the lower index.
  void merge(Candidate other) {
    if (other.index < 0)
      return;
    bool better = index < 0 || other.value > value ||
                  (other.value == value && other.index < index);
    if (better)
      *this = other;
  }
};

/// A segment with what it writes and what it has read of its operands.
struct SegmentRun {
  SegmentOp op;
  DenseTensor result;                // destination result
  std::vector<Candidate> candidates; // argmax: (T, tiles of the skeleton)
  SmallVector<std::vector<double>> columns;
  SmallVector<DecoderOp> decoders; // one a weight
};

/// A part of the work: couples of a segment for a range of tokens.
struct Tile {
  int64_t row; // number of the row tile in the skeleton
  int64_t firstCouple, lastCouple;
  int64_t firstToken, lastToken;
};

class RowSkeleton {
public:
  RowSkeleton(Operation *skeleton, const Frame &frame)
      : skeleton(skeleton), frame(frame), schedule(frame.schedule(skeleton)) {}

  FailureOr<std::vector<StepValue>> run();

private:
  LogicalResult prepare(PrologueOp prologue);
  LogicalResult prepareRow(PrologueOp prologue, int64_t t, int64_t source,
                           DecoderOp decoder,
                           ArrayRef<std::vector<double>> columns);
  LogicalResult start();
  LogicalResult runTile(int64_t tile);
  LogicalResult runSegment(SegmentRun &run, const Tile &tile);
  FailureOr<SmallVector<WeightRow>> readWeights(SegmentRun &run,
                                                ArrayRef<int64_t> outputs);
  FailureOr<SmallVector<double>> arguments(const SegmentRun &run, int64_t t,
                                           int64_t couple,
                                           ArrayRef<int64_t> outputs,
                                           ArrayRef<WeightRow> weights);
  LogicalResult write(SegmentRun &run, const Tile &tile, int64_t t,
                      ArrayRef<int64_t> outputs, ArrayRef<double> values);
  std::vector<StepValue> finish();

  /// Row tiles of the launch grid; a rowwise tile has all outputs of its
  /// tokens.
  int64_t rowTileCount() const {
    if (isa<RowwiseOp>(skeleton))
      return 1;
    int64_t count = 0;
    for (const SegmentRun &run : segments)
      count += rowTiles(run.op, schedule);
    return count;
  }

  Operation *skeleton;
  const Frame &frame;
  ScheduleAttr schedule;
  int64_t tokens = 0;            // T
  DenseTensor activations;       // (T, K), mapped; empty without a prologue
  std::vector<double> rowScales; // (T), applied after the dot product
  SmallVector<SegmentRun> segments;
  std::optional<KvState> kv;
};

} // namespace

/// A vector operand, whether computed or stored, as numbers.
static std::vector<double> readVector(const Frame &frame, Value value) {
  const StepValue &content = frame.get(value);
  if (const auto *stored = std::get_if<StoredTensor>(&content))
    return dequantize(*stored).values;
  return std::get<DenseTensor>(content).values;
}

static int64_t rowsOf(const StepValue &value) {
  if (const auto *stored = std::get_if<StoredTensor>(&value))
    return stored->rows;
  return std::get<DenseTensor>(value).rows();
}

/// The outputs that couple `couple` holds, in the order of its values; for zip,
/// the row of the first and of the second weight.
static SmallVector<int64_t> coupleOutputs(SegmentOp segment, int64_t couple) {
  switch (segment.getCouple()) {
  case Couple::single:
    return {couple};
  case Couple::zip:
    return {couple, couple};
  case Couple::interleaved:
    return {2 * couple, 2 * couple + 1};
  case Couple::half: {
    int64_t half = *segment.getHeadDim() / 2;
    int64_t first = couple / half * 2 * half + couple % half;
    return {first, first + half};
  }
  }
  llvm_unreachable("unknown couple");
}

LogicalResult RowSkeleton::prepareRow(PrologueOp prologue, int64_t t,
                                      int64_t source, DecoderOp decoder,
                                      ArrayRef<std::vector<double>> columns) {
  const StepValue &matrix = frame.get(prologue.getSource());
  if (source < 0 || source >= rowsOf(matrix))
    return prologue.emitError()
           << "expected a row below " << rowsOf(matrix) << ", found " << source;
  FailureOr<WeightRow> row = readRow(matrix, source, decoder);
  if (failed(row))
    return failure();
  double sum = 0;
  for (auto [k, x] : llvm::enumerate(row->elements())) {
    double mapped = x;
    if (!prologue.getMap().empty()) {
      SmallVector<double> values = {x};
      for (const std::vector<double> &column : columns)
        values.push_back(column[k]);
      auto result = evaluatePayload(prologue.getMap(), values);
      if (failed(result))
        return failure();
      mapped = result->front();
    }
    activations.row(t)[k] = mapped;
    if (prologue.getStatistic().empty())
      continue;
    auto term = evaluatePayload(prologue.getStatistic(), x);
    if (failed(term))
      return failure();
    sum += term->front();
  }
  if (prologue.getStatistic().empty())
    return success();
  auto scale = evaluatePayload(prologue.getScale(), sum);
  if (failed(scale))
    return failure();
  rowScales[t] = scale->front();
  return success();
}

LogicalResult RowSkeleton::prepare(PrologueOp prologue) {
  FailureOr<DecoderOp> decoder =
      findDecoder(prologue, prologue.getDecoderAttr());
  if (failed(decoder))
    return failure();
  SmallVector<std::vector<double>> columns;
  for (Value column : prologue.getColumns())
    columns.push_back(readVector(frame, column));
  Value rows = prologue.getRows();
  tokens =
      rows ? frame.dense(rows).rows() : rowsOf(frame.get(prologue.getSource()));
  int64_t k =
      cast<RankedTensorType>(prologue.getSource().getType()).getDimSize(1);
  activations = zeroTensor({tokens, k});
  rowScales.assign(tokens, 1.0);
  for (int64_t t = 0; t < tokens; ++t) {
    int64_t source = rows ? int64_t(frame.dense(rows).values[t]) : t;
    if (failed(prepareRow(prologue, t, source, *decoder, columns)))
      return failure();
  }
  return success();
}

LogicalResult RowSkeleton::start() {
  SmallVector<SegmentOp> ops = getSegments(skeleton);
  if (PrologueOp prologue = getPrologue(skeleton)) {
    if (failed(prepare(prologue)))
      return failure();
  } else if (!ops.empty()) {
    tokens = frame.dense(ops.front().getElements()[0]).rows();
  }
  if (isa<MatvecOp>(skeleton) && tokens > 1)
    return skeleton->emitError() << "expected one row, found " << tokens;
  for (SegmentOp op : ops) {
    SegmentRun run{op, {}, {}, {}, {}};
    for (Value column : op.getColumns())
      run.columns.push_back(readVector(frame, column));
    for (unsigned i = 0; i < op.getWeights().size(); ++i) {
      FailureOr<DecoderOp> decoder = findDecoder(op, op.getDecoder(i));
      if (failed(decoder))
        return failure();
      run.decoders.push_back(*decoder);
    }
    if (op.getDestination() == Destination::result)
      run.result = zeroTensor({tokens, op.getOutputs()});
    else if (op.getKv() && !kv)
      kv = frame.kv(op.getKv());
    segments.push_back(std::move(run));
  }
  for (SegmentRun &run : segments)
    if (run.op.getDestination() == Destination::argmax)
      run.candidates.resize(tokens * rowTileCount());
  return success();
}

FailureOr<SmallVector<WeightRow>>
RowSkeleton::readWeights(SegmentRun &run, ArrayRef<int64_t> outputs) {
  SmallVector<WeightRow> rows;
  if (run.op.getWeights().empty())
    return rows;
  bool zip = run.op.getCouple() == Couple::zip;
  for (auto [i, output] : llvm::enumerate(outputs)) {
    unsigned weight = zip ? i : 0;
    FailureOr<WeightRow> row = readRow(frame.get(run.op.getWeights()[weight]),
                                       output, run.decoders[weight]);
    if (failed(row))
      return failure();
    rows.push_back(std::move(*row));
  }
  return rows;
}

/// What the epilogue receives, in the order of kernel.segment's description.
FailureOr<SmallVector<double>>
RowSkeleton::arguments(const SegmentRun &run, int64_t t, int64_t couple,
                       ArrayRef<int64_t> outputs, ArrayRef<WeightRow> weights) {
  SegmentOp op = run.op;
  SmallVector<double> values;
  for (int64_t i = 0; i < op.getArity(); ++i) {
    double y = weights.empty() ? activations.row(t)[outputs[i]]
                               : weights[i].dot(activations.row(t));
    values.push_back(rowScales[t] * y);
  }
  ArrayRef<int64_t> stored =
      op.getCouple() == Couple::zip ? outputs.take_front() : outputs;
  for (Value element : op.getElements())
    for (int64_t n : stored)
      values.push_back(frame.dense(element).row(t)[n]);
  for (const std::vector<double> &column : run.columns)
    for (int64_t n : stored)
      values.push_back(column[n]);
  if (op.getAngles().empty())
    return values;
  const DenseTensor &table = frame.dense(op.getAngles()[0]);
  int64_t position = frame.dense(op.getAngles()[1]).values[t];
  if (position < 0 || position >= table.rows())
    return op.emitError() << "expected a position below " << table.rows()
                          << ", found " << position;
  int64_t pair = couple % (*op.getHeadDim() / 2);
  values.push_back(table.row(position)[2 * pair]);
  values.push_back(table.row(position)[2 * pair + 1]);
  return values;
}

LogicalResult RowSkeleton::write(SegmentRun &run, const Tile &tile, int64_t t,
                                 ArrayRef<int64_t> outputs,
                                 ArrayRef<double> values) {
  SegmentOp op = run.op;
  switch (op.getDestination()) {
  case Destination::result:
    for (auto [n, value] : llvm::zip(outputs, values))
      run.result.row(t)[n] = value;
    return success();
  case Destination::argmax:
    for (auto [n, value] : llvm::zip(outputs, values))
      run.candidates[t * rowTileCount() + tile.row].merge({value, n});
    return success();
  case Destination::keys:
  case Destination::values:
    break;
  }
  DenseTensor &cache =
      op.getDestination() == Destination::keys ? kv->keys : kv->values;
  int64_t slot = frame.dense(op.getSlots()).values[t];
  if (slot < -1 || slot >= cache.rows())
    return op.emitError() << "expected a slot below " << cache.rows()
                          << ", found " << slot;
  if (slot == -1)
    return success();
  for (auto [n, value] : llvm::zip(outputs, values))
    cache.row(slot)[n] = roundKv(value, op.getKv().getType().getElementType(),
                                 frame.options.rounding);
  return success();
}

LogicalResult RowSkeleton::runSegment(SegmentRun &run, const Tile &tile) {
  bool zip = run.op.getCouple() == Couple::zip;
  for (int64_t c = tile.firstCouple; c < tile.lastCouple; ++c) {
    SmallVector<int64_t> outputs = coupleOutputs(run.op, c);
    FailureOr<SmallVector<WeightRow>> weights = readWeights(run, outputs);
    if (failed(weights))
      return failure();
    for (int64_t t = tile.firstToken; t < tile.lastToken; ++t) {
      auto inputs = arguments(run, t, c, outputs, *weights);
      if (failed(inputs))
        return failure();
      auto values = evaluatePayload(run.op.getEpilogue(), *inputs);
      if (failed(values))
        return failure();
      ArrayRef<int64_t> stored = outputs;
      if (failed(
              write(run, tile, t, zip ? stored.take_front() : stored, *values)))
        return failure();
    }
  }
  return success();
}

LogicalResult RowSkeleton::runTile(int64_t number) {
  int64_t rowCount = rowTileCount();
  int64_t firstToken = number / rowCount * schedule.getTokenTile();
  int64_t lastToken = std::min(tokens, firstToken + schedule.getTokenTile());
  if (isa<RowwiseOp>(skeleton)) {
    for (SegmentRun &run : segments)
      if (failed(runSegment(
              run, {0, 0, run.op.getCouples(), firstToken, lastToken})))
        return failure();
    return success();
  }
  int64_t row = number % rowCount, local = row;
  for (SegmentRun &run : segments) {
    int64_t tiles = rowTiles(run.op, schedule);
    if (local >= tiles) {
      local -= tiles;
      continue;
    }
    int64_t size = tileCouples(run.op, schedule);
    int64_t last = std::min(run.op.getCouples(), (local + 1) * size);
    return runSegment(run, {row, local * size, last, firstToken, lastToken});
  }
  llvm_unreachable("the grid has a tile that no segment has");
}

std::vector<StepValue> RowSkeleton::finish() {
  std::vector<StepValue> results;
  int64_t rowCount = rowTileCount();
  for (SegmentRun &run : segments) {
    if (run.op.getDestination() == Destination::result)
      results.push_back(std::move(run.result));
    if (run.op.getDestination() != Destination::argmax)
      continue;
    DenseTensor best = zeroTensor({tokens});
    for (int64_t t = 0; t < tokens; ++t) {
      Candidate merged;
      for (int64_t tile : frame.tileOrder(rowCount))
        merged.merge(run.candidates[t * rowCount + tile]);
      best.values[t] = merged.index;
    }
    results.push_back(std::move(best));
  }
  if (kv)
    results.push_back(std::move(*kv));
  return results;
}

FailureOr<std::vector<StepValue>> RowSkeleton::run() {
  if (failed(start()))
    return failure();
  int64_t tokenTiles = llvm::divideCeil(tokens, schedule.getTokenTile());
  for (int64_t tile : frame.tileOrder(tokenTiles * rowTileCount()))
    if (failed(runTile(tile)))
      return failure();
  return finish();
}

FailureOr<std::vector<StepValue>> kernel::runRowSkeleton(Operation *skeleton,
                                                         const Frame &frame) {
  return RowSkeleton(skeleton, frame).run();
}
