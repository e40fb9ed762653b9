//===- GpuSchedules.cpp - Sizes for the GPU emitters ----------------------===//
//
// A warp streams weight rows with 16 bytes a lane; a block is what shares the
// prepared activations. What is wanted is the same for all targets, as no
// measurement sets them apart; where a schedule decides how much shared memory
// is taken (BlockMemory.h), their limits take from it.
//
//===----------------------------------------------------------------------===//

#include "kernels/schedules/GpuSchedules.h"

#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/BlockMemory.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

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

static SmallVector<RankedTensorType> weightTypes(Operation *skeleton) {
  SmallVector<RankedTensorType> types;
  for (kernel::SegmentOp segment : kernel::getSegments(skeleton))
    for (Value weight : segment.getWeights())
      types.push_back(cast<RankedTensorType>(weight.getType()));
  return types;
}

/// Few tokens: weights of 16 bits stream through registers. Warps divide K
/// where rows are few; a warp has 4 KiB of weights on their way.
static GpuSchedule chooseStreamed(Operation *skeleton, Arithmetic arithmetic) {
  int64_t rows = totalRows(skeleton);
  int64_t columns = weightTypes(skeleton).front().getDimSize(1);
  int64_t rowUnroll = rows < 4096 ? 16 : 32;
  int64_t threads = columns <= 2048 ? 128 : 256;
  // More rows to a tile leave fewer partial results of argmax.
  int64_t rowTile = rows < 16384 ? rowUnroll : 2 * rowUnroll;
  int64_t splits = threads / 32 / (rowTile / rowUnroll);
  auto padded = [&](int64_t kTile) {
    return llvm::alignTo(uint64_t(columns), uint64_t(kTile * splits));
  };
  int64_t kTile = 2048 / rowUnroll;
  while (kTile > 32 && 10 * padded(kTile) > 11 * padded(32))
    kTile /= 2;
  return {.rowTile = rowTile,
          .tokenTile = 8,
          .vector = 8,
          .rowUnroll = rowUnroll,
          .tokenUnroll = 8,
          .arithmetic = arithmetic,
          .threads = threads,
          .kTile = kTile};
}

/// A square tile for 4 warps, each of which has a quarter of it.
static void setTile(GpuSchedule &sizes, int64_t tile) {
  sizes.rowTile = sizes.tokenTile = tile;
  sizes.rowUnroll = sizes.tokenUnroll = tile / 2;
  sizes.threads = 128;
}

/// Takes stages, then half a tile at a time from `sizes` until a block has the
/// shared memory for them.
static void fitStaged(GpuSchedule &sizes, int64_t bytesEach, bool quantized,
                      const GpuLimits &limits) {
  auto fits = [&] {
    gpu::StagedMatmulMemory memory = {sizes.rowTile, sizes.tokenTile,
                                      sizes.kTile, sizes.stages, bytesEach};
    int64_t windows = quantized ? gpu::mostTileWindowBytes : 0;
    return memory.bytes() + windows <= limits.sharedPerBlock;
  };
  while (!fits() && sizes.stages > 2)
    --sizes.stages;
  // Below 32 rows a warp has less than an mma takes.
  while (!fits() && sizes.tokenTile > 32)
    setTile(sizes, sizes.tokenTile / 2);
}

/// Weights go through shared memory.
static GpuSchedule chooseStaged(Operation *skeleton, Arithmetic arithmetic,
                                int64_t maxTokens, const GpuLimits &limits) {
  int64_t bytesEach = arithmetic == Arithmetic::f32 ? 4 : 2;
  ElementType products = arithmetic == Arithmetic::f32   ? ElementType::f32
                         : arithmetic == Arithmetic::f16 ? ElementType::f16
                                                         : ElementType::bf16;
  bool copies = false; // weights as they are
  for (RankedTensorType type : weightTypes(skeleton)) {
    ElementType stored = *llama::elementType(type.getElementType());
    copies |= stored == products && type.getDimSize(1) * bytesEach % 16 == 0;
  }
  bool quantized = largestBlock(skeleton) > 1;
  int64_t rows = totalRows(skeleton);
  GpuSchedule sizes = {.rowTile = 64,
                       .tokenTile = 64,
                       .vector = 16 / bytesEach,
                       .rowUnroll = 32,
                       .tokenUnroll = 32,
                       .arithmetic = arithmetic,
                       .threads = 128,
                       .kTile = 128 / bytesEach,
                       .stages = copies ? 3 : 1};
  if (maxTokens <= 8) {
    sizes.rowUnroll = 16;
    sizes.tokenTile = sizes.tokenUnroll = 8;
  } else if (sizes.stages > 1 && bytesEach == 2 && !quantized &&
             llvm::divideCeil(rows, 128) * llvm::divideCeil(maxTokens, 128) >=
                 96) {
    sizes.rowTile = sizes.tokenTile = 128;
    sizes.rowUnroll = 64;
    sizes.threads = 256;
  }
  fitStaged(sizes, bytesEach, quantized, limits);
  return sizes;
}

