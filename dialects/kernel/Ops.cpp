//===- Ops.cpp - The kernel dialect: verifiers and accessors --------------===//
//
// What makes a skeleton well formed: results that match the segments, and
// payload regions with the arguments that their op's description lists.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Dialect.h"
#include "dialects/llama/StoredTypes.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::kernel;

/// Checks the parts that all row skeletons share: which ops stand in the body
/// and that the results are those the segments write.
static LogicalResult verifyRowSkeleton(Operation *op) {
  Block &body = op->getRegion(0).front();
  bool hasMatrix = !isa<RowwiseOp>(op);
  SmallVector<Type> kvTypes;
  unsigned written = 0;
  int prologues = 0;
  for (Operation &inner : body) {
    if (isa<PrologueOp>(inner)) {
      ++prologues;
      continue;
    }
    auto segment = dyn_cast<SegmentOp>(inner);
    if (!segment)
      return inner.emitOpError() << "cannot stand in a skeleton; expected "
                                    "kernel.prologue or kernel.segment";
    if (hasMatrix != !segment.getWeights().empty())
      return segment.emitOpError()
             << (hasMatrix ? "expected weights" : "expected no weights")
             << " in " << op->getName();
    switch (segment.getDestination()) {
    case Destination::result:
    case Destination::argmax: {
      if (written >= op->getNumResults())
        return op->emitOpError() << "expected a result for each segment";
      auto type =
          dyn_cast<RankedTensorType>(op->getResult(written++).getType());
      bool argmax = segment.getDestination() == Destination::argmax;
      if (!type || type.getRank() != (argmax ? 1 : 2) ||
          (!argmax && type.getDimSize(1) != segment.getOutputs()))
        return op->emitOpError() << "expected result " << written - 1 << " of "
                                 << segment.getOutputs() << " columns, found "
                                 << op->getResult(written - 1).getType();
      break;
    }
    case Destination::keys:
    case Destination::values:
      kvTypes.push_back(segment.getKv().getType());
      break;
    }
  }
  if (prologues > 1 || (hasMatrix && prologues == 0))
    return op->emitOpError() << "expected one prologue, found " << prologues;
  if (op->getNumResults() != written + !kvTypes.empty())
    return op->emitOpError() << "expected " << written + !kvTypes.empty()
                             << " results, found " << op->getNumResults();
  if (!kvTypes.empty() && op->getResult(written).getType() != kvTypes.front())
    return op->emitOpError()
           << "expected the last result of type " << kvTypes.front()
           << ", found " << op->getResult(written).getType();
  return success();
}

/// Checks that queries are whole groups of heads that share a KV head.
template <typename Op> static LogicalResult verifyAttention(Op op) {
  int64_t group = op.getKvHeads() * op.getHeadDim();
  int64_t columns = op.getQuery().getType().getDimSize(1);
  if (columns > 0 && columns % group == 0)
    return success();
  return op.emitOpError() << "expected query columns in groups of " << group
                          << " (kv heads * head_dim), found " << columns;
}

#define GET_OP_CLASSES
#include "dialects/kernel/Ops.cpp.inc"

/// Checks that `region` takes `arguments` f32 values and yields `results`.
static LogicalResult verifyPayload(Operation *op, Region &region,
                                   StringRef name, size_t arguments,
                                   size_t results) {
  Block &block = region.front();
  if (block.getNumArguments() != arguments ||
      !llvm::all_of(block.getArgumentTypes(),
                    [](Type type) { return type.isF32(); }))
    return op->emitOpError()
           << "expected " << name << " with " << arguments
           << " f32 arguments, found (" << block.getArgumentTypes() << ")";
  auto yield = dyn_cast<YieldOp>(block.back());
  if (!yield || yield.getValues().size() != results)
    return op->emitOpError()
           << "expected " << name << " to yield " << results << " values";
  return success();
}

LogicalResult DecodedOp::verify() {
  if (getScales().size() != getQuants().size())
    return emitOpError() << "expected one scale a part, found "
                         << getQuants().size() << " parts and "
                         << getScales().size() << " scales";
  if (!getOffsets().empty() && getOffsets().size() != getQuants().size())
    return emitOpError() << "expected no offsets or one a part, found "
                         << getOffsets().size();
  return success();
}

