//===- GpuSchedulesTest.cpp - Schedules within the limits of GPUs ---------===//
//
// What the table leaves out where a block has little shared memory, and that
// the emitters refuse what does not fit. A made-up GPU has little of it: the
// schedules that are wanted fit all real ones.
//
//===----------------------------------------------------------------------===//

#include "kernels/schedules/GpuSchedules.h"
#include "kernels/nvptx/BlockMemory.h"
#include "kernels/nvptx/Emitter.h"
#include "kernels/nvptx/TileWindows.h"
#include "test/kernels/RowCases.h"
#include "test/kernels/nvptx/GpuMachine.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace mlir;

namespace quipu {
namespace {

using kernel::ScheduleAttr;
using testing::HasSubstr;

constexpr int64_t kibibyte = 1024;

/// A matmul of many rows in bf16; `schedule` may be empty.
std::string matmul(const std::string &schedule = "") {
  return R"(
    func.func @k(%x: tensor<?x2048xf32>, %w: tensor<16384x2048xbf16>)
        -> tensor<?x16384xf32> {
      %y = kernel.matmul "m" tokens )" +
         schedule + R"( -> tensor<?x16384xf32> {
        kernel.prologue %x : tensor<?x2048xf32>
        kernel.segment single into result
            weights(%w : tensor<16384x2048xbf16>) {
        ^bb0(%v: f32):
          kernel.yield %v : f32
        }
      }
      return %y : tensor<?x16384xf32>
    })";
}

constexpr const char *prefill = R"(
  func.func @k(%q: tensor<?x4096xf32>, %kv: !llama.kv<8, 128, page 64, bf16>,
               %p: tensor<?xi32>, %s: tensor<?xi32>, %pages: tensor<?x?xi32>)
      -> tensor<?x4096xf32> {
    %o = kernel.attention_prefill "a" %q, %kv, %p, %s, %pages scale 0.5
        : tensor<?x4096xf32>, !llama.kv<8, 128, page 64, bf16>, tensor<?xi32>,
          tensor<?x?xi32>
    return %o : tensor<?x4096xf32>
  })";

class GpuSchedules : public testing::Test {
protected:
  void parse(const std::string &text) {
    module = parseSourceString<ModuleOp>(text, context.get());
    ASSERT_TRUE(module);
    function = *module->getOps<func::FuncOp>().begin();
  }

  ScheduleAttr choose(const GpuLimits &limits) {
    return chooseGpuSchedule(test::skeletonOf(function), 512, limits);
  }

  /// Bytes of shared memory that the emitted kernel takes with `schedule` on a
  /// GPU that has `limits`; -1 where it is refused, with `message` and `note`.
  int64_t emit(ScheduleAttr schedule, const GpuLimits &limits) {
    GpuTarget target = {"sm_80", "+ptx70", 80, limits};
    kernel::setSchedule(test::skeletonOf(function), schedule);
    OwningOpRef<ModuleOp> emitted = ModuleOp::create(function.getLoc());
    note.clear();
    ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &found) {
      message = found.str();
      for (Diagnostic &each : found.getNotes())
        note += each.str();
      return success();
    });
    if (failed(emitGpuKernel(function, target, *emitted)))
      return -1;
    auto entry = emitted->lookupSymbol<func::FuncOp>(function.getName());
    return entry->getAttrOfType<IntegerAttr>(sharedBytesAttrName).getInt();
  }

  test::GpuMachine machine;
  std::unique_ptr<MLIRContext> context = test::createKernelContext(machine);
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  std::string message, note;
};

GpuLimits withShared(int64_t bytes) {
  GpuLimits limits = leastLimits({});
  limits.sharedPerBlock = bytes;
  limits.sharedPerMultiprocessor = bytes + kibibyte;
  return limits;
}

