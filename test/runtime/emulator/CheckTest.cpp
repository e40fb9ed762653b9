//===- CheckTest.cpp - Planted bugs are found -----------------------------===//
//
// One kernel with a bug for each check, beside its correct neighbour, which
// must stay clean.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

namespace quipu::emulator {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::vector<uint32_t> zeros(size_t count) {
  return std::vector<uint32_t>(count, 0);
}

TEST(Check, findsAccessesBeyondABuffer) {
  std::string body = indexed(10, 0, 4) + "ld.global.u32 %r1, [%rd10+4];\n" +
                     indexed(11, 1, 4) + "st.global.u32 [%rd11], %r1;\n";
  KernelRun run(body);
  run.input("table", zeros(33));
  run.output("out", 128);
  run.launchClean();
  KernelRun wrong(body);
  wrong.input("table", zeros(32));
  wrong.output("out", 128);
  wrong.launch();
  EXPECT_THAT(
      wrong.finding(Check::outOfBounds),
      testing::MatchesRegex(
          "kernel k, k.ptx:[0-9]+, block 0, thread 31: out-of-bounds "
          "access: 4-byte load at 0x[0-9a-f]+, 0 bytes after the end of "
          "buffer 'table' \\(128 bytes\\)"));
}

TEST(Check, namesRegionsOfBuffers) {
  KernelRun run("ld.global.u32 %r1, [%rd0+130];\n", 1);
  run.input("arena", zeros(64));
  Region region = {128, 64, "layers.3 qkv"};
  run.emulator->divide(run.addresses[0], {&region, 1});
  run.launch();
  EXPECT_THAT(run.finding(Check::misaligned),
              HasSubstr("'layers.3 qkv' + 2 in buffer 'arena', not a multiple "
                        "of 4"));
}

TEST(Check, findsAccessesBetweenRegions) {
  // Lanes 0 to 15 are in one region, 16 to 31 in the next, 8 bytes behind.
  std::string body = "shr.u32 %r1, %r0, 4;\n"
                     "mul.lo.u32 %r1, %r1, 8;\n"
                     "mad.lo.u32 %r1, %r0, 4, %r1;\n"
                     "cvt.u64.u32 %rd10, %r1;\n"
                     "add.u64 %rd10, %rd10, %rd0;\n";
  KernelRun run(body + "ld.global.u32 %r2, [%rd10];\n", 1);
  run.input("arena", zeros(64));
  std::vector<Region> regions = {{72, 64, "k"}, {0, 64, "q"}};
  run.emulator->divide(run.addresses[0], regions);
  run.launchClean();
  regions[1].bytes = 60;
  run.emulator->divide(run.addresses[0], regions);
  run.launch();
  EXPECT_THAT(run.finding(Check::outOfBounds),
              testing::MatchesRegex(".*thread 15: .*: 4-byte load at 0x.*, 0 "
                                    "bytes after the end of 'q' \\(60 bytes\\) "
                                    "in buffer 'arena'"));
  KernelRun before(body + "st.global.u32 [%rd10], %r0;\n", 1);
  before.output("arena", 256);
  regions = {{4, 200, "q"}};
  before.emulator->divide(before.addresses[0], regions);
  before.launch();
  EXPECT_THAT(before.finding(Check::outOfBounds),
              HasSubstr("4 bytes before 'q' (200 bytes) in buffer 'arena'"));
  before.emulator->divide(before.addresses[0], {});
  before.launchClean();
}

TEST(Check, findsAddressesInNoBuffer) {
  KernelRun run("mov.u64 %rd3, 4096;\nst.global.u32 [%rd3], %r0;\n", 0);
  run.launch();
  EXPECT_THAT(run.finding(Check::outOfBounds),
              HasSubstr("0x1000, in no buffer"));
}

TEST(Check, findsSharedMemoryAccessesBeyondTheBlocks) {
  std::string body = "shl.b32 %r1, %r0, 2;\nst.shared.u32 [%r1], %r0;\n";
  KernelRun run(body + "mov.u32 %r2, dyn;\n", 0);
  run.launchClean(1, 32, 128);
  run.launch(1, 32, 124);
  EXPECT_THAT(run.finding(Check::outOfBounds),
              HasSubstr("thread 31: out-of-bounds access: 4-byte store at "
                        "shared memory + 124, of which the block has 124"));
}

TEST(Check, findsStoresToReadOnlyBuffers) {
  KernelRun run(indexed(10, 0, 4) + "st.global.u32 [%rd10], %r0;\n", 1);
  run.input("weights", zeros(32));
  run.launch();
  EXPECT_THAT(run.finding(Check::readOnly), HasSubstr("buffer 'weights' + 0"));
}

TEST(Check, findsUndefinedValuesAtStoresBranchesAndAddresses) {
  std::string load = indexed(10, 0, 4) + "ld.global.u32 %r1, [%rd10];\n" +
                     "add.u32 %r1, %r1, 1;\n";
  std::vector<std::string> uses = {
      indexed(11, 1, 4) + "st.global.u32 [%rd11], %r1;\n",
      "setp.eq.u32 %p0, %r1, 0;\n@%p0 bra end;\nend:\n",
      "mad.wide.u32 %rd11, %r1, 4, %rd0;\nld.global.u32 %r2, [%rd11];\n"};
  for (const std::string &use : uses) {
    KernelRun run(load + use);
    run.output("nothing wrote", 128);
    run.output("out", 128);
    run.launch();
    EXPECT_THAT(
        run.finding(Check::undefined),
        testing::AllOf(
            HasSubstr("that nothing wrote"),
            HasSubstr("last load of such bytes from global memory: line "),
            HasSubstr("buffer 'nothing wrote' + 124")));
    run.emulator->setDefined(run.addresses[0], 128, true);
    run.launchClean();
  }
}

TEST(Check, letsMaskedTailsLoadWhatNothingWrote) {
  // Half-words: the upper one of the last word is past the end of what was
  // written, and is masked away after the load.
  KernelRun run(indexed(10, 0, 4) +
                "ld.global.u32 %r1, [%rd10];\n"
                "mov.b32 {%h1, %h2}, %r1;\n"
                "shl.b32 %r3, %r0, 1;\n"
                "setp.lt.u32 %p0, %r3, 21;\n"
                "add.u32 %r3, %r3, 1;\n"
                "setp.lt.u32 %p1, %r3, 21;\n"
                "selp.b16 %h3, %h1, 0, %p0;\n"
                "selp.b16 %h4, %h2, 0, %p1;\n"
                "mov.b32 %r4, {%h3, %h4};\n" +
                indexed(11, 1, 4) + "st.global.u32 [%rd11], %r4;\n");
  run.output("keys", 128);
  run.output("out", 128);
  run.emulator->setDefined(run.addresses[0], 42, true);
  run.launchClean();
}

TEST(Check, followsUndefinedBytesThroughSharedMemory) {
  std::string body = "shl.b32 %r1, %r0, 2;\n" + indexed(10, 0, 4) +
                     "ld.global.u32 %r2, [%rd10];\n"
                     "st.shared.u32 [%r1], %r2;\n"
                     "mov.u32 %r9, dyn;\n"
                     "bar.sync 0;\n"
                     "ld.shared.u32 %r3, [%r1];\n" +
                     indexed(11, 1, 4) + "st.global.u32 [%rd11], %r3;\n";
  KernelRun run(body);
  run.output("keys", 128);
  run.output("out", 128);
  run.emulator->setDefined(run.addresses[0], 64, true);
  run.launch(1, 32, 128);
  EXPECT_THAT(
      run.finding(Check::undefined),
      testing::AllOf(HasSubstr("thread 16"), HasSubstr("buffer 'keys' + 124")));
}

TEST(Check, findsSharedMemoryNothingWrote) {
  KernelRun run("shl.b32 %r1, %r0, 2;\n"
                "mov.u32 %r9, dyn;\n"
                "ld.shared.u32 %r3, [%r1];\n" +
                    indexed(11, 0, 4) + "st.global.u32 [%rd11], %r3;\n",
                1);
  run.output("out", 128);
  run.launch(2, 32, 128);
  EXPECT_THAT(run.finding(Check::undefined),
              HasSubstr("at shared memory + 124"));
}

TEST(Check, findsBarriersThatPartOfABlockReaches) {
  KernelRun warps("setp.lt.u32 %p0, %r0, 32;\n"
                  "@%p0 bra skip;\n"
                  "bar.sync 0;\n"
                  "skip:\n",
                  0);
  warps.launch(1, 96);
  EXPECT_THAT(warps.finding(Check::barrier),
              HasSubstr("barrier 0 reached by 64 of 96 threads; 1 warps have "
                        "ended"));
  KernelRun lanes("setp.lt.u32 %p0, %r0, 40;\n"
                  "@%p0 bra skip;\n"
                  "bar.sync 0;\n"
                  "skip:\n",
                  0);
  lanes.launch(1, 64);
  EXPECT_THAT(lanes.finding(Check::barrier),
              HasSubstr("barrier reached by 24 of the warp's 32 threads"));
}

TEST(Check, findsShufflesFromInactiveLanes) {
  std::string shuffle = "shfl.sync.bfly.b32 %r2, %r0, 16, 31, -1;\n";
  KernelRun run(shuffle, 0);
  run.launchClean();
  KernelRun wrong(
      "setp.lt.u32 %p0, %r0, 16;\n@%p0 bra skip;\n" + shuffle + "skip:\n", 0);
  wrong.launch();
  EXPECT_THAT(wrong.finding(Check::inactiveLane),
              StartsWith("kernel k, k.ptx:"));
}

TEST(Check, findsKernelsThatDoNotEnd) {
  Options options{2};
  options.maxInstructions = 1000000;
  KernelRun run("loop:\nbra.uni loop;\n", 0, options);
  run.launch(2);
  EXPECT_THAT(run.finding(Check::hang),
              testing::HasSubstr("hang: more than 1000000 warp instructions "
                                 "were executed (see --max-instructions)"));
  KernelRun trap("trap;\n", 0);
  trap.launch();
  trap.finding(Check::trap);
}

} // namespace
} // namespace quipu::emulator