LogicalResult DecoderOp::verifyRegions() {
  std::optional<ElementType> type = llama::elementType(getType());
  if (!type || !isQuantized(*type))
    return emitOpError() << "expected a quantized type, found " << getType();
  Block &block = getBody().front();
  auto decoded = dyn_cast<DecodedOp>(block.back());
  if (!decoded || block.getNumArguments() != 1 ||
      !isa<BlockType>(block.getArgument(0).getType()))
    return emitOpError() << "expected a region from !kernel.block to "
                            "kernel.decoded";
  int64_t elements = 0;
  for (Value quants : decoded.getQuants())
    elements += cast<VectorType>(quants.getType()).getNumElements();
  if (elements != blockElements(*type))
    return emitOpError() << "expected " << blockElements(*type)
                         << " elements a block, found " << elements;
  WalkResult inside = getBody().walk([&](BlockLoadOp load) {
    Type type = load.getResult().getType();
    int64_t bits = type.isIntOrFloat()
                       ? type.getIntOrFloatBitWidth()
                       : cast<VectorType>(type).getNumElements() * 8;
    int64_t end = load.getOffset() + bits / 8;
    int64_t size = blockBytes(*llama::elementType(getType()));
    if (int64_t(load.getOffset()) >= 0 && end <= size)
      return WalkResult::advance();
    load.emitOpError() << "expected bytes within a block of " << size
                       << ", found end " << end;
    return WalkResult::interrupt();
  });
  return failure(inside.wasInterrupted());
}

/// Checks that `decoder` is there exactly where rows of `tensor` are quantized.
static LogicalResult verifyDecoder(Operation *op, RankedTensorType tensor,
                                   bool hasDecoder) {
  std::optional<ElementType> type = llama::elementType(tensor.getElementType());
  if (!type)
    return op->emitOpError() << "has no stored form for " << tensor;
  if (isQuantized(*type) != hasDecoder)
    return op->emitOpError() << (hasDecoder ? "expected no decoder for "
                                            : "expected a decoder for ")
                             << tensor;
  return success();
}

/// Checks that every one of `columns` is a vector of `size` elements.
static LogicalResult verifyColumns(Operation *op, ValueRange columns,
                                   int64_t size) {
  for (Value column : columns) {
    auto type = cast<RankedTensorType>(column.getType());
    if (type.getRank() != 1 || type.getDimSize(0) != size)
      return op->emitOpError()
             << "expected columns of " << size << " elements, found " << type;
  }
  return success();
}

LogicalResult PrologueOp::verifyRegions() {
  auto source = cast<RankedTensorType>(getSource().getType());
  if (source.getRank() != 2)
    return emitOpError() << "expected a source of rows, found " << source;
  if (failed(verifyDecoder(*this, source, bool(getDecoder()))) ||
      failed(verifyColumns(*this, getColumns(), source.getDimSize(1))))
    return failure();
  if (!getMap().empty() &&
      failed(verifyPayload(*this, getMap(), "map", 1 + getColumns().size(), 1)))
    return failure();
  if (getStatistic().empty() != getScale().empty())
    return emitOpError() << "expected statistic and scale together";
  if (getStatistic().empty())
    return success();
  if (failed(verifyPayload(*this, getStatistic(), "statistic", 1, 1)))
    return failure();
  return verifyPayload(*this, getScale(), "scale", 1, 1);
}

int64_t SegmentOp::getOutputs() {
  if (!getWeights().empty())
    return cast<RankedTensorType>(getWeights()[0].getType()).getDimSize(0);
  if (!getElements().empty())
    return cast<RankedTensorType>(getElements()[0].getType()).getDimSize(1);
  PrologueOp prologue = getPrologue((*this)->getParentOp());
  return cast<RankedTensorType>(prologue.getSource().getType()).getDimSize(1);
}

int64_t SegmentOp::getArity() {
  bool hasValues =
      !getWeights().empty() || getPrologue((*this)->getParentOp()) != nullptr;
  if (!hasValues)
    return 0;
  return getCouple() == Couple::single ? 1 : 2;
}

int64_t SegmentOp::getCouples() {
  bool pairs =
      getCouple() == Couple::half || getCouple() == Couple::interleaved;
  return pairs ? getOutputs() / 2 : getOutputs();
}

FlatSymbolRefAttr SegmentOp::getDecoder(unsigned i) {
  if (!getDecoders())
    return {};
  return dyn_cast<FlatSymbolRefAttr>((*getDecoders())[i]);
}

