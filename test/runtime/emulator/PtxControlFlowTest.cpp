//===- PtxControlFlowTest.cpp - Where lanes meet again --------------------===//
//
// Immediate post-dominators of small flow graphs, known by looking at them.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/emulator/PtxText.h"

using namespace quipu;
using namespace quipu::ptx;
using quipu::test::kernel;

namespace {

TEST(PtxControlFlow, SidesOfAnIfMeetBehindIt) {
  Function function = kernel("@%p1 bra Else;\n" // 0
                             "bar.sync 0;\n"    // 1
                             "bra Join;\n"      // 2
                             "Else: bar.sync 1;\n"
                             "Join: bar.sync 2;\n"
                             "ret;\n");
  EXPECT_EQ(function.instructions[0].reconverge, 4u);
  EXPECT_EQ(function.instructions[2].reconverge, 4u);
}

TEST(PtxControlFlow, LanesWaitBehindALoop) {
  Function function = kernel("Loop: bar.sync 0;\n"
                             "@%p1 bra Skip;\n"
                             "bar.sync 1;\n"
                             "Skip: @%p2 bra Loop;\n"
                             "bar.sync 2;\n");
  EXPECT_EQ(function.instructions[1].reconverge, 3u);
  EXPECT_EQ(function.instructions[3].reconverge, 4u);
}

TEST(PtxControlFlow, WaysToDifferentEndsDoNotMeet) {
  Function function = kernel("@%p1 bra Other;\nbar.sync 0;\nret;\n"
                             "Other: bar.sync 1;\nret;\n");
  EXPECT_EQ(function.instructions[0].reconverge, noInstruction);
}

TEST(PtxControlFlow, AnEarlyExitOrTrapDoesNotPartTheOthers) {
  Function function = kernel("@%p1 bra Else;\n" // 0
                             "@%p2 exit;\n"     // 1
                             "bra Join;\n"
                             "Else: @%p3 bra Join;\n" // 3
                             "trap;\n"
                             "Join: bar.sync 0;\n" // 5
                             "ret;\n");
  EXPECT_EQ(function.instructions[0].reconverge, 5u);
  EXPECT_EQ(function.instructions[3].reconverge, 5u);
}

TEST(PtxControlFlow, EndlessLoopsMeetNowhere) {
  Function function = kernel("Loop: @%p1 bra Loop;\nbra Loop;\n");
  EXPECT_EQ(function.instructions[0].reconverge, noInstruction);
}

TEST(PtxControlFlow, BranchTablesMeetBehindAllTargets) {
  Function function = kernel("T: .branchtargets A, B;\n"
                             "brx.idx %r1, T;\n"
                             "A: bar.sync 0;\nbra Join;\n"
                             "B: bar.sync 1;\n"
                             "Join: bar.sync 2;\n");
  EXPECT_EQ(function.instructions[0].reconverge, 4u);
}

TEST(PtxControlFlow, BranchesMayShareATable) {
  std::string table = "T: .branchtargets A";
  for (int i = 0; i < 20000; ++i)
    table += ", A";
  table += ";\n";
  for (int i = 0; i < 20000; ++i)
    table += "@%p1 brx.idx %r1, T;\n";
  Function function = kernel(table + "A: bar.sync 0;\nret;\n");
  EXPECT_EQ(function.instructions[7].reconverge, 20000u);
}

/// Compares with post-dominance by its definition: a block is one of a branch
/// if the exit cannot be reached from the branch without it.
TEST(PtxControlFlow, NestedLoopsAgreeWithTheDefinition) {
  std::string text;
  constexpr uint32_t blocks = 24;
  for (uint32_t i = 0; i < blocks; ++i)
    text += "L" + std::to_string(i) + ": @%p1 bra L" +
            std::to_string((i * 7 + 3) % blocks) + ";\n";
  Function function = kernel(text);
  auto reaches = [&](uint32_t from, uint32_t without) {
    std::vector<bool> seen(blocks + 1);
    std::vector<uint32_t> open = {from};
    while (!open.empty()) {
      uint32_t at = open.back();
      open.pop_back();
      if (at == without || seen[at])
        continue;
      seen[at] = true;
      if (at == blocks)
        return true;
      open.push_back(at + 1);
      open.push_back(function.instructions[at].operands[0].index);
    }
    return false;
  };
  for (uint32_t i = 0; i < blocks; ++i) {
    uint32_t meeting = function.instructions[i].reconverge;
    ASSERT_NE(meeting, noInstruction);
    EXPECT_FALSE(reaches(i, meeting)) << i;
    // Nothing nearer: every other post-dominator is one of the meeting's.
    for (uint32_t other = 0; other < blocks; ++other)
      if (other != i && other != meeting && !reaches(i, other))
        EXPECT_FALSE(reaches(meeting, other)) << i << " " << other;
  }
}

} // namespace
