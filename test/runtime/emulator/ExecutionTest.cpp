//===- ExecutionTest.cpp - Kernels as wholes ------------------------------===//
//
// Control flow, several blocks, shared memory and special registers, on small
// kernels that do something.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

#include <numeric>

namespace quipu::emulator {
namespace {

using testing::HasSubstr;

TEST(Emulator, addsVectorsOverSeveralBlocks) {
  KernelRun run("mov.u32 %r1, %ctaid.x;\n"
                "mov.u32 %r2, %ntid.x;\n"
                "mad.lo.s32 %r0, %r1, %r2, %r0;\n"
                "setp.ge.u32 %p0, %r0, 1000;\n"
                "@%p0 bra done;\n" +
                    indexed(10, 0, 4) + indexed(11, 1, 4) + indexed(12, 2, 4) +
                    "ld.global.f32 %f0, [%rd10];\n"
                    "ld.global.f32 %f1, [%rd11];\n"
                    "add.f32 %f2, %f0, %f1;\n"
                    "st.global.f32 [%rd12], %f2;\n"
                    "done:\n",
                3);
  std::vector<float> a(1000), b(1000);
  std::iota(a.begin(), a.end(), 1.0f);
  std::iota(b.begin(), b.end(), 0.5f);
  run.input("a", a);
  run.input("b", b);
  run.output("c", 4000);
  run.launchClean(9, 128);
  std::vector<float> c = run.values<float>(2, 1000);
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(c[i], a[i] + b[i]) << i;
  EXPECT_EQ(run.report.counters.allStores().uniqueBytes, 4000);
  EXPECT_EQ(run.report.counters.weightLoads().uniqueBytes, 8000);
  EXPECT_EQ(run.report.counters.allStores().bytes, 4000);
}

TEST(Emulator, meetsAgainBehindDivergentLoops) {
  // Each thread sums 1 to its number; then all add what they counted.
  KernelRun run("mov.u32 %r1, 0;\n"
                "mov.u32 %r2, 0;\n"
                "loop:\n"
                "setp.ge.u32 %p0, %r2, %r0;\n"
                "@%p0 bra behind;\n"
                "add.u32 %r2, %r2, 1;\n"
                "add.u32 %r1, %r1, %r2;\n"
                "and.b32 %r3, %r2, 1;\n"
                "setp.eq.u32 %p1, %r3, 1;\n"
                "@%p1 bra odd;\n"
                "add.u32 %r1, %r1, 100;\n"
                "bra.uni loop;\n"
                "odd:\n"
                "add.u32 %r1, %r1, 1000;\n"
                "bra.uni loop;\n"
                "behind:\n"
                "activemask.b32 %r4;\n" +
                indexed(10, 0, 4) + indexed(11, 1, 4) +
                "st.global.u32 [%rd10], %r1;\n"
                "st.global.u32 [%rd11], %r4;\n");
  run.output("sums", 128);
  run.output("masks", 128);
  run.launchClean();
  auto sums = run.values<uint32_t>(0, 32);
  for (uint32_t n = 0; n < 32; ++n)
    EXPECT_EQ(sums[n], n * (n + 1) / 2 + n / 2 * 100 + (n + 1) / 2 * 1000);
  EXPECT_THAT(run.values<uint32_t>(1, 32), testing::Each(0xffffffffu));
}

TEST(Emulator, endsLanesOneByOne) {
  KernelRun run(indexed(10, 0, 4) + "mov.u32 %r1, 7;\n"
                                    "setp.lt.u32 %p0, %r0, 5;\n"
                                    "@%p0 exit;\n"
                                    "st.global.u32 [%rd10], %r1;\n"
                                    "setp.lt.u32 %p0, %r0, 9;\n"
                                    "@%p0 bra low;\n"
                                    "exit;\n"
                                    "low:\n"
                                    "st.global.u32 [%rd10], %r0;\n",
                1);
  run.input("out", std::vector<uint32_t>(32, 1), true);
  run.launchClean();
  auto out = run.values<uint32_t>(0, 32);
  for (uint32_t n = 0; n < 32; ++n)
    EXPECT_EQ(out[n], n < 5 ? 1u : n < 9 ? n : 7u);
}

TEST(Emulator, branchesThroughATable) {
  KernelRun run("and.b32 %r1, %r0, 3;\n"
                "t: .branchtargets b0, b1, b2, b2;\n"
                "brx.idx %r1, t;\n"
                "b0: mov.u32 %r2, 10;\n bra.uni out;\n"
                "b1: mov.u32 %r2, 11;\n bra.uni out;\n"
                "b2: add.u32 %r2, %r1, 20;\n"
                "out:\n" +
                    indexed(10, 0, 4) + "st.global.u32 [%rd10], %r2;\n",
                1);
  run.output("out", 128);
  run.launchClean();
  auto out = run.values<uint32_t>(0, 32);
  uint32_t expected[] = {10, 11, 22, 23};
  for (uint32_t n = 0; n < 32; ++n)
    EXPECT_EQ(out[n], expected[n & 3]);
}

TEST(Emulator, reducesThroughSharedMemory) {
  // 256 threads; the same with every interleaving.
  for (uint64_t seed : {0, 1, 2, 3}) {
    Options options{2, seed};
    KernelRun run("shl.b32 %r1, %r0, 2;\n"
                  "mov.u32 %r2, dyn;\n"
                  "add.u32 %r1, %r1, %r2;\n"
                  "st.shared.u32 [%r1], %r0;\n"
                  "mov.u32 %r3, 128;\n"
                  "loop:\n"
                  "bar.sync 0;\n"
                  "setp.ge.u32 %p0, %r0, %r3;\n"
                  "@%p0 bra skip;\n"
                  "shl.b32 %r4, %r3, 2;\n"
                  "add.u32 %r4, %r4, %r1;\n"
                  "ld.shared.u32 %r5, [%r4];\n"
                  "ld.shared.u32 %r6, [%r1];\n"
                  "add.u32 %r6, %r6, %r5;\n"
                  "st.shared.u32 [%r1], %r6;\n"
                  "skip:\n"
                  "shr.u32 %r3, %r3, 1;\n"
                  "setp.ne.u32 %p1, %r3, 0;\n"
                  "@%p1 bra loop;\n"
                  "setp.ne.u32 %p2, %r0, 0;\n"
                  "@%p2 bra done;\n"
                  "mov.u32 %r7, %ctaid.x;\n"
                  "mad.wide.u32 %rd3, %r7, 4, %rd0;\n"
                  "st.global.u32 [%rd3], %r6;\n"
                  "done:\n",
                  1, options);
    run.output("sums", 40);
    run.launchClean(10, 256, 1024);
    EXPECT_THAT(run.values<uint32_t>(0, 10), testing::Each(255u * 128));
  }
}

TEST(Emulator, waitsForOtherBlocks) {
  // Block 0 waits for a flag that the last block sets: blocks must not hold
  // their host thread for ever.
  KernelRun run("setp.ne.u32 %p0, %r0, 0;\n"
                "@%p0 bra done;\n"
                "mov.u32 %r1, %ctaid.x;\n"
                "setp.eq.u32 %p1, %r1, 0;\n"
                "@%p1 bra wait;\n"
                "setp.ne.u32 %p2, %r1, 7;\n"
                "@%p2 bra done;\n"
                "st.global.u32 [%rd1], 42;\n"
                "st.release.gpu.global.u32 [%rd0], 1;\n"
                "bra.uni done;\n"
                "wait:\n"
                "ld.acquire.gpu.global.u32 %r2, [%rd0];\n"
                "setp.eq.u32 %p3, %r2, 0;\n"
                "@%p3 bra wait;\n"
                "ld.global.u32 %r3, [%rd1];\n"
                "st.global.u32 [%rd1+4], %r3;\n"
                "done:\n",
                2, {1});
  run.input("flag", std::vector<uint32_t>{0}, true);
  run.output("data", 8);
  run.launchClean(8);
  EXPECT_EQ(run.values<uint32_t>(1, 2)[1], 42u);
}

TEST(Emulator, refusesLaunchesThatCannotBe) {
  KernelRun run("", 1);
  run.output("x", 4);
  auto bytes = std::as_bytes(std::span<const uint64_t>(run.addresses));
  auto message = [&](std::string_view kernel, const LaunchShape &shape,
                     std::span<const std::byte> parameters) {
    auto ran = run.emulator->launch(kernel, shape, parameters);
    return ran ? std::string("launched") : ran.error().message;
  };
  EXPECT_EQ(message("k", {{1}, {32}}, bytes), "launched");
  EXPECT_EQ(message("q", {{1}, {32}}, bytes), "kernel 'q': not in k.ptx");
  EXPECT_EQ(message("k", {{1}, {32}}, {}),
            "kernel 'k': expected 8 bytes of parameters, found 0");
  EXPECT_THAT(message("k", {{1}, {2048}}, bytes),
              HasSubstr("at most 1024 threads"));
  EXPECT_THAT(message("k", {{0}, {32}}, bytes), HasSubstr("at least one"));
  EXPECT_EQ(message("k", {{1, 70000}, {32}}, bytes),
            "kernel 'k': expected at most 65535 blocks in y and in z, found "
            "70000");
  EXPECT_EQ(message("k", {{2000, 1000}, {32}}, bytes),
            "kernel 'k': expected at most 1048575 blocks, found 2000000");
  EXPECT_THAT(message("k", {{1}, {32}, 300000}, bytes),
              HasSubstr("bytes of shared memory, found 300000"));
}

TEST(Emulator, refusesWhatAKernelDoesNotAllow) {
  KernelRun run(".local .align 4 .b8 depot[524292];\n", 0, {2},
                ".entry square() .reqntid 8, 8 { ret; }\n");
  EXPECT_EQ(run.emulator->launch("k", {{1}, {32}}, {}).error().message,
            "kernel 'k': expected at most 524288 bytes of local memory of a "
            "thread, found 524292");
  EXPECT_EQ(run.emulator->launch("square", {{1}, {32}}, {}).error().message,
            "kernel 'square': expected a block of [8,8,1] threads (.reqntid), "
            "found [32,1,1]");
}

} // namespace
} // namespace quipu::emulator