TEST(GpuLimits, areThoseOfEveryGpuThatRunsTheCode) {
  const GpuTarget *sm80 = findGpuTarget("sm_80"),
                  *sm90a = findGpuTarget("sm_90a");
  EXPECT_EQ(sm80->limits.sharedPerBlock, 163 * kibibyte);
  // Code for sm_80 runs on sm_86 too, that for sm_90a on no other.
  EXPECT_EQ(leastLimits(sm80).sharedPerBlock, 99 * kibibyte);
  EXPECT_EQ(leastLimits(sm90a).sharedPerBlock, 227 * kibibyte);
  EXPECT_EQ(leastLimits(sm90a).sharedPerMultiprocessor, 228 * kibibyte);
  EXPECT_EQ(leastLimits({sm90a, sm80}).sharedPerBlock, 99 * kibibyte);
  EXPECT_EQ(leastLimits({}).sharedPerBlock, 99 * kibibyte);
}

TEST_F(GpuSchedules, aMatmulTakesFewerStagesThenSmallerTiles) {
  parse(matmul());
  ScheduleAttr wanted = choose(leastLimits({}));
  EXPECT_EQ(wanted.getRowTile(), 128);
  EXPECT_EQ(wanted.getStages(), 3);
  ScheduleAttr fewer = choose(withShared(70 * kibibyte));
  EXPECT_EQ(fewer.getRowTile(), 128);
  EXPECT_EQ(fewer.getStages(), 2);
  ScheduleAttr smaller = choose(withShared(48 * kibibyte));
  EXPECT_EQ(smaller.getRowTile(), 64);
  EXPECT_EQ(smaller.getTokenTile(), 64);
  EXPECT_EQ(smaller.getStages(), 2);
  EXPECT_EQ(choose(withShared(20 * kibibyte)).getRowTile(), 32);
}

TEST_F(GpuSchedules, whatIsChosenIsEmittedWithinTheLimit) {
  parse(matmul());
  for (int64_t bytes : {227, 99, 70, 48, 20}) {
    GpuLimits limits = withShared(bytes * kibibyte);
    int64_t taken = emit(choose(limits), limits);
    EXPECT_GT(taken, 0) << bytes << " KiB: " << message;
    EXPECT_LE(taken, limits.sharedPerBlock);
  }
}

TEST_F(GpuSchedules, twoBlocksOfPrefillFitAMultiprocessor) {
  parse(prefill);
  EXPECT_EQ(choose(leastLimits({})).getKvTile(), 32);
  GpuLimits half = leastLimits({});
  half.sharedPerMultiprocessor = 50 * kibibyte;
  ScheduleAttr chosen = choose(half);
  EXPECT_EQ(chosen.getKvTile(), 16);
  int64_t taken = emit(chosen, half);
  EXPECT_GT(taken, 0) << message;
  EXPECT_LE(2 * (taken + kibibyte), half.sharedPerMultiprocessor);
}

TEST_F(GpuSchedules, whatABlockDoesNotHaveIsRefused) {
  parse(matmul());
  ScheduleAttr wanted = choose(leastLimits({}));
  int64_t taken = emit(wanted, leastLimits({}));
  ASSERT_GT(taken, 0);
  EXPECT_EQ(emit(wanted, withShared(taken)), taken);
  EXPECT_EQ(emit(wanted, withShared(taken - 1)), -1);
  EXPECT_THAT(message,
              HasSubstr("expected at most " + std::to_string(taken - 1) +
                        " bytes of shared memory, which a block has on sm_80, "
                        "found " +
                        std::to_string(taken)));
  GpuLimits few = leastLimits({});
  few.threadsPerBlock = 128;
  EXPECT_EQ(emit(wanted, few), -1);
  EXPECT_THAT(message, HasSubstr("at most 128 threads, which a block has on "
                                 "sm_80, found 256"));
  EXPECT_EQ(note.find("take less"), std::string::npos); // of a matmul
}

