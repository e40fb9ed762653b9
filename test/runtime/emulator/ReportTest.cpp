//===- ReportTest.cpp - What a finding says -------------------------------===//
//
// Where it was, for how many threads, and nothing of what merely follows.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

namespace quipu::emulator {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

std::vector<uint32_t> zeros(size_t count) {
  return std::vector<uint32_t>(count, 0);
}

TEST(Report, namesTheNearestBuffer) {
  auto message = [](const std::string &access) {
    KernelRun run(access, 2);
    run.input("x", zeros(126));
    run.output("y", 100);
    run.launch();
    return run.finding(Check::outOfBounds);
  };
  EXPECT_THAT(message("ld.global.u32 %r1, [%rd0+-4];\n"),
              HasSubstr("4-byte load at 0xfffffffc, 4 bytes before buffer 'x' "
                        "(504 bytes)"));
  EXPECT_THAT(message("st.global.u32 [%rd1+-4096], %r0;\n"),
              HasSubstr("4096 bytes before buffer 'y' (100 bytes)"));
  EXPECT_THAT(message("st.global.u32 [%rd1+-4100], %r0;\n"),
              HasSubstr("bytes after the end of buffer 'x' (504 bytes)"));
  EXPECT_THAT(message("atom.global.add.u32 %r1, [%rd1+100], %r0;\n"),
              HasSubstr("4-byte atomic at 0x300000064, 0 bytes after the end "
                        "of buffer 'y' (100 bytes)"));
  EXPECT_THAT(message("ld.global.u64 %rd5, [%rd1+96];\n"),
              HasSubstr("8-byte load at 0x300000060, buffer 'y' + 96, beyond "
                        "its end (100 bytes)"));
}

TEST(Report, saysWhatAnAccessOfSharedMemoryWas) {
  for (auto [access, what] :
       {std::pair("ld.shared.u32 %r1, [dyn+64];\n", "4-byte load at"),
        std::pair("st.shared.v2.u32 [dyn+64], {%r0, %r0};\n",
                  "8-byte store at"),
        std::pair("red.shared.add.u32 [dyn+64], 1;\n", "4-byte atomic at"),
        std::pair("mbarrier.init.shared.b64 [dyn+64], 1;\n",
                  "8-byte mbarrier at"),
        std::pair("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [dyn+64];\n",
                  "16-byte load at"),
        std::pair("cp.async.ca.shared.global [dyn+64], [%rd0], 4;\n",
                  "4-byte store at")}) {
    KernelRun run(access, 1);
    run.input("x", zeros(1));
    run.launch(1, 32, 64);
    EXPECT_THAT(run.finding(Check::outOfBounds),
                HasSubstr(std::string(what) + " shared memory + 64, of which "
                                              "the block has 64 bytes"));
  }
}

TEST(Report, saysWhereAFindingIsAndForHowMany) {
  // Of 4 blocks of 96 threads all but the first 32 of each are beyond x.
  std::string access = indexed(10, 0, 4) + "ld.global.u32 %r1, [%rd10];\n";
  std::string again = "loop:\n" + access +
                      "add.u32 %r2, %r2, 1;\n"
                      "setp.lt.u32 %p1, %r2, 3;\n"
                      "@%p1 bra loop;\n";
  for (const std::string &body : {access, "mov.u32 %r2, 0;\n" + again}) {
    KernelRun run(body, 1, {1});
    run.input("x", zeros(32));
    run.launch(4, 96);
    ASSERT_EQ(run.report.reports.size(), 1u);
    const Report &found = run.report.reports[0];
    EXPECT_EQ(found.block, 0u);
    EXPECT_EQ(found.thread, 32u);
    EXPECT_EQ(found.threads, 4 * 64);
    EXPECT_EQ(found.space, ptx::Space::global);
    EXPECT_EQ(found.address, run.addresses[0] + 128);
    EXPECT_EQ(found.buffer, "x");
    EXPECT_THAT(found.message,
                EndsWith("buffer 'x' (128 bytes) (and 255 more threads)"));
  }
}

TEST(Report, countsLanesThatOneAccessReportsTogether) {
  KernelRun run(indexed(10, 0, 4) + "st.global.u32 [%rd10], %r1;\n", 1, {1});
  run.output("x", 256);
  run.launch(1, 64);
  EXPECT_THAT(run.finding(Check::undefined),
              EndsWith(" (and 63 more threads)"));
  KernelRun shared("setp.lt.u32 %p1, %r0, 2;\nmov.u32 %r9, dyn;\n"
                   "@%p1 st.shared.u32 [%r9+4], %r0;\n",
                   0, {1});
  shared.launch(1, 32, 4);
  const Report &found = shared.report.reports.at(0);
  EXPECT_THAT(found.message, EndsWith(" 4 bytes (and 1 more thread)"));
  EXPECT_EQ(found.space, ptx::Space::shared);
  EXPECT_EQ(found.address, 4u);
  EXPECT_EQ(found.buffer, "");
}

TEST(Report, countsNobodyAtBarriers) {
  KernelRun run("setp.lt.u32 %p0, %r0, 40;\n@%p0 bra skip;\nbar.sync 0;\n"
                "skip:\n",
                0, {1});
  run.launch(1, 64);
  EXPECT_THAT(run.finding(Check::barrier), Not(HasSubstr("more thread")));
  EXPECT_EQ(run.report.reports[0].space, ptx::Space::generic);
}

/// The findings of `body` on buffer 'x' of 32 words and 'y', of which nothing
/// is written yet, in a block of two warps.
std::vector<Check> checks(const std::string &body, uint64_t seed = 0) {
  KernelRun run("mov.u32 %r9, dyn;\nshl.b32 %r8, %r0, 2;\n" + body, 2,
                {1, seed});
  run.input("x", zeros(32));
  run.output("y", 256);
  run.launch(1, 64, 256);
  std::vector<Check> found;
  for (const Report &report : run.report.reports)
    found.push_back(report.check);
  return found;
}

TEST(Report, letsTheResultOfAFindingBeDefined) {
  std::string store = indexed(11, 1, 4) + "st.global.u32 [%rd11], %r1;\n";
  EXPECT_THAT(checks("ld.global.u32 %r1, [%rd0+128];\n" + store),
              ElementsAre(Check::outOfBounds));
  EXPECT_THAT(checks("ld.shared.u32 %r1, [dyn+256];\n" + store),
              ElementsAre(Check::outOfBounds));
  EXPECT_THAT(checks("ld.global.u32 %r1, [%rd0+2];\n" + store),
              ElementsAre(Check::misaligned));
  EXPECT_THAT(checks("atom.global.add.u32 %r1, [%rd1+256], 1;\n" + store),
              ElementsAre(Check::outOfBounds));
  EXPECT_THAT(checks("and.b32 %r3, %r0, 16;\n"
                     "setp.eq.u32 %p1, %r3, 0;\n"
                     "@%p1 mov.u32 %r2, 1;\n"
                     "@!%p1 bra done;\n"
                     "shfl.sync.bfly.b32 %r1, %r2, 16, 31, 0xffff;\n" +
                     store + "done:\n"),
              ElementsAre(Check::inactiveLane));
}

TEST(Report, saysOnceThatAValueIsUndefined) {
  EXPECT_THAT(checks("add.u32 %r2, %r1, 4;\n"
                     "cvt.u64.u32 %rd3, %r2;\n"
                     "add.u64 %rd3, %rd3, %rd1;\n"
                     "st.global.u32 [%rd3], %r0;\n"
                     "ld.global.u32 %r3, [%rd3+4];\n"),
              ElementsAre(Check::undefined));
  EXPECT_THAT(checks("setp.eq.u32 %p1, %r1, 4;\n"
                     "@%p1 bra next;\nnext:\n@%p1 bra end;\nend:\n"),
              ElementsAre(Check::undefined));
}

TEST(Report, putsARaceBeforeWhatItLeadsTo) {
  // Each warp reads what the other one writes.
  std::string body = "st.shared.u32 [%r8], %r0;\n"
                     "xor.b32 %r2, %r8, 128;\n"
                     "ld.shared.u32 %r1, [%r2];\n" +
                     indexed(11, 1, 4) + "st.global.u32 [%rd11], %r1;\n";
  for (uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_EQ(checks(body, seed).at(0), Check::sharedRace) << "seed " << seed;
  // A race on what nothing wrote: the copy is not waited for.
  EXPECT_THAT(checks("setp.ge.u32 %p1, %r0, 32;\n"
                     "@%p1 bra read;\n"
                     "cp.async.ca.shared.global [%r8], [%rd0], 4;\n"
                     "read:\n"
                     "and.b32 %r2, %r8, 127;\n"
                     "ld.shared.u32 %r1, [%r2];\n" +
                     indexed(11, 1, 4) +
                     "@!%p1 bra done;\n"
                     "st.global.u32 [%rd11], %r1;\ndone:\n"),
              ElementsAre(Check::sharedRace));
}

} // namespace
} // namespace quipu::emulator
