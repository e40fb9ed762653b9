//===- Traffic.cpp - Bytes that GPU kernels ask memory for ----------------===//
//
// Adding up, and what the models of row skeletons share: epilogues.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/Traffic.h"

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/TrafficCount.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Couple;
using kernel::Destination;

MemoryBytes &MemoryBytes::operator+=(const MemoryBytes &other) {
  weights += other.weights;
  loads += other.loads;
  stores += other.stores;
  return *this;
}

KernelTraffic &KernelTraffic::operator+=(const KernelTraffic &other) {
  issued += other.issued;
  unique += other.unique;
  return *this;
}

//===----------------------------------------------------------------------===//
// Counting
//===----------------------------------------------------------------------===//

/// A parameter with more than one row; activations have a dynamic one.
static bool isWeight(Value buffer) {
  auto type = dyn_cast<RankedTensorType>(buffer.getType());
  return type && type.getRank() == 2 && !type.isDynamicDim(0) &&
         type.getDimSize(0) > 1;
}

void TrafficCount::load(Value buffer, int64_t issued, int64_t uniqueBytes,
                        int part) {
  bool weight = isWeight(buffer);
  (weight ? sums.issued.weights : sums.issued.loads) += issued;
  auto &known = unique[{buffer.getAsOpaquePointer(), part}];
  known = {std::max(known.first, uniqueBytes), weight};
}

void TrafficCount::load(Buffer buffer, int64_t issued, int64_t uniqueBytes) {
  sums.issued.loads += issued;
  int64_t &known = unique[{nullptr, int(buffer)}].first;
  known = std::max(known, uniqueBytes);
}

void TrafficCount::store(int64_t bytes) {
  sums.issued.stores += bytes;
  sums.unique.stores += bytes;
}

void TrafficCount::loadDims(int64_t fields, int64_t threads, int64_t tiles) {
  dimBytes += fields * 4;
  load(dims, fields * 4 * threads * std::min(step.blocks, tiles), dimBytes);
}

KernelTraffic TrafficCount::result() const {
  KernelTraffic all = sums;
  for (const auto &[buffer, bytes] : unique)
    (bytes.second ? all.unique.weights : all.unique.loads) +=
        int64_t(llvm::alignTo(uint64_t(bytes.first), 4));
  return all;
}

//===----------------------------------------------------------------------===//
// Row skeletons
//===----------------------------------------------------------------------===//

int64_t gpu::storedRowBytes(Type type, int64_t columns) {
  return rowBytes(*llama::elementType(type), columns);
}

/// Outputs of a couple in a row of elements or columns.
static int64_t outputsOfCouple(kernel::SegmentOp segment) {
  return segment.getCouple() == Couple::zip ? 1
                                            : kernel::rowsPerCouple(segment);
}

void gpu::countEpilogueLoads(TrafficCount &count, kernel::SegmentOp segment,
                             int64_t calls, int64_t tokens) {
  int64_t outputs = outputsOfCouple(segment);
  auto loadCouples = [&](Value buffer, int64_t rows) {
    auto type = cast<RankedTensorType>(buffer.getType());
    int64_t bytes = storedRowBytes(type.getElementType(), 1) * outputs;
    count.load(buffer, calls * bytes, rows * segment.getCouples() * bytes);
  };
  for (Value elements : segment.getElements())
    loadCouples(elements, tokens);
  for (Value column : segment.getColumns())
    loadCouples(column, 1);
  if (!segment.getAngles().empty()) {
    int64_t pairs = int64_t(*segment.getHeadDim()) / 2;
    count.load(segment.getAngles()[1], calls * 4, tokens * 4);
    count.load(segment.getAngles()[0], calls * 8, tokens * pairs * 8);
  }
  if (segment.getKv())
    count.load(segment.getSlots(), calls * 4, tokens * 4);
}

void gpu::countEpilogueStores(TrafficCount &count, kernel::SegmentOp segment,
                              int64_t tokens) {
  if (segment.getDestination() == Destination::argmax)
    return;
  int64_t bytes = 4;
  if (llama::KvType kv = segment.getKv() ? segment.getKv().getType() : nullptr)
    bytes = kv.getElementType().getIntOrFloatBitWidth() / 8;
  count.store(tokens * segment.getOutputs() * bytes);
}

int64_t gpu::leadingOf(Operation *op, const TrafficStep &step) {
  auto domain = op->getAttrOfType<kernel::DomainAttr>("domain").getValue();
  return domain == kernel::Domain::rows ? step.rows : step.tokens;
}

/// As ArgmaxMerge.cpp draws it: a block a token reads all row tiles.
void gpu::countArgmaxMerge(TrafficCount &count, Operation *op) {
  kernel::ScheduleAttr schedule = kernel::getSchedule(op);
  int64_t leading = leadingOf(op, count.step), tiles = 0;
  for (kernel::SegmentOp segment : kernel::getSegments(op))
    if (segment.getDestination() == Destination::argmax && tiles == 0)
      tiles = kernel::rowTiles(segment, schedule);
  count.loadDims(1, schedule.getThreads());
  count.load(TrafficCount::partials, leading * tiles * 8, leading * tiles * 8);
  count.store(leading * 4);
}

KernelTraffic quipu::predictTraffic(Operation *skeleton, bool merge,
                                    const TrafficStep &step) {
  TrafficCount count(step);
  llvm::TypeSwitch<Operation *>(skeleton)
      .Case([&](kernel::MatvecOp op) {
        merge ? countArgmaxMerge(count, op) : countMatvec(count, op);
      })
      .Case([&](kernel::MatmulOp op) {
        merge ? countArgmaxMerge(count, op) : countMatmul(count, op);
      })
      .Case([&](kernel::RowwiseOp op) { countRowwise(count, op); })
      .Case([&](kernel::AttentionDecodeOp op) {
        merge ? countAttentionMerge(count, op)
              : countAttentionDecode(count, op);
      })
      .Case([&](kernel::AttentionPrefillOp op) {
        countAttentionPrefill(count, op);
      });
  return count.result();
}