static GpuSchedule chooseMatmul(Operation *skeleton, int64_t maxTokens,
                                const GpuLimits &limits) {
  Arithmetic arithmetic = matmulArithmetic(skeleton);
  bool streams = maxTokens <= 8 && arithmetic != Arithmetic::f32;
  for (RankedTensorType type : weightTypes(skeleton))
    streams &= type.getElementType().isIntOrFloat() &&
               type.getElementTypeBitWidth() == 16 &&
               type.getDimSize(1) % 8 == 0;
  return streams ? chooseStreamed(skeleton, arithmetic)
                 : chooseStaged(skeleton, arithmetic, maxTokens, limits);
}

/// Loads of 16 bytes, and positions for 4 of them in flight on each lane.
static GpuSchedule streamedSizes(llama::KvType kv) {
  constexpr int64_t threads = 128, inFlight = 4, warpThreads = 32;
  int64_t vector = 128 / kv.getElementType().getIntOrFloatBitWidth();
  auto chunks = uint64_t(llvm::divideCeil(kv.getHeadDim(), vector));
  int64_t lanes = std::min<int64_t>(warpThreads, llvm::bit_ceil(chunks));
  return {.kvTile = threads / lanes * inFlight,
          .vector = vector,
          .threads = threads};
}

/// 4 warps with 16 rows each; shared memory for two blocks to a multiprocessor.
static GpuSchedule prefillSizes(kernel::AttentionPrefillOp op,
                                const GpuLimits &limits) {
  constexpr int64_t rows = 64, reservedBytes = 1024; // of a block
  llama::KvType kv = op.getKv().getType();
  GpuSchedule sizes = streamedSizes(kv);
  sizes.tokenTile = std::max<int64_t>(1, rows / op.getGroup());
  if (kv.getElementType().isF32())
    return sizes;
  sizes.kvTile = kv.getHeadDim() <= 64 ? 64 : 32;
  sizes.stages = 2;
  sizes.arithmetic =
      kv.getElementType().isF16() ? Arithmetic::f16 : Arithmetic::bf16;
  auto fits = [&] {
    gpu::PrefillMemory memory = {sizes.kvTile, sizes.stages,
                                 kv.getHeadDim() * 2};
    return memory.bytes() <= limits.sharedPerBlock &&
           2 * (memory.bytes() + reservedBytes) <=
               limits.sharedPerMultiprocessor;
  };
  while (kv.getHeadDim() <= gpu::PrefillMemory::mostHeadDim && !fits() &&
         sizes.kvTile > 16)
    sizes.kvTile /= 2;
  return sizes;
}

static GpuSchedule chooseSizes(Operation *skeleton, int64_t maxTokens,
                               const GpuLimits &limits) {
  if (isa<kernel::MatvecOp>(skeleton)) {
    // 4 warps with 4 rows each; fewer partial results where rows are many. A
    // lane that has a block of 256 elements of a row has 2: of more rows a warp
    // would hold more in shared memory than a block has for 4 warps.
    int64_t rows = totalRows(skeleton) >= 16384 ? 64 : 16;
    bool longBlocks = largestBlock(skeleton) > 32;
    // Half a warp or less has blocks of such a row, so that a warp takes more
    // rows at once: with fewer warps a block has the same shared memory.
    bool shares = longBlocks && weightTypes(skeleton).front().getDimSize(1) <=
                                    16 * largestBlock(skeleton);
    return {.rowTile = rows,
            .vector = 8,
            .rowUnroll = longBlocks ? 2 : 4,
            .threads = shares ? 64 : 128};
  }
  if (isa<kernel::MatmulOp>(skeleton))
    return chooseMatmul(skeleton, maxTokens, limits);
  if (auto decode = dyn_cast<kernel::AttentionDecodeOp>(skeleton))
    return streamedSizes(decode.getKv().getType());
  if (auto prefill = dyn_cast<kernel::AttentionPrefillOp>(skeleton))
    return prefillSizes(prefill, limits);
  return {.vector = 4, .threads = 128}; // rowwise: one token a block
}

ScheduleAttr quipu::chooseGpuSchedule(Operation *skeleton, int64_t maxTokens,
                                      const GpuLimits &limits) {
  GpuSchedule sizes = chooseSizes(skeleton, maxTokens, limits);
  return ScheduleAttr::get(skeleton->getContext(), sizes.rowTile,
                           sizes.tokenTile, sizes.kvTile, sizes.vector,
                           sizes.rowUnroll, sizes.tokenUnroll, sizes.arithmetic,
                           sizes.threads, sizes.kTile, sizes.stages,
                           /*rowStreams=*/0);
}
