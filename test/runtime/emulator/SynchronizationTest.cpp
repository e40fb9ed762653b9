//===- SynchronizationTest.cpp - Warps that wait for parts of a block -----===//
//
// Named barriers, mbarriers and bulk copies: what they order, and what is still
// a race beside them.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

namespace quipu::emulator {
namespace {

using testing::Each;
using testing::HasSubstr;

/// Warp 0 writes 128 bytes of shared memory, warp 1 reads them and stores them
/// to %rd0, with `produced` and `awaited` between.
std::string handOver(const std::string &produced, const std::string &awaited) {
  return "mov.u32 %r9, dyn;\n"
         "and.b32 %r1, %r0, 31;\n"
         "shl.b32 %r2, %r1, 2;\n"
         "setp.ge.u32 %p0, %r0, 32;\n"
         "@%p0 bra consumer;\n"
         "st.shared.u32 [%r2], 77;\n" +
         produced +
         "bra.uni done;\n"
         "consumer:\n" +
         awaited +
         "ld.shared.u32 %r3, [%r2];\n"
         "cvt.u64.u32 %rd3, %r2;\n"
         "add.u64 %rd3, %rd3, %rd0;\n"
         "st.global.u32 [%rd3], %r3;\n"
         "done:\n";
}

TEST(Synchronization, ordersByNamedBarriers) {
  for (uint64_t seed : {0, 1, 2}) {
    KernelRun run(handOver("bar.arrive 1, 64;\n", "bar.sync 1, 64;\n"), 1,
                  {1, seed});
    run.output("out", 128);
    run.launchClean(1, 64, 256);
    EXPECT_THAT(run.values<uint32_t>(0, 32), Each(77u));
  }
}

TEST(Synchronization, findsBarriersThatPartiesDisagreeOn) {
  KernelRun run(handOver("bar.sync 1, 32;\n", "bar.sync 1, 32;\n"), 1);
  run.output("out", 128);
  run.launch(1, 64, 256);
  run.finding(Check::sharedRace); // each warp met only itself
  KernelRun sizes(handOver("bar.arrive 1, 64;\n", "bar.sync 1, 96;\n"), 1);
  sizes.output("out", 128);
  sizes.launch(1, 96, 256);
  EXPECT_THAT(sizes.finding(Check::barrier),
              HasSubstr("reached for 96 threads while others"));
}

/// An mbarrier at 128, for one arrival.
const std::string made = "setp.ne.u32 %p1, %r0, 0;\n"
                         "mov.u32 %r9, dyn;\n"
                         "@!%p1 mbarrier.init.shared.b64 [dyn+128], 1;\n"
                         "bar.sync 0;\n";
const std::string awaited =
    "wait:\n"
    "mbarrier.try_wait.parity.shared.b64 %p3, [dyn+128], 0;\n"
    "@!%p3 bra wait;\n";

TEST(Synchronization, ordersByMbarriers) {
  std::string arrive = "bar.warp.sync -1;\n"
                       "elect.sync _|%p2, -1;\n"
                       "@%p2 mbarrier.arrive.shared.b64 %rd9, [dyn+128];\n";
  for (uint64_t seed : {0, 1, 2}) {
    KernelRun run(made + handOver(arrive, awaited), 1, {1, seed});
    run.output("out", 128);
    run.launchClean(1, 64, 256);
    EXPECT_THAT(run.values<uint32_t>(0, 32), Each(77u));
  }
  KernelRun wrong(made + handOver(arrive, ""), 1);
  wrong.output("out", 128);
  wrong.launch(1, 64, 256);
  wrong.finding(Check::sharedRace);
}

TEST(Synchronization, waitsForBulkCopies) {
  auto kernel = [](const std::string &wait) {
    return made +
           "@%p1 bra wait;\n"
           "mbarrier.arrive.expect_tx.shared.b64 %rd9, [dyn+128], 128;\n"
           "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
           "[dyn], [%rd1], 128, [dyn+128];\n" +
           (wait.empty() ? std::string("wait:\n") : wait) +
           "shl.b32 %r2, %r0, 2;\n"
           "and.b32 %r2, %r2, 127;\n"
           "ld.shared.u32 %r3, [%r2];\n" +
           indexed(10, 0, 4) + "st.global.u32 [%rd10], %r3;\n";
  };
  Options options{2};
  options.maxInstructions = 1000000; // a wait in vain is no endless test
  KernelRun run(kernel(awaited), 2, options);
  run.output("out", 256);
  run.input("weights", std::vector<uint32_t>(32, 9));
  run.launchClean(1, 64, 256);
  EXPECT_THAT(run.values<uint32_t>(0, 64), Each(9u));
  EXPECT_EQ(run.report.counters.weightLoads().bytes, 128);
  KernelRun wrong(kernel(""));
  wrong.output("out", 256);
  wrong.input("weights", std::vector<uint32_t>(32, 9));
  wrong.launch(1, 64, 256);
  wrong.finding(Check::sharedRace);
}

TEST(Synchronization, letsUndefinedGuardsChooseWhatNobodyUses) {
  KernelRun run(indexed(10, 0, 4) +
                "ld.global.u32 %r1, [%rd10];\n"
                "setp.gt.u32 %p0, %r1, 5;\n"
                "mov.u32 %r2, 1;\n"
                "@%p0 mov.u32 %r2, 2;\n"
                "setp.lt.u32 %p1, %r0, 8;\n"
                "selp.b32 %r2, %r2, 0, %p1;\n" +
                indexed(11, 1, 4) + "st.global.u32 [%rd11], %r2;\n");
  run.output("keys", 128);
  run.output("out", 128);
  run.emulator->setDefined(run.addresses[0], 32, true);
  run.launchClean();
  run.emulator->setDefined(run.addresses[0], 128, false);
  run.launch();
  run.finding(Check::undefined);
}

} // namespace
} // namespace quipu::emulator
