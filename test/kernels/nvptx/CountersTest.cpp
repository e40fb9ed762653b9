//===- CountersTest.cpp - What GPU kernels ask memory for -----------------===//
//
// Counts of the emulator, where a kernel that computes the right numbers may
// still waste: sectors of weights, weights read twice, shared-memory banks,
// tensor cores on padding. Costs of a main loop are told from those of what
// runs once by the difference of two runs of different length.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "test/kernels/AttentionCase.h"
#include "test/kernels/RowCases.h"
#include "test/kernels/nvptx/GpuAttention.h"
#include "test/kernels/nvptx/GpuMachine.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"

using namespace quipu;
using namespace quipu::test;
using emulator::Counters;
using emulator::Traffic;

namespace {

/// Types whose rows a kernel can read as they are.
constexpr const char *floatTypes[] = {"f32", "f16", "bf16"};

int64_t bytesOf(const std::string &type) { return type == "f32" ? 4 : 2; }

/// A product of n rows of k weights with t tokens.
struct Product {
  std::string skeleton;
  std::string type;
  int64_t n, k, t;

  int64_t weightBytes() const { return n * k * bytesOf(type); }
};

void PrintTo(const Product &each, std::ostream *stream) {
  *stream << each.skeleton << ' ' << each.type << ' ' << each.n << 'x' << each.k
          << ", " << each.t << " tokens";
}

Counters count(const Product &each) {
  GpuMachine machine;
  double error = relativeError(
      {product(each.skeleton, each.type, each.n, each.k, each.t), each.t},
      machine);
  EXPECT_LT(error, 2e-2) << testing::PrintToString(each);
  return machine.counters().front();
}

/// The schedule that a product is run with.
struct Sizes {
  int64_t rowTile, tokenTile, kTile, stages, warps, rowUnroll;
};

Sizes sizesOf(const Product &each) {
  GpuMachine machine;
  auto context = createKernelContext(machine);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      product(each.skeleton, each.type, each.n, each.k, each.t), context.get());
  kernel::ScheduleAttr schedule = kernel::getSchedule(
      skeletonOf(scheduledKernel(*module, machine, each.t)));
  return {schedule.getRowTile(),      schedule.getTokenTile(),
          schedule.getKTile(),        schedule.getStages(),
          schedule.getThreads() / 32, schedule.getRowUnroll()};
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

TEST(GpuCounters, MatvecReadsWholeSectorsOnce) {
  for (const char *type : floatTypes)
    for (int64_t n : {16, 64, 112})
      for (int64_t k : {16, 48, 512, 1040}) {
        Product each = {"matvec", type, n, k, 1};
        Traffic weights = count(each).weightLoads();
        EXPECT_EQ(weights.sectors * 32, each.weightBytes())
            << testing::PrintToString(each);
        EXPECT_EQ(weights.bytes, each.weightBytes())
            << testing::PrintToString(each);
        EXPECT_EQ(weights.uniqueBytes, each.weightBytes());
      }
}

/// Rows of whole sectors, of quantized types with blocks of all sizes.
struct QuantizedRow {
  const char *type;
  int64_t k, bytes;
} quantizedRows[] = {{"q8_0", 512, 544},   {"q4_0", 1536, 864},
                     {"q4_1", 512, 320},   {"q5_0", 512, 352},
                     {"q5_1", 2048, 1536}, {"q2_k", 2048, 672},
                     {"q3_k", 4096, 1760}, {"q4_k", 512, 288},
                     {"q5_k", 512, 352},   {"q6_k", 4096, 3360}};

TEST(GpuCounters, MatvecReadsWholeSectorsOfQuantizedRowsOnce) {
  for (auto [type, k, rowBytes] : quantizedRows) {
    Product each = {"matvec", std::string("!llama.") + type, 16, k, 1};
    Traffic weights = count(each).weightLoads();
    EXPECT_EQ(weights.sectors * 32, 16 * rowBytes)
        << testing::PrintToString(each);
    EXPECT_EQ(weights.bytes, 16 * rowBytes) << testing::PrintToString(each);
    EXPECT_EQ(weights.uniqueBytes, 16 * rowBytes);
  }
}

// Rows that begin and end inside sectors, of one step and of several. 37 of
// them leave the last block fewer than it has warps for; a shorter copy at the
// end counts its sector apart.
TEST(GpuCounters, MatvecReadsSectorsThatRowsShareOnce) {
  const QuantizedRow rows[] = {{"q4_1", 576, 360},   {"q8_0", 576, 612},
                               {"q5_0", 576, 396},   {"q4_0", 3200, 1800},
                               {"q6_k", 2048, 1680}, {"q3_k", 2048, 880}};
  for (auto [type, k, rowBytes] : rows)
    for (int64_t n : {37, 64}) {
      Product each = {"matvec", std::string("!llama.") + type, n, k, 1};
      Traffic weights = count(each).weightLoads();
      EXPECT_GE(weights.sectors, llvm::divideCeil(n * rowBytes, 32));
      EXPECT_LE(weights.sectors, n * rowBytes / 32 + (n == 37 ? 2 : 0))
          << testing::PrintToString(each);
      EXPECT_EQ(weights.bytes, n * rowBytes) << testing::PrintToString(each);
      EXPECT_EQ(weights.uniqueBytes, n * rowBytes);
    }
}

// Of two weights a warp has half as many rows each.
TEST(GpuCounters, MatvecReadsSectorsOfTwoWeightsOnce) {
  GpuMachine machine;
  double error = relativeError(
      {gatedQuantized("matvec", "q4_1", "q8_0", 64, 576)}, machine);
  EXPECT_LT(error, 2e-2);
  Traffic weights = machine.counters().front().weightLoads();
  EXPECT_EQ(weights.sectors * 32, 64 * (360 + 612));
  EXPECT_EQ(weights.bytes, 64 * (360 + 612));
}

// A sector in which a step or a row ends is asked for twice.
TEST(GpuCounters, MatvecWastesNoSectorOfLongQuantizedRows) {
  const QuantizedRow rows[] = {{"q6_k", 11008, 9030}, {"q4_0", 11008, 6192}};
  for (auto [type, k, rowBytes] : rows) {
    Product each = {"matvec", std::string("!llama.") + type, 24, k, 1};
    Traffic weights = count(each).weightLoads();
    EXPECT_GE(weights.efficiency(), 0.999) << testing::PrintToString(each);
    EXPECT_EQ(weights.uniqueBytes, each.n * rowBytes);
    EXPECT_LE(weights.bytes, each.n * rowBytes * 103 / 100);
  }
}

// Half of a warp has blocks of a row of 4096: the other half has another row.
TEST(GpuCounters, MatvecLeavesNoLaneWithoutABlock) {
  Product wide = {"matvec", "!llama.q4_k", 32, 8192, 1};
  Product narrow = {"matvec", "!llama.q4_k", 64, 4096, 1};
  EXPECT_LE(double(count(narrow).instructions()),
            1.2 * double(count(wide).instructions()));
}

// Rows past the last are read as copies of it: again, but in whole sectors.
TEST(GpuCounters, MatvecWastesNoSectorOnRowsLeftOver) {
  for (const char *type : floatTypes) {
    Product each = {"matvec", type, 37, 80, 1};
    Traffic weights = count(each).weightLoads();
    EXPECT_EQ(weights.efficiency(), 1.0) << type;
    EXPECT_EQ(weights.uniqueBytes, each.weightBytes()) << type;
    EXPECT_EQ(weights.bytes, 40 * 80 * bytesOf(type)) << type;
  }
}

// A gathered row is read as the sectors that hold it, once for all segments.
TEST(GpuCounters, RowwiseReadsWholeSectorsOfQuantizedRows) {
  for (const char *type : {"q8_0", "q4_0", "q4_1", "q2_k", "q6_k"}) {
    GpuMachine machine;
    double error = relativeError({embedding(std::string("!llama.") + type),
                                  4,
                                  4,
                                  {{7, 0, 20, 31}},
                                  0,
                                  2},
                                 machine);
    EXPECT_LT(error, 1e-6) << type;
    Traffic weights = machine.counters().front().weightLoads();
    EXPECT_GT(weights.bytes, 0) << type;
    EXPECT_EQ(weights.efficiency(), 1.0) << type;
    EXPECT_EQ(weights.uniqueBytes, weights.bytes) << type;
  }
}

TEST(GpuCounters, StreamedMatmulReadsWholeSectorsOnceForEachTokenTile) {
  for (const char *type : {"f16", "bf16"})
    for (int64_t t : {2, 8}) {
      Product each = {"matmul", type, 96, 512, t};
      ASSERT_EQ(sizesOf(each).stages, 0) << "it does not stream";
      Traffic weights = count(each).weightLoads();
      EXPECT_EQ(weights.efficiency(), 1.0) << testing::PrintToString(each);
      EXPECT_EQ(weights.bytes, each.weightBytes())
          << testing::PrintToString(each);
      EXPECT_EQ(weights.uniqueBytes, each.weightBytes());
    }
}

// A step that passes the end of a row reads its last sector again.
TEST(GpuCounters, StreamedMatmulWastesNoSectorOnColumnsLeftOver) {
  for (const char *type : {"f16", "bf16"})
    for (int64_t k : {16, 48, 80, 208, 576, 1072})
      for (int64_t n : {16, 37}) {
        Product each = {"matmul", type, n, k, 5};
        ASSERT_EQ(sizesOf(each).stages, 0) << "it does not stream";
        Traffic weights = count(each).weightLoads();
        EXPECT_EQ(weights.efficiency(), 1.0) << testing::PrintToString(each);
        EXPECT_EQ(weights.uniqueBytes, each.weightBytes());
      }
}

TEST(GpuCounters, StagedMatmulReadsWholeSectorsOnceForEachTokenTile) {
  for (const char *type : floatTypes)
    for (int64_t t : {12, 64, 130}) {
      Product each = {"matmul", type, 128, 256, t};
      Sizes sizes = sizesOf(each);
      ASSERT_GT(sizes.stages, 1) << "it does not stage copies";
      Traffic weights = count(each).weightLoads();
      EXPECT_EQ(weights.efficiency(), 1.0) << testing::PrintToString(each);
      EXPECT_EQ(weights.bytes,
                llvm::divideCeil(t, sizes.tokenTile) * each.weightBytes())
          << testing::PrintToString(each);
      EXPECT_EQ(weights.uniqueBytes, each.weightBytes());
    }
}

TEST(GpuCounters, StagedMatmulWastesNoSectorOnWhatIsLeftOver) {
  for (const char *type : floatTypes)
    for (int64_t k : {16, 80, 208})
      for (int64_t n : {37, 70}) {
        Product each = {"matmul", type, n, k, 20};
        ASSERT_GT(sizesOf(each).stages, 1) << "it does not stage copies";
        Traffic weights = count(each).weightLoads();
        EXPECT_EQ(weights.efficiency(), 1.0) << testing::PrintToString(each);
        EXPECT_EQ(weights.uniqueBytes, each.weightBytes());
      }
}

// A step of K that ends inside a sector has the next one ask for it again.
TEST(GpuCounters, StagedMatmulReadsWholeSectorsOfQuantizedRows) {
  for (auto [type, k, rowBytes] : quantizedRows)
    for (int64_t t : {5, 70}) {
      Product each = {"matmul", std::string("!llama.") + type, 64, k, t};
      int64_t passes = llvm::divideCeil(t, sizesOf(each).tokenTile);
      Traffic weights = count(each).weightLoads();
      EXPECT_EQ(weights.efficiency(), 1.0) << testing::PrintToString(each);
      EXPECT_EQ(weights.uniqueBytes, 64 * rowBytes);
      EXPECT_GE(weights.bytes, passes * 64 * rowBytes);
      EXPECT_LE(weights.bytes, passes * 64 * rowBytes * 6 / 5)
          << testing::PrintToString(each);
    }
}

//===----------------------------------------------------------------------===//
// Tensor cores
//===----------------------------------------------------------------------===//

TEST(GpuCounters, MatmulMultipliesThePaddedShapeOnce) {
  for (const char *type : {"f16", "bf16", "!llama.q8_0"})
    for (int64_t t : {5, 20, 70})
      for (int64_t k : {256, 576}) {
        Product each = {"matmul", type, 70, k, t};
        Sizes sizes = sizesOf(each);
        int64_t step = sizes.kTile;
        if (sizes.stages == 0) // warps without rows of their own divide K
          step *= sizes.warps / (sizes.rowTile / sizes.rowUnroll);
        int64_t padded = llvm::alignTo(each.n, sizes.rowTile) *
                         llvm::alignTo(each.k, step) *
                         llvm::alignTo(each.t, sizes.tokenTile);
        EXPECT_EQ(count(each).tensorMacs, padded)
            << testing::PrintToString(each);
      }
}

// Two products of rows times head_dim times positions, in blocks of kv_tile.
TEST(GpuCounters, PrefillMultipliesThePaddedShapeOnce) {
  for (const char *type : {"f16", "bf16"}) {
    AttentionShape shape;
    shape.type = type;
    AttentionCase batch(shape, {{100, 20}}, 6);
    // 20 tokens of 3 heads fill one pass of 4 warps with 16 rows each; they see
    // 120 positions, two blocks of 64.
    EXPECT_EQ(prefillOnGpu(batch, 20).counters.front().tensorMacs,
              shape.kvHeads * 64 * 128 * shape.headDim * 2)
        << type;
  }
}

//===----------------------------------------------------------------------===//
// Banks of shared memory
//===----------------------------------------------------------------------===//

/// What the passes over shared memory grow by from `shorter` to `longer`.
struct Banks {
  Banks(const Counters &shorter, const Counters &longer)
      : wavefronts(longer.sharedWavefronts - shorter.sharedWavefronts),
        conflicts(longer.bankConflicts - shorter.bankConflicts) {}

