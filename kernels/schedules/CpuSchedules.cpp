//===- CpuSchedules.cpp - Sizes for the CPU emitters ----------------------===//
//
// Tiles first (they decide grids), then what fits a variant's registers.
//
//===----------------------------------------------------------------------===//

#include "kernels/schedules/CpuSchedules.h"

#include "dialects/llama/StoredTypes.h"

#include <algorithm>

using namespace mlir;
using namespace quipu;
using kernel::Arithmetic;
using kernel::ScheduleAttr;

/// Rows of a matvec's tile: a register of couples at least, and fewer partial
/// results where there are many rows.
static int64_t matvecRows(Operation *skeleton) {
  int64_t rows = 0;
  bool allSingle = true, halves = false;
  for (kernel::SegmentOp segment : kernel::getSegments(skeleton)) {
    rows += segment.getOutputs();
    allSingle &= segment.getCouple() == kernel::Couple::single;
    halves |= segment.getCouple() == kernel::Couple::half;
  }
  // Halves of a head of 64: rows that follow each other.
  if (rows >= 16384 || halves)
    return 64;
  return allSingle && rows <= 2048 ? 16 : 32;
}

/// Tokens of a matmul's tile: enough to pay for decoding its weights, while
/// their activations stay in a second-level cache for usual K.
static int64_t matmulTokens(Operation *skeleton) {
  Value source = kernel::getPrologue(skeleton).getSource();
  int64_t k = cast<RankedTensorType>(source.getType()).getDimSize(1);
  constexpr int64_t elements = 512 * 1024;
  if (k * 128 <= elements)
    return 128;
  return k * 64 <= elements ? 64 : 32;
}

ScheduleAttr quipu::chooseTiles(Operation *skeleton, int64_t maxTokens) {
  MLIRContext *context = skeleton->getContext();
  auto tiles = [&](int64_t row, int64_t token, int64_t kv) {
    return ScheduleAttr::get(context, row, std::min(token, maxTokens), kv, 0, 0,
                             0, Arithmetic::f32);
  };
  if (isa<kernel::MatvecOp>(skeleton))
    return tiles(matvecRows(skeleton), 1, 0);
  if (isa<kernel::MatmulOp>(skeleton))
    return tiles(32, matmulTokens(skeleton), 0);
  if (isa<kernel::AttentionDecodeOp>(skeleton))
    return tiles(1, 1, 64);
  if (isa<kernel::AttentionPrefillOp>(skeleton))
    return tiles(1, 32, 64);
  return tiles(1, 4, 0);
}

/// Whether a weight of `skeleton` is stored in blocks of 256, whose decoding
/// keeps several registers of scales.
static bool hasLargeBlocks(Operation *skeleton) {
  for (kernel::SegmentOp segment : kernel::getSegments(skeleton))
    for (Value weight : segment.getWeights()) {
      auto type = cast<RankedTensorType>(weight.getType());
      if (blockElements(*llama::elementType(type.getElementType())) > 32)
        return true;
    }
  return false;
}

/// Whether a weight of `skeleton` is stored as f32 or f16: rounding it to bf16
/// would lose digits that the file has.
static bool readsFloats(Operation *skeleton) {
  for (kernel::SegmentOp segment : kernel::getSegments(skeleton))
    for (Value weight : segment.getWeights()) {
      Type type = cast<RankedTensorType>(weight.getType()).getElementType();
      if (type.isF32() || type.isF16())
        return true;
    }
  return false;
}

ScheduleAttr quipu::chooseVariant(Operation *skeleton,
                                  const CpuVariant &variant) {
  ScheduleAttr tiles = kernel::getSchedule(skeleton);
  auto complete = [&](int64_t rowUnroll, int64_t tokenUnroll,
                      Arithmetic arithmetic, int64_t rowStreams = 0) {
    return ScheduleAttr::get(
        skeleton->getContext(), tiles.getRowTile(), tiles.getTokenTile(),
        tiles.getKvTile(), variant.lanes, rowUnroll, tokenUnroll, arithmetic,
        /*threads=*/0, /*kTile=*/0, /*stages=*/0, rowStreams);
  };
  bool wide = variant.registers == 32;
  if (isa<kernel::MatvecOp>(skeleton))
    // Two long streams are read faster than one, and than rows side by side.
    return complete(wide && !hasLargeBlocks(skeleton) ? 8 : 4, 1,
                    Arithmetic::f32, /*rowStreams=*/2);
  if (isa<kernel::MatmulOp>(skeleton)) {
    // A few tokens: rows x tokens; more: rows x registers of tokens.
    if (tiles.getTokenTile() <= 8)
      return complete(wide ? 4 : 2, 4, Arithmetic::f32);
    bool exact = readsFloats(skeleton);
    return complete(4, wide ? 4 : 2,
                    variant.dotBf16 && !exact ? Arithmetic::bf16
                                              : Arithmetic::f32);
  }
  return complete(wide ? 6 : 3, wide ? 4 : 3, Arithmetic::f32);
}
