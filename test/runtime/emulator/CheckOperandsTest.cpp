//===- CheckOperandsTest.cpp - Planted bugs in operands are found ---------===//
//
// What CheckTest.cpp leaves out: alignment in every space, lanes and operands
// that instructions do not allow; each beside its correct neighbour.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

namespace quipu::emulator {
namespace {

using testing::HasSubstr;

/// Runs `body` with 64 bytes of output and of dynamic shared memory.
std::string finding(const std::string &body, Check check,
                    uint32_t threads = 32) {
  KernelRun run("mov.u32 %r9, dyn;\n" + body, 1);
  run.output("out", 64);
  run.launch(1, threads, 64);
  return run.finding(check);
}
void expectClean(const std::string &body, uint32_t threads = 32) {
  KernelRun run("mov.u32 %r9, dyn;\n" + body, 1);
  run.output("out", 64);
  run.launchClean(1, threads, 64);
}

const std::string oneThread = "setp.ne.u32 %p0, %r0, 0;\n@%p0 bra end;\n";

TEST(CheckOperands, findsMisalignedAddressesInEverySpace) {
  auto global = [](int at) {
    return oneThread + "st.global.u32 [%rd0+" + std::to_string(at) +
           "], 1;\nend:\n";
  };
  expectClean(global(4));
  EXPECT_THAT(finding(global(6), Check::misaligned),
              HasSubstr("buffer 'out' + 6, not a multiple of 4"));
  auto shared = [](int at) {
    return oneThread + "st.shared.u64 [%r9+" + std::to_string(at) +
           "], 1;\nend:\n";
  };
  expectClean(shared(8));
  EXPECT_THAT(
      finding(shared(4), Check::misaligned),
      HasSubstr("8-byte store at shared memory + 4, not a multiple of 8"));
  auto local = [](int at) {
    return ".local .align 8 .b8 depot[16];\nmov.u32 %r5, depot;\n"
           "st.local.u32 [%r5+" +
           std::to_string(at) + "], %r0;\n";
  };
  expectClean(local(12));
  EXPECT_THAT(
      finding(local(2), Check::misaligned),
      HasSubstr("4-byte store at local memory + 2, not a multiple of 4"));
  EXPECT_THAT(finding(local(16), Check::outOfBounds),
              HasSubstr("of which a thread has 16 bytes"));
}

TEST(CheckOperands, letsWritableBuffersBeWritten) {
  KernelRun run(indexed(10, 0, 4) + "st.global.u32 [%rd10], %r0;\n", 1);
  run.input("state", std::vector<uint32_t>(32), /*writable=*/true);
  run.launchClean();
}

TEST(CheckOperands, findsVotesAndMatricesOfPartOfAWarp) {
  std::string half = "setp.lt.u32 %p0, %r0, 16;\n@%p0 bra end;\n";
  std::string vote = "vote.sync.ballot.b32 %r2, %p1, -1;\n";
  std::string defined = "setp.lt.u32 %p1, %r0, 3;\n";
  expectClean(defined + vote);
  EXPECT_THAT(finding(defined + half + vote + "end:\n", Check::inactiveLane),
              HasSubstr("the mask names lane 0, which does not take part"));
  std::string matrix = "st.shared.u16 [%r8], 0;\nbar.warp.sync -1;\n"
                       "mov.u32 %r7, 0;\n";
  std::string place = "shl.b32 %r8, %r0, 1;\nadd.u32 %r8, %r8, %r9;\n";
  std::string load = "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [%r9];\n";
  std::string fill = place + matrix;
  expectClean(fill + load);
  EXPECT_THAT(finding(fill + half + load + "end:\n", Check::inactiveLane),
              HasSubstr("kernel k, k.ptx:"));
}

TEST(CheckOperands, findsBarriersOfImpossibleSize) {
  expectClean("bar.sync 1, 64;\n", 64);
  EXPECT_THAT(finding("bar.sync 1, 40;\n", Check::illegal, 64),
              HasSubstr("barrier 1 of 40 threads: expected a number up to 15 "
                        "and a multiple of 32"));
  EXPECT_THAT(finding("bar.sync 1, 96;\n", Check::illegal, 64),
              HasSubstr("barrier 1 of 96 threads"));
}

TEST(CheckOperands, findsMbarriersThatNobodyInitialized) {
  std::string arrive = "mbarrier.arrive.shared.b64 %rd5, [%r9];\n";
  expectClean(oneThread + "mbarrier.init.shared.b64 [%r9], 1;\n" + arrive +
              "end:\n");
  EXPECT_THAT(finding(oneThread + arrive + "end:\n", Check::illegal),
              HasSubstr("no mbarrier was initialized at shared memory + 0"));
}

TEST(CheckOperands, letsLoopsEnd) {
  Options options{2};
  options.maxInstructions = 10000;
  KernelRun run("mov.u32 %r1, 1000;\nloop:\nsub.u32 %r1, %r1, 1;\n"
                "setp.ne.u32 %p0, %r1, 0;\n@%p0 bra loop;\n",
                0, options);
  run.launchClean();
}

} // namespace
} // namespace quipu::emulator
