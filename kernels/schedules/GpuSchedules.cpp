//===- GpuSchedules.cpp - Sizes for the GPU emitters ----------------------===//
//
// A warp streams weight rows with 16 bytes a lane; a block is what shares the
// prepared activations.
//
//===----------------------------------------------------------------------===//

#include "kernels/schedules/GpuSchedules.h"

#include "dialects/llama/StoredTypes.h"

#include <algorithm>

using namespace mlir;
using namespace quipu;
using kernel::Arithmetic;
using kernel::ScheduleAttr;

namespace {

/// The fields of a schedule that GPUs use, by name.
struct GpuSchedule {
  int64_t rowTile = 1;
  int64_t tokenTile = 1;
  int64_t kvTile = 0;
  int64_t vector = 0;
  int64_t rowUnroll = 0;
  int64_t tokenUnroll = 0;
  Arithmetic arithmetic = Arithmetic::f32;
  int64_t threads = 128;
  int64_t kTile = 0;
  int64_t stages = 0;
};

} // namespace

/// What products are formed in: the type of the weights where all have one of
/// 16 bits, f32 where one is f32 (rounding would lose digits that the file
/// has), bf16 otherwise.
static Arithmetic matmulArithmetic(Operation *skeleton) {
  Arithmetic arithmetic = Arithmetic::bf16;
  for (kernel::SegmentOp segment : kernel::getSegments(skeleton))
    for (Value weight : segment.getWeights()) {
      Type type = cast<RankedTensorType>(weight.getType()).getElementType();
      if (type.isF32())
        return Arithmetic::f32;
      if (type.isF16())
        arithmetic = Arithmetic::f16;
    }
  return arithmetic;
}

/// Rows of all segments of `skeleton`.
static int64_t totalRows(Operation *skeleton) {
  int64_t rows = 0;
  for (kernel::SegmentOp segment : kernel::getSegments(skeleton))
    for (Value weight : segment.getWeights())
      rows += cast<RankedTensorType>(weight.getType()).getDimSize(0);
  return rows;
}

/// Elements of the largest block that a weight of `skeleton` is stored in.
static int64_t largestBlock(Operation *skeleton) {
  int64_t elements = 1;
  for (kernel::SegmentOp segment : kernel::getSegments(skeleton))
    for (Value weight : segment.getWeights()) {
      auto type = cast<RankedTensorType>(weight.getType());
      elements = std::max(
          elements, blockElements(*llama::elementType(type.getElementType())));
    }
  return elements;
}

static GpuSchedule chooseSizes(Operation *skeleton, int64_t maxTokens) {
  if (isa<kernel::MatvecOp>(skeleton)) {
    // 4 warps with 4 rows each; fewer partial results where rows are many. A
    // lane that decodes blocks of 256 has registers for one row.
    int64_t rows = totalRows(skeleton) >= 16384 ? 64 : 16;
    int64_t unroll = largestBlock(skeleton) > 32 ? 1 : 4;
    return {.rowTile = rows, .vector = 8, .rowUnroll = unroll, .threads = 128};
  }
  if (isa<kernel::MatmulOp>(skeleton)) {
    Arithmetic arithmetic = matmulArithmetic(skeleton);
    if (maxTokens <= 8)
      return {.rowTile = 64,
              .tokenTile = 8,
              .vector = 8,
              .rowUnroll = 16,
              .tokenUnroll = 8,
              .arithmetic = arithmetic,
              .threads = 128};
    return {.rowTile = 64,
            .tokenTile = 64,
            .vector = 8,
            .rowUnroll = 32,
            .tokenUnroll = 32,
            .arithmetic = arithmetic,
            .threads = 128,
            .kTile = 32,
            .stages = 3};
  }
  if (isa<kernel::AttentionDecodeOp>(skeleton))
    return {.kvTile = 64, .vector = 8, .threads = 128};
  if (isa<kernel::AttentionPrefillOp>(skeleton))
    return {.tokenTile = 64,
            .kvTile = 64,
            .vector = 8,
            .arithmetic = Arithmetic::bf16,
            .threads = 128};
  return {.vector = 4, .threads = 128}; // rowwise: one token a block
}

ScheduleAttr quipu::chooseGpuSchedule(Operation *skeleton, int64_t maxTokens) {
  GpuSchedule sizes = chooseSizes(skeleton, maxTokens);
  return ScheduleAttr::get(skeleton->getContext(), sizes.rowTile,
                           sizes.tokenTile, sizes.kvTile, sizes.vector,
                           sizes.rowUnroll, sizes.tokenUnroll, sizes.arithmetic,
                           sizes.threads, sizes.kTile, sizes.stages);
}
