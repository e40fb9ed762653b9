//===- MatrixTest.cpp - mma, ldmatrix and cp.async ------------------------===//
//
// Tiles through shared memory into tensor-core instructions, against sums in
// C++, with the counters they leave.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

#include <random>

namespace quipu::emulator {
namespace {

uint16_t bfloatOf(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return uint16_t(bits >> 16); // the values used are exact
}

/// A (16, K) row by row and B (8, K): column n of B is row n here.
struct Factors {
  std::vector<float> a, b;
  std::vector<float> product; // (16, 8)

  explicit Factors(int depth) : a(16 * depth), b(8 * depth), product(128) {
    std::mt19937 random(7);
    for (std::vector<float> *values : {&a, &b})
      for (float &value : *values)
        value = float(int(random() % 33) - 16) / 8;
    for (int m = 0; m < 16; ++m)
      for (int n = 0; n < 8; ++n)
        for (int k = 0; k < depth; ++k)
          product[m * 8 + n] += a[m * depth + k] * b[n * depth + k];
  }
  static std::vector<uint16_t> bfloats(const std::vector<float> &values) {
    std::vector<uint16_t> bits;
    for (float value : values)
      bits.push_back(bfloatOf(value));
    return bits;
  }
};

/// D's fragment to (16, 8) at %rd2.
const char *storeProduct = "shr.u32 %r1, %r0, 2;\n"
                           "and.b32 %r2, %r0, 3;\n"
                           "shl.b32 %r3, %r1, 5;\n"
                           "shl.b32 %r4, %r2, 3;\n"
                           "add.u32 %r3, %r3, %r4;\n"
                           "cvt.u64.u32 %rd10, %r3;\n"
                           "add.u64 %rd10, %rd10, %rd2;\n"
                           "st.global.v2.f32 [%rd10], {%f0, %f1};\n"
                           "st.global.v2.f32 [%rd10+256], {%f2, %f3};\n";
const char *zeroSums = "mov.f32 %f0, 0f00000000;\nmov.f32 %f1, 0f00000000;\n"
                       "mov.f32 %f2, 0f00000000;\nmov.f32 %f3, 0f00000000;\n";

/// A's 512 bytes to shared memory, B's 256 behind: 16 bytes a lane, rows of 16
/// bytes in the order that ldmatrix addresses them without conflicts.
std::string matmulKernel(const std::string &beforeUse) {
  // Lane l copies half h = l & 1 of row r = l / 2: matrix (h, r / 8), row r
  // % 8.
  return std::string("mov.u32 %r9, dyn;\n"
                     "shl.b32 %r1, %r0, 4;\n"
                     "cvt.u64.u32 %rd3, %r1;\n"
                     "add.u64 %rd4, %rd3, %rd0;\n"
                     "and.b32 %r2, %r0, 1;\n"
                     "shr.u32 %r3, %r0, 1;\n"
                     "shl.b32 %r4, %r2, 8;\n"
                     "shl.b32 %r5, %r3, 4;\n"
                     "add.u32 %r6, %r4, %r5;\n"
                     "cp.async.cg.shared.global [%r6], [%rd4], 16;\n"
                     "add.u64 %rd5, %rd3, %rd1;\n"
                     "shl.b32 %r4, %r2, 7;\n"
                     "add.u32 %r7, %r4, %r5;\n"
                     "setp.lt.u32 %p0, %r0, 16;\n"
                     "@%p0 cp.async.cg.shared.global [%r7+512], [%rd5], 16;\n"
                     "cp.async.commit_group;\n") +
         beforeUse + zeroSums +
         "shl.b32 %r8, %r0, 4;\n"
         "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, "
         "[%r8];\n"
         "and.b32 %r8, %r8, 255;\n"
         "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r14, %r15}, [%r8+512];\n"
         "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
         "{%f0, %f1, %f2, %f3}, {%r10, %r11, %r12, %r13}, {%r14, %r15}, "
         "{%f0, %f1, %f2, %f3};\n" +
         storeProduct;
}

const char *waited = "cp.async.wait_group 0;\nbar.sync 0;\n";

TEST(Matrix, multipliesThroughAsyncCopiesAndLdmatrix) {
  Factors factors(16);
  KernelRun run(matmulKernel(waited), 3);
  run.input("a", Factors::bfloats(factors.a));
  run.input("b", Factors::bfloats(factors.b));
  run.output("d", 512);
  run.launchClean(1, 32, 768);
  EXPECT_EQ(run.values<float>(2, 128), factors.product);
  const Counters &counters = run.report.counters;
  EXPECT_EQ(counters.tensorInstructions, 1);
  EXPECT_EQ(counters.tensorMacs, 16 * 8 * 16);
  EXPECT_EQ(counters.weightLoads().sectors, 768 / 32);
  EXPECT_EQ(counters.weightLoads().efficiency(), 1.0);
}

TEST(Matrix, countsLdmatrixPasses) {
  // Rows 16 bytes apart hit all banks once; rows 128 bytes apart only four.
  for (auto [step, conflicts] : {std::pair(16, 0), std::pair(128, 28)}) {
    KernelRun run("mov.u32 %r9, dyn;\n"
                  "mul.lo.u32 %r1, %r0, " +
                      std::to_string(step) +
                      ";\nldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, "
                      "%r11, %r12, %r13}, [%r1];\n",
                  0);
    run.launchClean(1, 32, 4096);
    EXPECT_EQ(run.report.counters.sharedWavefronts, 4 + conflicts);
    EXPECT_EQ(run.report.counters.bankConflicts, conflicts);
  }
}

TEST(Matrix, findsUseOfACopyBeforeTheWait) {
  Factors factors(16);
  for (auto [before, check] : {std::pair("", Check::sharedRace),
                               std::pair("bar.sync 0;\n", Check::undefined)}) {
    KernelRun run(matmulKernel(before), 3);
    run.input("a", Factors::bfloats(factors.a));
    run.input("b", Factors::bfloats(factors.b));
    run.output("d", 512);
    run.launch(1, 32, 768);
    run.finding(check);
  }
  KernelRun unordered(matmulKernel("cp.async.wait_group 0;\n"), 3);
  unordered.input("a", Factors::bfloats(factors.a));
  unordered.input("b", Factors::bfloats(factors.b));
  unordered.output("d", 512);
  unordered.launch(1, 32, 768);
  unordered.finding(Check::sharedRace);
}

TEST(Matrix, fillsTheRestOfAShortCopyWithZeros) {
  KernelRun run("mov.u32 %r9, dyn;\n"
                "shl.b32 %r1, %r0, 4;\n"
                "and.b32 %r2, %r0, 1;\n"
                "shl.b32 %r2, %r2, 3;\n" + // 0 or 8 bytes
                indexed(10, 0, 16) +
                "cp.async.cg.shared.global [%r1], [%rd10], 16, %r2;\n"
                "cp.async.wait_all;\n"
                "ld.shared.v4.u32 {%r3, %r4, %r5, %r6}, [%r1];\n" +
                indexed(11, 1, 16) +
                "st.global.v4.u32 [%rd11], {%r3, %r4, %r5, %r6};\n");
  run.input("in", std::vector<uint32_t>(128, 5));
  run.output("out", 512);
  run.launchClean(1, 32, 512);
  auto out = run.values<uint32_t>(1, 128);
  for (int word = 0; word < 128; ++word)
    EXPECT_EQ(out[word], word / 4 % 2 && word % 4 < 2 ? 5u : 0u) << word;
}

TEST(Matrix, transposesWithLdmatrix) {
  KernelRun run("mov.u32 %r9, dyn;\n"
                "shl.b32 %r1, %r0, 2;\n" +
                indexed(10, 0, 4) +
                "ld.global.u32 %r2, [%rd10];\n"
                "st.shared.u32 [%r1], %r2;\n"
                "bar.sync 0;\n"
                "and.b32 %r3, %r0, 7;\n"
                "shl.b32 %r3, %r3, 4;\n"
                "ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r4}, "
                "[%r3];\n" +
                indexed(11, 1, 4) + "st.global.u32 [%rd11], %r4;\n");
  std::vector<uint16_t> matrix(64);
  for (int i = 0; i < 64; ++i)
    matrix[i] = uint16_t(i);
  run.input("in", matrix);
  run.output("out", 128);
  run.launchClean(1, 32, 128);
  auto out = run.values<uint16_t>(1, 64);
  for (int row = 0; row < 8; ++row)
    for (int column = 0; column < 8; ++column)
      EXPECT_EQ(out[row * 8 + column], column * 8 + row);
}

TEST(Matrix, multipliesBytes) {
  std::mt19937 random(3);
  std::vector<int8_t> a(16 * 32), b(8 * 32);
  for (auto *values : {&a, &b})
    for (int8_t &value : *values)
      value = int8_t(random());
  // Straight from memory: the fragments of m16n8k32.
  KernelRun run("shr.u32 %r1, %r0, 2;\n"
                "and.b32 %r2, %r0, 3;\n"
                "shl.b32 %r3, %r1, 5;\n"
                "shl.b32 %r4, %r2, 2;\n"
                "add.u32 %r3, %r3, %r4;\n"
                "cvt.u64.u32 %rd3, %r3;\n"
                "add.u64 %rd4, %rd0, %rd3;\n"
                "add.u64 %rd5, %rd1, %rd3;\n"
                "ld.global.u32 %r10, [%rd4];\n"
                "ld.global.u32 %r11, [%rd4+256];\n"
                "ld.global.u32 %r12, [%rd4+16];\n"
                "ld.global.u32 %r13, [%rd4+272];\n"
                "ld.global.u32 %r14, [%rd5];\n"
                "ld.global.u32 %r15, [%rd5+16];\n"
                "mov.u32 %r20, 0;\nmov.u32 %r21, 0;\n"
                "mov.u32 %r22, 0;\nmov.u32 %r23, 1;\n"
                "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
                "{%r20, %r21, %r22, %r23}, {%r10, %r11, %r12, %r13}, "
                "{%r14, %r15}, {%r20, %r21, %r22, %r23};\n"
                "mov.b32 %f0, %r20;\nmov.b32 %f1, %r21;\n"
                "mov.b32 %f2, %r22;\nmov.b32 %f3, %r23;\n" +
                    std::string(storeProduct),
                3);
  run.input("a", a);
  run.input("b", b);
  run.output("d", 512);
  run.launchClean();
  auto product = run.values<int32_t>(2, 128);
  for (int m = 0; m < 16; ++m)
    for (int n = 0; n < 8; ++n) {
      int32_t sum = m >= 8 && n % 2 == 1; // what %r23 began with
      for (int k = 0; k < 32; ++k)
        sum += a[m * 32 + k] * b[n * 32 + k];
      EXPECT_EQ(product[m * 8 + n], sum) << m << ", " << n;
    }
}

} // namespace
} // namespace quipu::emulator