TEST_F(GpuSchedules, aMatvecThatDoesNotFitSaysWhatTakesLess) {
  module = parseSourceString<ModuleOp>(
      test::product("matvec", "!llama.q8_0", 4096, 4096, 1), context.get());
  ASSERT_TRUE(module);
  function = test::scheduledKernel(*module, machine, 1);
  ScheduleAttr chosen = kernel::getSchedule(test::skeletonOf(function));
  EXPECT_GT(emit(chosen, leastLimits({})), 0) << message;
  auto unrolled = cast<ScheduleAttr>(parseAttribute(
      "#kernel.schedule<row_tile = 256, vector = 8, row_unroll = 32, "
      "threads = 256>",
      context.get()));
  EXPECT_EQ(emit(unrolled, leastLimits({})), -1);
  // 8 warps stage 32 rows of 32 blocks of 34 bytes each.
  EXPECT_THAT(message, HasSubstr("found " + std::to_string(8 * 32 * 32 * 34)));
  EXPECT_THAT(note, HasSubstr("smaller row_unroll or fewer threads take less"));
}

// Files mix types: windows of one segment stand beside the stages of another.
TEST_F(GpuSchedules, stagesAndWindowsOfOneKernelFit) {
  parse(R"(
    func.func @k(%x: tensor<?x4096xf32>, %q: tensor<8192x4096x!llama.q6_k>,
                 %v: tensor<8192x4096xbf16>)
        -> (tensor<?x8192xf32>, tensor<?x8192xf32>) {
      %y, %z = kernel.matmul "m" tokens
          -> tensor<?x8192xf32>, tensor<?x8192xf32> {
        kernel.prologue %x : tensor<?x4096xf32>
        kernel.segment single into result
            weights(%q : tensor<8192x4096x!llama.q6_k>) decoders [@q6_k] {
        ^bb0(%a: f32):
          kernel.yield %a : f32
        }
        kernel.segment single into result
            weights(%v : tensor<8192x4096xbf16>) {
        ^bb0(%a: f32):
          kernel.yield %a : f32
        }
      }
      return %y, %z : tensor<?x8192xf32>, tensor<?x8192xf32>
    })");
  function = test::scheduledKernel(*module, machine, 512);
  for (int64_t bytes : {227, 130, 99}) {
    ScheduleAttr chosen = choose(withShared(bytes * kibibyte));
    EXPECT_GT(chosen.getStages(), 1) << bytes;
    EXPECT_GT(emit(chosen, withShared(bytes * kibibyte)), 0) << message;
  }
}

TEST_F(GpuSchedules, quantizedRowsTakeNoMoreThanIsReckonedWith) {
  for (ElementType type :
       {ElementType::q8_0, ElementType::q4_0, ElementType::q4_1,
        ElementType::q5_0, ElementType::q5_1, ElementType::q2_k,
        ElementType::q3_k, ElementType::q4_k, ElementType::q5_k,
        ElementType::q6_k})
    for (int64_t blocks : {1, 2, 9, 64, 448})
      for (int64_t depth : {32, 64}) {
        int64_t columns = blocks * blockElements(type);
        gpu::TileWindows windows(type, /*couples=*/64, columns, depth);
        EXPECT_LE(windows.bytes(), gpu::mostTileWindowBytes)
            << name(type) << " " << columns << " " << depth;
        for (const gpu::TileWindows::Group &group : windows.groups)
          for (int64_t rows : {1, 2, 3, 70}) {
            int64_t bytes = 0;
            for (int64_t row = 0; row < rows; ++row)
              bytes += group.windows.copiedBytes(row, rows);
            EXPECT_EQ(group.windows.copiedBytes(rows), bytes);
            EXPECT_GE(bytes, rows * group.windows.rowBytes());
          }
      }
}

TEST_F(GpuSchedules, eightStagesFitWhereABlockHasMore) {
  parse(matmul("schedule <row_tile = 128, token_tile = 128, vector = 8, "
               "row_unroll = 64, token_unroll = 32, arithmetic = bf16, "
               "threads = 256, k_tile = 64, stages = 8>"));
  ScheduleAttr deep = kernel::getSchedule(test::skeletonOf(function));
  EXPECT_EQ(emit(deep, findGpuTarget("sm_86")->limits), -1);
  EXPECT_GT(emit(deep, findGpuTarget("sm_80")->limits), 0) << message;
  EXPECT_GT(emit(deep, findGpuTarget("sm_90a")->limits), 0) << message;
}

} // namespace
} // namespace quipu
