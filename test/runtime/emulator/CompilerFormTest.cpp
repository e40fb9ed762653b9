//===- CompilerFormTest.cpp - Forms that CUDA's headers print -------------===//
//
// Comparisons and atomics of halves, barriers that wait for cp.async, cache
// policies, and the special registers of cooperative groups.
//
//===----------------------------------------------------------------------===//

#include "InstructionRun.h"

#include "base/Dequantize.h"

namespace quipu::emulator {
namespace {

using testing::Each;
using testing::HasSubstr;

uint32_t pairOf(float low, float high, bool isHalf) {
  auto bits = [&](float x) {
    return uint32_t(isHalf ? floatToHalf(x) : floatToBfloat16(x));
  };
  return bits(low) | bits(high) << 16;
}

/// Pairs of small numbers, some of them equal in one half or NaN.
struct Pairs {
  std::vector<float> low, high;
  std::vector<uint32_t> bits;

  Pairs(bool isHalf, int step) {
    for (int lane = 0; lane < 32; ++lane) {
      low.push_back(float(lane * step % 5));
      high.push_back(lane % 11 == 0 ? NAN : float(lane * step % 3) - 1);
      bits.push_back(pairOf(low.back(), high.back(), isHalf));
    }
  }
};

TEST(CompilerForms, setComparesPairs) {
  for (bool isHalf : {true, false}) {
    std::string type = isHalf ? "f16x2" : "bf16x2";
    Pairs a(isHalf, 3), b(isHalf, 7);
    std::vector<uint32_t> none(32);
    auto ones = run<uint32_t>("set.lt." + type + "." + type + " $d, $a, $b;",
                              a.bits, b.bits, none);
    auto masks = run<uint32_t>("set.geu.u32." + type + " $d, $a, $b;", a.bits,
                               b.bits, none);
    auto both = run<uint32_t>("setp.eq." + type +
                                  " %p1|%p2, $a, $b;\n"
                                  "selp.b32 $d, 1, 0, %p1;\n"
                                  "@%p2 add.u32 $d, $d, 2;",
                              a.bits, b.bits, none);
    for (int lane = 0; lane < 32; ++lane) {
      EXPECT_EQ(ones[lane], pairOf(a.low[lane] < b.low[lane],
                                   a.high[lane] < b.high[lane], isHalf));
      EXPECT_EQ(masks[lane],
                (a.low[lane] < b.low[lane] ? 0 : 0xffffu) |
                    (a.high[lane] < b.high[lane] ? 0 : 0xffff0000u));
      EXPECT_EQ(both[lane], uint32_t(a.low[lane] == b.low[lane]) +
                                2 * uint32_t(a.high[lane] == b.high[lane]));
    }
  }
}

TEST(CompilerForms, setWritesNarrowResults) {
  std::vector<uint16_t> a(32), b(32), c(32);
  for (int lane = 0; lane < 32; ++lane) {
    a[lane] = floatToHalf(float(lane));
    b[lane] = floatToHalf(float(31 - lane));
  }
  auto ones = run<uint16_t>("set.gt.f16.f16 $d, $a, $b;", a, b, c);
  auto masks = run<uint16_t>("setp.ne.b16 %p1, $c, $c;\n"
                             "set.gt.or.u16.f16 $d, $a, $b, %p1;",
                             a, b, c);
  auto none = run<uint16_t>("setp.eq.b16 %p1, $c, $c;\n"
                            "set.gt.xor.s16.f16 $d, $a, $b, %p1;",
                            a, b, c);
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(ones[lane], lane > 31 - lane ? 0x3c00 : 0) << lane;
    EXPECT_EQ(masks[lane], lane > 31 - lane ? 0xffff : 0) << lane;
    EXPECT_EQ(none[lane], lane > 31 - lane ? 0 : 0xffff) << lane;
  }
}

/// What 64 threads make of one word with `instruction` of [%rd0].
uint32_t atomicOf(const std::string &instruction, uint32_t start) {
  KernelRun run("cvt.rn.f32.u32 %f1, %r0;\nadd.f32 %f2, %f1, 0f3F800000;\n"
                "{\n.reg .b16 %x<4>;\ncvt.rn.f16.f32 %x0, %f1;\n"
                "cvt.rn.f16.f32 %x1, %f2;\ncvt.rn.bf16.f32 %x2, %f1;\n"
                "cvt.rn.bf16.f32 %x3, %f2;\nmov.b32 %r1, {%x0, %x1};\n"
                "mov.b32 %r2, {%x2, %x3};\n" +
                    instruction + "\n}\n",
                1);
  run.input("word", std::vector<uint32_t>{start}, true);
  run.launchClean(2, 32);
  return run.values<uint32_t>(0, 1)[0];
}

TEST(CompilerForms, atomicsOnHalves) {
  // Sums of 0 to 31 twice, each step exact: 992, and 1056 of one more.
  EXPECT_EQ(
      atomicOf("atom.add.noftz.f16 %x0, [%rd0], %x0;", pairOf(8, 5, true)),
      pairOf(1000, 5, true));
  EXPECT_EQ(atomicOf("atom.global.add.noftz.f16x2 %r3, [%rd0], %r1;",
                     pairOf(8, 0, true)),
            pairOf(1000, 1056, true));
  EXPECT_EQ(
      atomicOf("red.global.add.noftz.f16x2 [%rd0], %r1;", pairOf(8, 0, true)),
      pairOf(1000, 1056, true));
  EXPECT_EQ(atomicOf("atom.global.max.noftz.bf16x2 %r3, [%rd0], %r2;",
                     pairOf(-4, 7, false)),
            pairOf(31, 32, false));
  // Each of 64 adds 1: exact in 8 bits.
  EXPECT_EQ(atomicOf("mov.b16 %x0, 0x3F80;\n"
                     "atom.add.noftz.bf16 %x1, [%rd0], %x0;",
                     pairOf(0, 3, false)),
            pairOf(64, 3, false));
  EXPECT_EQ(atomicOf("mov.b32 %r1, 0x3F803F80;\n"
                     "red.add.noftz.bf16x2 [%rd0], %r1;",
                     pairOf(1, 2, false)),
            pairOf(65, 66, false));
}

/// 64 threads copy a word each, arrive and wait, and read another's.
std::string copyAndArrive(const std::string &arrive, bool waits) {
  return "setp.ne.u32 %p1, %r0, 0;\n"
         "@!%p1 mbarrier.init.shared.b64 [dyn+256], 64;\nbar.sync 0;\n"
         "mad.lo.u32 %r1, %r0, 4, 0;\n" +
         indexed(10, 1, 4) + "cp.async.ca.shared.global [%r1], [%rd10], 4;\n" +
         arrive +
         (waits ? "wait:\nmbarrier.try_wait.parity.shared.b64 %p3, [dyn+256], "
                  "0;\n@!%p3 bra wait;\n"
                : "") +
         "sub.u32 %r2, 252, %r1;\nld.shared.u32 %r3, [%r2];\n" +
         indexed(11, 0, 4) + "st.global.u32 [%rd11], %r3;\n";
}

TEST(CompilerForms, mbarriersWaitForAsyncCopies) {
  std::vector<uint32_t> given(64), wanted(64);
  for (uint32_t n = 0; n < 64; ++n)
    given[n] = wanted[63 - n] = 100 + n;
  std::string noinc = "cp.async.mbarrier.arrive.noinc.shared.b64 [dyn+256];\n";
  std::string both = "cp.async.mbarrier.arrive.shared.b64 [dyn+256];\n"
                     "mbarrier.arrive.shared.b64 %rd9, [dyn+256];\n";
  Options options{2};
  options.maxInstructions = 1000000;
  for (const std::string &arrive : {noinc, both}) {
    KernelRun run(copyAndArrive(arrive, true), 2, options);
    run.output("out", 256);
    run.input("in", given);
    run.launchClean(1, 64, 264);
    EXPECT_EQ(run.values<uint32_t>(0, 64), wanted);
    KernelRun wrong(copyAndArrive(arrive, false), 2, options);
    wrong.output("out", 256);
    wrong.input("in", given);
    wrong.launch(1, 64, 264);
    wrong.finding(Check::sharedRace);
  }
}

TEST(CompilerForms, loadsTakeCachePolicies) {
  KernelRun run("createpolicy.fractional.L2::evict_first.b64 %rd5, 1.0;\n" +
                indexed(10, 0, 4) + indexed(11, 1, 4) +
                "ld.global.L2::cache_hint.v4.f32 {%f1, %f2, %f3, %f4}, "
                "[%rd0], %rd5;\n"
                "ld.global.L1::no_allocate.L2::cache_hint.f32 %f5, "
                "[%rd10], %rd5;\nadd.f32 %f5, %f5, %f4;\n"
                "st.global.L2::cache_hint.f32 [%rd11], %f5, %rd5;\n");
  std::vector<float> given(32);
  for (int n = 0; n < 32; ++n)
    given[n] = float(n);
  run.input("in", given);
  run.output("out", 128);
  run.launchClean();
  for (int n = 0; n < 32; ++n)
    EXPECT_EQ(run.values<float>(1, 32)[n], float(n) + 3);
}

TEST(CompilerForms, isspacepTellsWindows) {
  KernelRun run(".local .b32 mine;\nmov.u64 %rd1, mine;\n"
                "cvta.local.u64 %rd1, %rd1;\nmov.u64 %rd2, dyn;\n"
                "cvta.shared.u64 %rd2, %rd2;\nmov.u32 %r9, 0;\n"
                "isspacep.local %p1, %rd1;\n@%p1 or.b32 %r9, %r9, 1;\n"
                "isspacep.shared %p1, %rd1;\n@%p1 or.b32 %r9, %r9, 2;\n"
                "isspacep.shared %p1, %rd2;\n@%p1 or.b32 %r9, %r9, 4;\n"
                "isspacep.global %p1, %rd0;\n@%p1 or.b32 %r9, %r9, 8;\n"
                "isspacep.global %p1, %rd2;\n@%p1 or.b32 %r9, %r9, 16;\n"
                "isspacep.shared %p1, 0x1000008;\n@%p1 or.b32 %r9, %r9, 32;"
                "\n" +
                    indexed(10, 0, 4) + "st.global.u32 [%rd10], %r9;\n",
                1);
  run.output("out", 128);
  run.launchClean(1, 32, 16);
  EXPECT_THAT(run.values<uint32_t>(0, 32), Each(1u + 4u + 8u + 32u));
}

/// grid.sync() as cooperative groups has it, for blocks of one thread.
const std::string gridSync =
    "{\n.reg .b32 %s<8>;\n.reg .b64 %w<4>;\nmov.u32 %s0, %envreg2;\n"
    "cvt.u64.u32 %w0, %s0;\nmov.u32 %s1, %envreg1;\ncvt.u64.u32 %w1, %s1;\n"
    "bfi.b64 %w2, %w1, %w0, 32, 32;\nmov.u32 %s2, %ctaid.x;\n"
    "mov.u32 %s3, %nctaid.x;\nsub.u32 %s4, 0x80000001, %s3;\n"
    "setp.eq.u32 %p5, %s2, 0;\nselp.b32 %s5, %s4, 1, %p5;\n"
    "atom.add.release.gpu.u32 %s6, [%w2+4], %s5;\nPOLL:\n"
    "ld.acquire.gpu.u32 %s7, [%w2+4];\nxor.b32 %s7, %s7, %s6;\n"
    "setp.ge.s32 %p6, %s7, 0;\n@%p6 bra POLL;\n}\n";

TEST(CompilerForms, gridsOfCooperativeGroupsMeet) {
  // Each block writes a word; after the sync it reads its neighbour's.
  std::string body = "mov.u32 %r1, %ctaid.x;\nmul.wide.u32 %rd3, %r1, 4;\n"
                     "add.u64 %rd4, %rd0, %rd3;\nadd.u32 %r2, %r1, 50;\n"
                     "st.global.u32 [%rd4], %r2;\n$SYNC"
                     "xor.b32 %r3, %r1, 1;\nmul.wide.u32 %rd5, %r3, 4;\n"
                     "add.u64 %rd5, %rd0, %rd5;\nld.global.u32 %r4, [%rd5];\n"
                     "add.u64 %rd6, %rd1, %rd3;\nst.global.u32 [%rd6], %r4;\n";
  size_t at = body.find("$SYNC");
  KernelRun run(std::string(body).replace(at, 5, gridSync));
  run.output("words", 16);
  run.output("out", 16);
  for (int times = 0; times < 2; ++times) // the barrier is as it was
    run.launchClean(4, 1);
  EXPECT_EQ(run.values<uint32_t>(1, 4),
            (std::vector<uint32_t>{51, 50, 53, 52}));
  KernelRun wrong(std::string(body).replace(at, 5, ""));
  wrong.input("words", std::vector<uint32_t>(4), true);
  wrong.output("out", 16);
  wrong.launch(4, 1);
  wrong.finding(Check::globalRace);
}

TEST(CompilerForms, reservedSharedMemoryLiesBehindTheKernels) {
  KernelRun run("mov.u32 %r1, %reserved_smem_offset_begin;\n"
                "mov.u32 %r2, %reserved_smem_offset_1;\n"
                "mov.u32 %r3, %reserved_smem_offset_end;\n"
                "st.shared.u32 [%r2], %r3;\nld.shared.u32 %r4, [%r2];\n"
                "setp.ne.u32 %p1, %r0, 0;\n"
                "@!%p1 st.global.v2.u32 [%rd0], {%r1, %r4};\n",
                1);
  run.output("out", 8);
  run.launchClean(1, 1, 200);
  EXPECT_EQ(run.values<uint32_t>(0, 2), (std::vector<uint32_t>{256, 1280}));
}

} // namespace
} // namespace quipu::emulator