/// Checks that the weights of `op` are matrices over the prologue's K that its
/// decoders fit, and that two of them have the same shape.
static LogicalResult verifyWeights(SegmentOp op) {
  OperandRange weights = op.getWeights();
  if (op.getDecoders() && op.getDecoders()->size() != weights.size())
    return op.emitOpError()
           << "expected one decoder a weight, found " << weights.size()
           << " weights and " << op.getDecoders()->size() << " decoders";
  PrologueOp prologue = getPrologue(op->getParentOp());
  for (auto [i, weight] : llvm::enumerate(weights)) {
    auto type = cast<RankedTensorType>(weight.getType());
    if (type.getRank() != 2 ||
        type.getShape() !=
            cast<RankedTensorType>(weights[0].getType()).getShape())
      return op.emitOpError()
             << "expected weights of one (N, K) shape, found " << type;
    if (failed(verifyDecoder(op, type, bool(op.getDecoder(i)))))
      return failure();
    if (!prologue)
      continue;
    auto source = cast<RankedTensorType>(prologue.getSource().getType());
    if (type.getDimSize(1) == source.getDimSize(1))
      continue;
    auto diagnostic = op.emitOpError()
                      << "expected weights of " << source.getDimSize(1)
                      << " inputs, found " << type;
    diagnostic.attachNote(prologue.getLoc()) << "activations come from here";
    return diagnostic;
  }
  return success();
}

/// Checks the shapes of rope tables and positions, and of what goes into the KV
/// cache.
static LogicalResult verifyPlaces(SegmentOp op) {
  if (!op.getAngles().empty()) {
    auto table = cast<RankedTensorType>(op.getAngles()[0].getType());
    auto positions = cast<RankedTensorType>(op.getAngles()[1].getType());
    int64_t pairs = *op.getHeadDim() / 2;
    if (table.getRank() != 3 || table.getDimSize(1) != pairs ||
        table.getDimSize(2) != 2 || !table.getElementType().isF32())
      return op.emitOpError() << "expected f32 angles of (positions, " << pairs
                              << ", 2), found " << table;
    if (positions.getRank() != 1 || !positions.getElementType().isInteger(32))
      return op.emitOpError()
             << "expected a vector of i32 positions, found " << positions;
  }
  if (!op.getKv())
    return success();
  llama::KvType kv = op.getKv().getType();
  int64_t expected = kv.getHeads() * kv.getHeadDim();
  if (op.getOutputs() != expected)
    return op.emitOpError() << "expected " << expected << " outputs for " << kv
                            << ", found " << op.getOutputs();
  if (op.getHeadDim() && int64_t(*op.getHeadDim()) != kv.getHeadDim())
    return op.emitOpError() << "expected head_dim " << kv.getHeadDim()
                            << " for " << kv << ", found " << *op.getHeadDim();
  return success();
}

LogicalResult SegmentOp::verifyRegions() {
  bool pairs =
      getCouple() == Couple::half || getCouple() == Couple::interleaved;
  size_t weights = getWeights().size();
  size_t expected = getCouple() == Couple::zip ? 2 : 1;
  if (weights != 0 && weights != expected)
    return emitOpError() << "expected " << expected << " weights, found "
                         << weights;
  if (weights == 0 && getElements().empty() &&
      !getPrologue((*this)->getParentOp()))
    return emitOpError() << "expected weights, elements or a prologue";
  if (failed(verifyWeights(*this)) ||
      failed(verifyColumns(*this, getColumns(), getOutputs())))
    return failure();
  for (Value element : getElements())
    if (cast<RankedTensorType>(element.getType()).getDimSize(1) != getOutputs())
      return emitOpError() << "expected elements of " << getOutputs()
                           << " columns, found " << element.getType();
  if (pairs && (!getHeadDim() || *getHeadDim() <= 0 || *getHeadDim() % 2 ||
                getOutputs() % *getHeadDim()))
    return emitOpError() << "expected an even head_dim that divides "
                         << getOutputs();
  bool writesKv = getDestination() == Destination::keys ||
                  getDestination() == Destination::values;
  if (writesKv != bool(getKv()))
    return emitOpError() << "expected kv operands exactly for keys and values";
  if (!getAngles().empty() && (getAngles().size() != 2 || !pairs))
    return emitOpError() << "expected angles (table, positions) on pairs";
  if (failed(verifyPlaces(*this)))
    return failure();
  size_t each = pairs ? 2 : 1;
  size_t arguments = getArity() +
                     each * (getElements().size() + getColumns().size()) +
                     getAngles().size();
  return verifyPayload(*this, getEpilogue(), "epilogue", arguments, each);
}

PrologueOp quipu::kernel::getPrologue(Operation *skeleton) {
  auto prologues = skeleton->getRegion(0).getOps<PrologueOp>();
  return prologues.empty() ? PrologueOp() : *prologues.begin();
}

SmallVector<SegmentOp> quipu::kernel::getSegments(Operation *skeleton) {
  return llvm::to_vector(skeleton->getRegion(0).getOps<SegmentOp>());
}

ScheduleAttr quipu::kernel::getSchedule(Operation *op) {
  return op->getAttrOfType<ScheduleAttr>("schedule");
}

void quipu::kernel::setSchedule(Operation *op, ScheduleAttr schedule) {
  op->setAttr("schedule", schedule);
}
