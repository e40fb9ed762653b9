//===- PtxControlFlowTest.cpp - Where lanes meet again --------------------===//
//
// Immediate post-dominators of small flow graphs, known by looking at them.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/emulator/PtxText.h"

#include <random>

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

// The two below took time that is quadratic in the branches: for these, most of
// a minute.

TEST(PtxControlFlow, BranchesMayAllGoBeforeALongChain) {
  constexpr int count = 200000;
  std::string text = "bra Start;\nC0: ret;\n";
  for (int i = 1; i < count; ++i)
    text += "C" + std::to_string(i) + ": bra C" + std::to_string(i - 1) + ";\n";
  text += "Start:\n";
  for (int i = 0; i < count; ++i)
    text += "@%p1 bra C" + std::to_string(count - 1) + ";\n";
  Function function = kernel(text + "bra C0;\n");
  EXPECT_EQ(function.instructions[2].reconverge, 1u);
  EXPECT_EQ(function.instructions[count].reconverge, uint32_t(count - 1));
  EXPECT_EQ(function.instructions[count + 1].reconverge, 1u);
  EXPECT_EQ(function.instructions[2 * count].reconverge, 1u);
}

TEST(PtxControlFlow, TablesMayFollowEachOther) {
  constexpr int count = 200000;
  std::string tables, text = "brx.idx %r1, T0;\n";
  for (int i = 0; i < count; ++i) {
    std::string n = std::to_string(i), next = std::to_string(i + 1);
    tables += "T" + n + ": .branchtargets A" + n + ", B" + n + ";\n";
    for (const char *side : {"A", "B"})
      text +=
          side + n +
          (i + 1 < count ? ": brx.idx %r1, T" + next + ";\n" : ": bra End;\n");
  }
  Function function = kernel(tables + text + "End: bar.sync 0;\nret;\n");
  EXPECT_EQ(function.instructions[0].reconverge, uint32_t(2 * count + 1));
  EXPECT_EQ(function.instructions[count].reconverge, uint32_t(2 * count + 1));
}

/// Whether the end of `function`, all of whose instructions are guarded
/// branches, can be reached from `from` without `without`.
bool reachesEnd(const Function &function, uint32_t from, uint32_t without) {
  uint32_t end = uint32_t(function.instructions.size() - 1);
  std::vector<bool> seen(end + 1);
  std::vector<uint32_t> open = {from};
  while (!open.empty()) {
    uint32_t at = open.back();
    open.pop_back();
    if (at == without || seen[at])
      continue;
    seen[at] = true;
    if (at == end)
      return true;
    open.push_back(at + 1);
    open.push_back(function.instructions[at].operands[0].index);
  }
  return false;
}

/// Compares with post-dominance by its definition: an instruction is one of a
/// branch if the end cannot be reached from the branch without it.
TEST(PtxControlFlow, TangledLoopsAgreeWithTheDefinition) {
  constexpr uint32_t count = 24;
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    std::minstd_rand random(seed);
    std::string text;
    for (uint32_t i = 0; i < count; ++i)
      text += "L" + std::to_string(i) + ": @%p1 bra L" +
              std::to_string(random() % count) + ";\n";
    Function function = kernel(text);
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t meeting = function.instructions[i].reconverge;
      ASSERT_NE(meeting, noInstruction);
      EXPECT_FALSE(reachesEnd(function, i, meeting)) << seed << " " << i;
      // Nothing nearer: every other one of the branch is one of the meeting's.
      for (uint32_t other = 0; other < count; ++other)
        if (other != i && other != meeting && !reachesEnd(function, i, other))
          EXPECT_FALSE(reachesEnd(function, meeting, other))
              << seed << " " << i << " " << other;
    }
  }
}

} // namespace
