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

} // namespace
} // namespace quipu::emulator
