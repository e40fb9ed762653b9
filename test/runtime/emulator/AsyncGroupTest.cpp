//===- AsyncGroupTest.cpp - Whose copies a group holds --------------------===//
//
// Each thread commits and waits for groups of its own: what part of a warp does
// leaves the copies of the other lanes as they are.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

namespace quipu::emulator {
namespace {

using testing::HasSubstr;

/// Predicates %p1: lanes below 16, and %p2: the others.
const std::string halves = "mov.u32 %r9, dyn;\n"
                           "shl.b32 %r1, %r0, 2;\n"
                           "setp.lt.u32 %p1, %r0, 16;\n"
                           "setp.ge.u32 %p2, %r0, 16;\n" +
                           indexed(10, 1, 4) + indexed(11, 0, 4);
/// Each thread's word of %rd1 to its word of shared memory, + 128 * stage.
std::string copy(int stage) {
  std::string offset = "+" + std::to_string(128 * stage);
  return "cp.async.ca.shared.global [%r1" + offset + "], [%rd10" + offset +
         "], 4;\n";
}
/// Each thread's word of shared memory, of stage `stage`, to %rd0.
std::string store(int stage) {
  return "ld.shared.u32 %r2, [%r1+" + std::to_string(128 * stage) +
         "];\nst.global.u32 [%rd11], %r2;\n";
}
const std::string commit = "cp.async.commit_group;\n";
std::string wait(int left) {
  return "cp.async.wait_group " + std::to_string(left) + ";\n";
}

void launch(KernelRun &run) {
  run.output("out", 128);
  std::vector<uint32_t> values(64);
  for (uint32_t n = 0; n < 64; ++n)
    values[n] = n + 100;
  run.input("in", values);
  run.launch(1, 32, 256);
}
void expectStage(const std::string &body, uint32_t first) {
  KernelRun run(halves + body);
  launch(run);
  EXPECT_TRUE(run.report.clean()) << run.report.reports[0].message;
  std::vector<uint32_t> out = run.values<uint32_t>(0, 32);
  for (uint32_t n = 0; n < 32; ++n)
    EXPECT_EQ(out[n], first + n);
}
void expectUndefined(const std::string &body, const std::string &who) {
  KernelRun run(halves + body);
  launch(run);
  EXPECT_THAT(run.finding(Check::undefined), HasSubstr(who));
}

TEST(AsyncGroup, leavesCopiesOfLanesThatDoNotWait) {
  expectStage(copy(0) + commit + wait(0) + store(0), 100);
  for (const char *form : {"wait_group 0", "wait_all"})
    expectUndefined(copy(0) + commit + "@%p1 cp.async." + form + ";\n" +
                        store(0),
                    "thread 16");
}

TEST(AsyncGroup, leavesCopiesOfLanesThatDoNotCommit) {
  expectUndefined(copy(0) + "@%p2 " + commit + wait(0) + store(0), "thread 0");
  expectStage(
      copy(0) + "@%p2 " + commit + "@%p1 " + commit + wait(0) + store(0), 100);
}

TEST(AsyncGroup, countsTheGroupsOfEachLane) {
  // The upper half has a second group, the lower one only one.
  std::string uneven = copy(0) + commit + "@%p2 " + copy(1) + "@%p2 " + commit;
  expectUndefined(uneven + wait(1) + store(0), "thread 0");
  expectStage(uneven + "@%p2 " + wait(1) + "@%p1 " + wait(0) + store(0), 100);
  expectStage(copy(0) + commit + "@%p1 " + copy(1) + "@%p1 " + commit +
                  "@%p2 " + copy(1) + "@%p2 " + commit + wait(1) + store(0),
              100);
}

TEST(AsyncGroup, boundsWhatNobodyWaitsFor) {
  auto again = [](int count, const std::string &body) {
    return "mov.u32 %r3, 0;\nagain:\n" + body +
           "add.u32 %r3, %r3, 1;\nsetp.lt.u32 %p4, %r3, " +
           std::to_string(count) + ";\n@%p4 bra again;\n";
  };
  for (const std::string &kept :
       {copy(0), commit, "@%p1 " + copy(0) + "@%p1 " + commit}) {
    KernelRun run(halves + again(20000, kept));
    launch(run);
    EXPECT_THAT(run.finding(Check::illegal),
                HasSubstr("more than 4096 copies or groups of copies of a "
                          "warp, for which it does not wait"));
  }
  for (const std::string &guard : {"", "@%p1 "})
    expectStage(
        again(20000, guard + copy(0) + guard + commit + guard + wait(1)) +
            "@%p2 " + copy(0) + "cp.async.wait_all;\n" + store(0),
        100);
}

TEST(AsyncGroup, letsEndedLanesBe) {
  expectStage(copy(0) + commit + "@%p2 bra rest;\n" + wait(0) + store(0) +
                  "ret;\nrest:\n" + wait(0) + store(0),
              100);
}

TEST(AsyncGroup, arrivesForItsOwnThreadsAlone) {
  std::string made = "setp.eq.u32 %p3, %r0, 0;\n"
                     "@%p3 mbarrier.init.shared.b64 [dyn+128], 16;\n"
                     "bar.warp.sync -1;\n" +
                     copy(0);
  std::string arrive = "cp.async.mbarrier.arrive.noinc.shared.b64 [dyn+128];\n";
  std::string awaited =
      "wait:\n"
      "mbarrier.try_wait.parity.shared.b64 %p4, [dyn+128], 0;\n"
      "@!%p4 bra wait;\n";
  expectUndefined(made + "@%p1 " + arrive + awaited + store(0), "thread 16");
}

} // namespace
} // namespace quipu::emulator
