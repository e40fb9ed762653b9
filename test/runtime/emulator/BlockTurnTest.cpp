//===- BlockTurnTest.cpp - Blocks that run by turns -----------------------===//
//
// A block that takes long leaves its turn to others: what counts as too long,
// and how many blocks may be under way.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

namespace quipu::emulator {
namespace {

using testing::Each;
using testing::HasSubstr;

/// Counts to `count` and stores it as the thread's word of %rd0.
std::string counting(int count) {
  return indexed(10, 0, 4) +
         "mov.u32 %r1, 0;\n"
         "loop:\n"
         "add.u32 %r1, %r1, 1;\n"
         "setp.lt.u32 %p1, %r1, " +
         std::to_string(count) +
         ";\n"
         "@%p1 bra loop;\n"
         "st.global.u32 [%rd10], %r1;\n";
}

TEST(BlockTurn, countsWhatWarpsExecuteWithASeedToo) {
  for (uint64_t seed : {0, 1}) {
    Options options{1, seed};
    options.maxInstructions = 400000;
    KernelRun run(counting(100000), 1, options);
    run.output("out", 128);
    run.launchClean();
    EXPECT_THAT(run.values<uint32_t>(0, 32), Each(100000u));
  }
}

/// Blocks wait for the last of three to set a flag, and look for it at times.
const std::string waiting = "mov.u32 %r1, %ctaid.x;\n"
                            "setp.eq.u32 %p0, %r1, 2;\n"
                            "@%p0 atom.global.exch.b32 %r2, [%rd0], 1;\n"
                            "look:\n"
                            "mov.u32 %r3, 0;\n"
                            "pause:\n"
                            "add.u32 %r3, %r3, 1;\n"
                            "setp.lt.u32 %p1, %r3, 1000;\n"
                            "@%p1 bra pause;\n"
                            "ld.relaxed.gpu.global.u32 %r2, [%rd0];\n"
                            "setp.eq.u32 %p1, %r2, 0;\n"
                            "@%p1 bra look;\n";

TEST(BlockTurn, boundsTheMemoryOfBlocksUnderWay) {
  for (bool isBounded : {false, true}) {
    Options options{1};
    options.maxInstructions = 8000000;
    if (isBounded)
      options.maxBlockBytes = 1 << 20; // each has 64 KiB of shared memory
    KernelRun run(waiting, 1, options);
    run.input("flag", std::vector<uint32_t>(1), true);
    run.launch(3, 32, 64 * 1024);
    if (!isBounded)
      EXPECT_TRUE(run.report.clean()) << run.report.reports[0].message;
    else
      EXPECT_THAT(run.finding(Check::hang),
                  HasSubstr("; 2 of 3 blocks have not begun, as those that "
                            "have fill the 1 MiB that blocks may take"));
  }
}

TEST(BlockTurn, beginsBlocksAsOthersEnd) {
  Options options{1};
  options.maxBlockBytes = 1;
  KernelRun run("mov.u32 %r0, %ctaid.x;\n" + counting(1000000), 1, options);
  run.output("out", 16);
  run.launchClean(4, 1);
  EXPECT_THAT(run.values<uint32_t>(0, 4), Each(1000000u));
}

} // namespace
} // namespace quipu::emulator
