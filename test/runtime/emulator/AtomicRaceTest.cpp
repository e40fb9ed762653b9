//===- AtomicRaceTest.cpp - Atomics beside plain accesses -----------------===//
//
// A plain access and an unordered atomic are a race in whatever order they come
// to run, so that each planted one runs with many seeds; and the usual patterns
// that mix the two in order are none.
//
//===----------------------------------------------------------------------===//

#include "RaceRun.h"

namespace quipu::emulator {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

TEST(AtomicRace, findsSharedWordsSetToZeroWithoutABarrier) {
  std::string zero = only("%r0", 0, "st.shared.u32 [dyn], 0;\n");
  std::string add = "atom.shared.add.u32 %r1, [dyn], 1;\n";
  expectClean(zero + "bar.sync 0;\n" + add, {1, 96});
  EXPECT_THAT(
      finding(zero + add, {1, 96}, Check::sharedRace),
      AnyOf(HasSubstr("race: atomic at shared memory + 0 is not ordered after "
                      "a write by thread 0"),
            HasSubstr("thread 0: shared-memory race: write at shared memory + "
                      "0 is not ordered after an atomic by warp ")));
}

TEST(AtomicRace, findsStoresOfOtherBlocks) {
  std::string store = "st.global.u32 [%rd1], 5;\n";
  std::string add = "red.global.add.u32 [%rd1], 1;\n";
  for (int storing : {0, 1}) {
    SCOPED_TRACE("block " + std::to_string(storing) + " stores");
    EXPECT_THAT(finding(only("%r0", 0,
                             only("%r8", storing, store) +
                                 only("%r8", 1 - storing, add)),
                        {2, 32}, Check::globalRace),
                AllOf(HasSubstr("buffer 'y' + 0 is not ordered after a"),
                      AnyOf(HasSubstr("atomic at"),
                            HasSubstr("after an atomic by thread 0"))));
  }
  // Words side by side.
  expectClean(only("%r0", 0,
                   only("%r8", 0, "st.global.u32 [%rd1+4], 5;\n") +
                       only("%r8", 1, add)),
              {2, 32});
}

TEST(AtomicRace, findsStoresOfOtherLanes) {
  std::string store = only("%r0", 0, "st.global.u32 [%rd1], 5;\n");
  std::string add =
      "setp.eq.u32 %p1, %r0, 0;\n@!%p1 red.global.add.u32 [%rd1], 1;\n";
  expectClean(store + "bar.warp.sync -1;\n" + add, {});
  finding(store + add, {}, Check::globalRace);
  expectClean(add + "bar.warp.sync -1;\n" + store, {});
  finding(add + store, {}, Check::globalRace);
}

TEST(AtomicRace, findsPlainLoads) {
  std::string add = "red.shared.add.u32 [dyn], 1;\n";
  std::string start = only("%r0", 0, "st.shared.u32 [dyn], 0;\n") +
                      "bar.sync 0;\nand.b32 %r7, %r0, 31;\n";
  std::string load = "ld.shared.u32 %r2, [dyn];\n";
  // One lane of each warp, so that nothing is a race within one.
  for (auto [first, second] : {std::pair(add, load), std::pair(load, add)}) {
    std::string apart = start + only("%r7", 3, first + second);
    EXPECT_THAT(finding(apart, {1, 96}, Check::sharedRace),
                HasSubstr("; where any of its values will do, ld.volatile or "
                          "ld.relaxed is no race"));
    expectClean(start + only("%r7", 3, first) + "bar.sync 0;\n" + second,
                {1, first == load ? 96u : 32u});
  }
}

TEST(AtomicRace, remembersAllAtomicsSinceABarrier) {
  // Thread 3 reads after its own atomic, maybe the last one to run.
  std::string body = only("%r0", 0, "st.shared.u32 [dyn], 0;\n") +
                     "bar.sync 0;\nand.b32 %r7, %r0, 31;\n" +
                     only("%r7", 3, "red.shared.add.u32 [dyn], 1;\n");
  std::string load = only("%r0", 3, "ld.shared.u32 %r2, [dyn];\n");
  expectClean(body + "bar.sync 0;\n" + load, {1, 96});
  finding(body + load, {1, 96}, Check::sharedRace);
}

TEST(AtomicRace, findsStoresInKernelsWithFences) {
  std::string body = only("%r0", 0,
                          "membar.gl;\n"
                          "setp.eq.u32 %p1, %r8, 2;\n"
                          "@!%p1 red.global.add.u32 [%rd1], 1;\n"
                          "@%p1 st.global.u32 [%rd1], 5;\n");
  finding(body, {3, 32}, Check::globalRace);
}

TEST(AtomicRace, letsStrongAccessesMeet) {
  for (const char *load :
       {"ld.volatile.global.u32", "ld.relaxed.gpu.global.u32",
        "ld.acquire.gpu.global.u32"})
    expectClean(std::string(load) +
                    " %r1, [%rd1];\natom.global.add.u32 %r2, [%rd1], 1;\n" +
                    load + " %r1, [%rd1];\n",
                {3, 64});
  for (const char *store :
       {"st.volatile.global.u32", "st.relaxed.gpu.global.u32",
        "st.release.gpu.global.u32"}) {
    expectClean(std::string(store) +
                    " [%rd1], 1;\natom.global.add.u32 %r2, [%rd1], 1;\n",
                {3, 64});
    EXPECT_THAT(finding(only("%r8", 0, std::string(store) + " [%rd1], 1;\n") +
                            only("%r8", 1, "ld.global.u32 %r1, [%rd1];\n"),
                        {2, 32}, Check::globalRace),
                HasSubstr("strong store"));
  }
}

/// atomicAdd() of a double, as the CUDA guide has it for old GPUs.
std::string casLoop(const std::string &load) {
  return load + " %rd5, [%rd1];\n"
                "again:\n"
                "mov.b64 %rd6, %rd5;\n"
                "add.u64 %rd7, %rd6, 1;\n"
                "atom.global.cas.b64 %rd5, [%rd1], %rd6, %rd7;\n"
                "setp.ne.u64 %p1, %rd5, %rd6;\n"
                "@%p1 bra again;\n";
}

TEST(AtomicRace, findsThePlainLoadBeforeALoopOfCompareAndSwap) {
  EXPECT_THAT(finding(casLoop("ld.global.u64"), {2, 64}, Check::globalRace),
              HasSubstr("ld.volatile or ld.relaxed is no race"));
  expectClean(casLoop("ld.volatile.global.u64"), {2, 64});
  expectClean(casLoop("ld.relaxed.gpu.global.u64"), {2, 64});
}

TEST(AtomicRace, letsHistogramsBe) {
  expectClean("shl.b32 %r1, %r0, 2;\n"
              "setp.ge.u32 %p0, %r0, 8;\n"
              "@!%p0 st.shared.u32 [%r1], 0;\n"
              "bar.sync 0;\n"
              "and.b32 %r2, %r0, 7;\n"
              "shl.b32 %r2, %r2, 2;\n"
              "atom.shared.add.u32 %r3, [%r2], 1;\n"
              "bar.sync 0;\n"
              "@%p0 bra done;\n"
              "ld.shared.u32 %r4, [%r1];\n" +
                  indexed(10, 1, 4) +
                  "red.global.add.u32 [%rd10], %r4;\n"
                  "st.shared.u32 [%r1], 0;\n"
                  "done:\n"
                  "bar.sync 0;\n"
                  "atom.shared.add.u32 %r3, [%r2], 1;\n",
              {3, 96});
}

TEST(AtomicRace, letsTheLastBlockSetItsCounterBack) {
  // The CUDA guide's, with one fence and volatile partial sums; and by the
  // book, with plain ones behind a second fence.
  for (bool isVolatile : {true, false}) {
    std::string kind = isVolatile ? "volatile.global.u32" : "global.u32";
    expectClean("mad.wide.u32 %rd3, %r8, 4, %rd0;\n" +
                    only("%r0", 0,
                         "st." + kind + " [%rd3], %r8;\n" +
                             "membar.gl;\n"
                             "atom.global.inc.u32 %r2, [%rd1], 100;\n" +
                             (isVolatile ? "" : "membar.gl;\n") +
                             "setp.ne.u32 %p1, %r2, 3;\n"
                             "@%p1 bra done;\n"
                             "ld." +
                             kind +
                             " %r3, [%rd0+4];\n"
                             "st.global.u32 [%rd1+4], %r3;\n"
                             "st.global.u32 [%rd1], 0;\n"
                             "done:\n"),
                {4, 64});
  }
}

TEST(AtomicRace, letsSpinLocksGuardPlainData) {
  expectClean(only("%r0", 0,
                   "lock:\n"
                   "atom.global.cas.b32 %r1, [%rd1], 0, 1;\n"
                   "setp.ne.u32 %p1, %r1, 0;\n"
                   "@%p1 bra lock;\n"
                   "membar.gl;\n"
                   "ld.global.u32 %r2, [%rd0];\n"
                   "add.u32 %r2, %r2, 1;\n"
                   "st.global.u32 [%rd0], %r2;\n"
                   "membar.gl;\n"
                   "atom.global.exch.b32 %r1, [%rd1], 0;\n"),
              {4, 32});
}

TEST(AtomicRace, letsSemaphoresOrderBlocks) {
  std::string acquire = "ld.acquire.gpu.global.u32 %r1, [%rd1];\n";
  std::string relaxed = "ld.relaxed.gpu.global.u32 %r1, [%rd1];\nmembar.gl;\n";
  std::string add = "red.relaxed.gpu.global.add.u32 [%rd1], 1;\n";
  expectClean(
      takingTurns(acquire, "red.release.gpu.global.add.u32 [%rd1], 1;\n"),
      {3, 32});
  expectClean(takingTurns(relaxed, "membar.gl;\n" + add), {3, 32});
  expectClean(takingTurns("atom.global.add.u32 %r1, [%rd1], 0;\nmembar.gl;\n",
                          "membar.gl;\n" + add),
              {3, 32});
  finding(takingTurns(relaxed, add), {3, 32}, Check::globalRace);
}

TEST(AtomicRace, countsWhatStrongStoresWroteAsDefined) {
  KernelRun run(indexed(10, 0, 4) +
                "st.relaxed.gpu.global.u32 [%rd10], %r0;\n"
                "ld.global.u32 %r1, [%rd10];\n" +
                indexed(11, 1, 4) + "st.global.u32 [%rd11], %r1;\n");
  run.output("x", 128);
  run.output("y", 128);
  run.launchClean();
  EXPECT_EQ(run.values<uint32_t>(1, 32)[31], 31u);
  EXPECT_TRUE(run.emulator->isDefined(run.addresses[0], 128));
}

} // namespace
} // namespace quipu::emulator