  int64_t wavefronts, conflicts;

  double share() const { return double(conflicts) / double(wavefronts); }
};

TEST(GpuCounters, MatmulMeetsNoBankTwice) {
  for (const char *type : {"f32", "f16", "bf16", "!llama.q8_0", "!llama.q4_k"})
    for (int64_t t : {8, 20, 130}) {
      Product shorter = {"matmul", type, 64, 512, t}, longer = shorter;
      longer.k = 1536;
      Banks banks(count(shorter), count(longer));
      if (sizesOf(longer).stages == 0) { // nothing is shared but sums
        EXPECT_EQ(banks.wavefronts, 0) << testing::PrintToString(longer);
        continue;
      }
      EXPECT_GT(banks.wavefronts, 0) << testing::PrintToString(longer);
      EXPECT_LE(banks.share(), 0.02) << testing::PrintToString(longer);
    }
}

// Keys and values do not go through shared memory at all.
TEST(GpuCounters, DecodeSharesNothingInItsLoop) {
  for (const char *type : floatTypes) {
    AttentionShape shape;
    shape.type = type;
    AttentionCase near(shape, {{200, 1}}, 6), far(shape, {{600, 1}}, 6);
    Banks banks(decodeOnGpu(near, 1, 1024).counters.front(),
                decodeOnGpu(far, 1, 1024).counters.front());
    EXPECT_EQ(banks.wavefronts, 0) << type;
  }
}

TEST(GpuCounters, PrefillMeetsNoBankTwice) {
  for (const char *type : {"f16", "bf16"})
    for (auto [headDim, pageSize] :
         {std::pair(64, 64), {128, 32}, {96, 16}, {32, 16}, {16, 32}}) {
      AttentionShape shape;
      shape.headDim = headDim;
      shape.pageSize = pageSize;
      shape.type = type;
      AttentionCase near(shape, {{236, 20}}, 6), far(shape, {{748, 20}}, 6);
      Banks banks(prefillOnGpu(near, 20).counters.front(),
                  prefillOnGpu(far, 20).counters.front());
      EXPECT_GT(banks.wavefronts, 0) << type << " " << headDim;
      EXPECT_LE(banks.share(), 0.02) << type << " " << headDim;
    }
}

} // namespace
