//===- RaceTest.cpp - Races of loads and stores ---------------------------===//
//
// Kernels whose threads meet in memory without an order, beside the same with a
// barrier or fence, which must stay clean.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

namespace quipu::emulator {
namespace {

using testing::HasSubstr;

std::vector<uint32_t> zeros(size_t count) {
  return std::vector<uint32_t>(count, 0);
}

std::string neighbourKernel(const std::string &between) {
  return "shl.b32 %r1, %r0, 2;\n"
         "mov.u32 %r9, dyn;\n"
         "st.shared.u32 [%r1], %r0;\n" +
         between +
         "xor.b32 %r2, %r1, 132;\n"
         "ld.shared.u32 %r3, [%r2];\n" +
         indexed(10, 0, 4) + "st.global.u32 [%rd10], %r3;\n";
}

TEST(Race, findsSharedRacesBetweenBarriers) {
  KernelRun run(neighbourKernel("bar.sync 0;\n"), 1);
  run.output("out", 256);
  run.launchClean(1, 64, 256);
  KernelRun wrong(neighbourKernel("bar.warp.sync -1;\n"), 1);
  wrong.output("out", 256);
  wrong.launch(1, 64, 256);
  EXPECT_THAT(
      wrong.finding(Check::sharedRace),
      HasSubstr("block 0, thread 32: shared-memory race: write at shared "
                "memory + 128 is not ordered after a read by thread 1"));
}

TEST(Race, findsWritesOverWhatOthersStillRead) {
  std::string body = "shl.b32 %r1, %r0, 2;\n"
                     "mov.u32 %r9, dyn;\n"
                     "st.shared.u32 [%r1], %r0;\n"
                     "bar.sync 0;\n"
                     "ld.shared.u32 %r3, [dyn];\n" +
                     indexed(10, 0, 4) + "st.global.u32 [%rd10], %r3;\n";
  for (bool isOrdered : {true, false}) {
    KernelRun run(body + (isOrdered ? "bar.sync 0;\n" : "") +
                      "st.shared.u32 [%r1], %r3;\n",
                  1);
    run.output("out", 256);
    run.launch(1, 64, 256);
    if (isOrdered)
      EXPECT_TRUE(run.report.clean()) << run.report.reports[0].message;
    else
      run.finding(Check::sharedRace);
  }
}

TEST(Race, findsRacesWithinAWarp) {
  for (bool isOrdered : {true, false}) {
    KernelRun run("shl.b32 %r1, %r0, 2;\n"
                  "mov.u32 %r9, dyn;\n"
                  "st.shared.u32 [%r1], %r0;\n" +
                      std::string(isOrdered ? "bar.warp.sync -1;\n" : "") +
                      "xor.b32 %r2, %r1, 4;\n"
                      "ld.shared.u32 %r3, [%r2];\n" +
                      indexed(10, 0, 4) + "st.global.u32 [%rd10], %r3;\n",
                  1);
    run.output("out", 128);
    run.launch(1, 32, 128);
    if (isOrdered)
      EXPECT_TRUE(run.report.clean()) << run.report.reports[0].message;
    else
      run.finding(Check::sharedRace);
  }
}

TEST(Race, letsNeighboursOwnTheBytesOfAPair) {
  std::string body = "mov.u32 %r9, dyn;\n"
                     "cvt.u64.u32 %rd3, %r0;\n"
                     "add.u64 %rd3, %rd3, %rd0;\n"
                     "st.global.u8 [%rd3], %r0;\n"
                     "st.shared.u8 [%r0], %r0;\n";
  std::string own = "ld.global.u8 %r1, [%rd3];\nld.shared.u8 %r2, [%r0];\n";
  std::string pair = "and.b32 %r3, %r0, 30;\nld.shared.u16 %r2, [%r3];\n";
  KernelRun run(body + own, 1);
  run.output("x", 64);
  run.launchClean(1, 64, 64);
  KernelRun both(body + pair, 1);
  both.output("x", 64);
  both.launch(1, 64, 64);
  EXPECT_THAT(both.finding(Check::sharedRace),
              HasSubstr("shared memory + 0 is not ordered after a write by "
                        "thread 1"));
  for (const char *byte :
       {"ld.shared.u8 %r2, [dyn+1];\n", "st.shared.u8 [dyn+1], 2;\n"}) {
    KernelRun whole("mov.u32 %r9, dyn;\nsetp.eq.u32 %p1, %r0, 0;\n"
                    "@%p1 st.shared.u16 [dyn], 1;\n@!%p1 " +
                        std::string(byte),
                    0);
    whole.launch(1, 2, 64);
    whole.finding(Check::sharedRace);
  }
}

TEST(Race, findsNonCoherentLoadsOfWhatTheLaunchWrote) {
  auto body = [](const std::string &load) {
    return indexed(10, 0, 4) + "st.global.u32 [%rd10], %r0;\nbar.sync 0;\n" +
           "xor.b32 %r2, %r0, 33;\nmad.wide.u32 %rd11, %r2, 4, %rd0;\n" + load +
           " %r3, [%rd11];\n" + indexed(12, 1, 4) +
           "st.global.u32 [%rd12], %r3;\n";
  };
  KernelRun coherent(body("ld.global.u32"));
  coherent.output("x", 256);
  coherent.output("out", 256);
  coherent.launchClean(1, 64);
  KernelRun run(body("ld.global.nc.u32"));
  run.output("x", 256);
  run.output("out", 256);
  run.launch(1, 64);
  EXPECT_THAT(run.finding(Check::globalRace),
              testing::AllOf(HasSubstr("ld.global.nc at "),
                             HasSubstr("buffer 'x'"),
                             HasSubstr("which this launch has written"),
                             HasSubstr("(and 63 more threads)")));
  // What an earlier launch wrote may be read so.
  KernelRun later(indexed(10, 0, 4) + "ld.global.nc.u32 %r3, [%rd10];\n" +
                  indexed(12, 1, 4) + "st.global.u32 [%rd12], %r3;\n");
  later.input("x", std::vector<uint32_t>(64, 7), /*writable=*/true);
  later.output("out", 256);
  later.launchClean(1, 64);
  std::swap(later.addresses[0], later.addresses[1]);
  later.launchClean(1, 64);
}

TEST(Race, findsRacesBetweenBlocks) {
  std::string own = "mov.u32 %r1, %ctaid.x;\n"
                    "shl.b32 %r1, %r1, 5;\n"
                    "add.u32 %r0, %r0, %r1;\n";
  std::string store = indexed(10, 0, 4) + "st.global.u32 [%rd10], %r0;\n";
  KernelRun run(own + store, 1);
  run.output("out", 512);
  run.launchClean(4);
  run.launchClean(4); // a launch is ordered after the one before
  KernelRun wrong(store, 1);
  wrong.output("out", 512);
  wrong.launch(4);
  EXPECT_THAT(wrong.finding(Check::globalRace),
              testing::MatchesRegex(".*write at .*buffer 'out' .* not ordered "
                                    "after a write by thread [0-9]+ of block "
                                    "[0-9].*"));
}

TEST(Race, knowsOrderBetweenBlocksFromFencesAndAtomics) {
  // The last block to finish adds up what all wrote.
  auto kernel = [](const std::string &fence) {
    return "mov.u32 %r1, %ctaid.x;\n"
           "setp.ne.u32 %p0, %r0, 0;\n"
           "@%p0 bra done;\n"
           "mad.wide.u32 %rd3, %r1, 4, %rd0;\n"
           "st.global.u32 [%rd3], %r1;\n" +
           fence + "atom.global.add.u32 %r2, [%rd1], 1;\n" + fence +
           "setp.ne.u32 %p1, %r2, 3;\n"
           "@%p1 bra done;\n"
           "ld.global.v4.u32 {%r3, %r4, %r5, %r6}, [%rd0];\n"
           "add.u32 %r3, %r3, %r4;\n"
           "add.u32 %r5, %r5, %r6;\n"
           "add.u32 %r3, %r3, %r5;\n"
           "st.global.u32 [%rd1], %r3;\n"
           "done:\n";
  };
  for (bool isOrdered : {true, false}) {
    KernelRun run(kernel(isOrdered ? "fence.acq_rel.gpu;\n" : ""));
    run.output("partial", 16);
    run.input("count", zeros(1), true);
    run.launch(4);
    if (isOrdered) {
      EXPECT_TRUE(run.report.clean()) << run.report.reports[0].message;
      EXPECT_EQ(run.values<uint32_t>(1, 1)[0], 6u);
    } else {
      run.finding(Check::globalRace);
    }
  }
}

} // namespace
} // namespace quipu::emulator
