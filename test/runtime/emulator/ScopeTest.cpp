//===- ScopeTest.cpp - What scopes order ----------------------------------===//
//
// A fence, release or acquire orders the threads that its scope takes in: one
// that ends with the block leaves blocks racing with each other.
//
//===----------------------------------------------------------------------===//

#include "RaceRun.h"

namespace quipu::emulator {
namespace {

/// Waits and counts of a semaphore between blocks, each in `scope`.
std::string takingTurnsIn(const std::string &scope) {
  return takingTurns("ld.acquire." + scope + ".global.u32 %r1, [%rd1];\n",
                     "red.release." + scope + ".global.add.u32 [%rd1], 1;\n");
}

/// The same with fences, between accesses in `scope`.
std::string takingTurnsBehind(const std::string &fence,
                              const std::string &scope) {
  return takingTurns(
      "ld.relaxed." + scope + ".global.u32 %r1, [%rd1];\n" + fence,
      fence + "red.relaxed." + scope + ".global.add.u32 [%rd1], 1;\n");
}

TEST(Scope, takesScopesThatEndWithTheBlockForNoOrderOfBlocks) {
  for (const char *scope : {"gpu", "sys"}) {
    expectClean(takingTurnsIn(scope), {3, 32});
    expectClean(
        takingTurnsBehind("fence.acq_rel." + std::string(scope) + ";\n", "gpu"),
        {3, 32});
  }
  for (const char *scope : {"cta", "cluster"}) {
    SCOPED_TRACE(scope);
    finding(takingTurnsIn(scope), {3, 32}, Check::globalRace);
    finding(
        takingTurnsBehind("fence.acq_rel." + std::string(scope) + ";\n", "gpu"),
        {3, 32}, Check::globalRace);
    finding(takingTurnsBehind("fence.acq_rel.gpu;\n", scope), {3, 32},
            Check::globalRace);
  }
  finding(takingTurnsBehind("membar.cta;\n", "gpu"), {3, 32},
          Check::globalRace);
}

/// Warp 1 reads what warp 0 wrote once a flag is set; each has its scope.
std::string flagBetweenWarps(const std::string &produced,
                             const std::string &awaited) {
  return only("%r0", 0, "st.global.u32 [%rd0], 5;\n" + produced) +
         only("%r0", 32,
              "wait:\n" + awaited +
                  "setp.eq.u32 %p1, %r1, 0;\n"
                  "@%p1 bra wait;\n"
                  "ld.global.u32 %r2, [%rd0];\n"
                  "st.global.u32 [%rd0], %r2;\n");
}

TEST(Scope, takesAnyScopeForOrderWithinABlock) {
  std::string relaxed = "ld.relaxed.cta.global.u32 %r1, [%rd1];\n";
  for (const char *released : {"cta", "gpu"})
    for (const char *acquired : {"cta", "sys"})
      expectClean(flagBetweenWarps("st.release." + std::string(released) +
                                       ".global.u32 [%rd1], 1;\n",
                                   "ld.acquire." + std::string(acquired) +
                                       ".global.u32 %r1, [%rd1];\n"),
                  {1, 64});
  std::string set = "st.relaxed.cta.global.u32 [%rd1], 1;\n";
  expectClean(
      flagBetweenWarps("membar.cta;\n" + set, relaxed + "membar.cta;\n"),
      {1, 64});
  finding(flagBetweenWarps(set, relaxed + "membar.cta;\n"), {1, 64},
          Check::globalRace);
}

/// Block 0 hands a word to a warp of block 1, and that to another warp.
std::string handedOn(const std::string &acquire) {
  return "mad.wide.u32 %rd4, %r8, 4, %rd1;\n" +
         only("%r8", 0,
              only("%r0", 0,
                   "st.global.u32 [%rd0], 5;\n"
                   "st.release.gpu.global.u32 [%rd1], 1;\n")) +
         "setp.ne.u32 %p2, %r8, 1;\n@%p2 bra done;\n" +
         only("%r0", 32,
              "first:\n" + acquire +
                  " %r1, [%rd1];\n"
                  "setp.eq.u32 %p1, %r1, 0;\n"
                  "@%p1 bra first;\n"
                  "st.release.cta.global.u32 [%rd4+4], 1;\n") +
         "setp.ne.u32 %p2, %r0, 0;\n@%p2 bra done;\n"
         "second:\n"
         "ld.acquire.cta.global.u32 %r1, [%rd4+4];\n"
         "setp.eq.u32 %p1, %r1, 0;\n"
         "@%p1 bra second;\n"
         "ld.global.u32 %r2, [%rd0];\n"
         "st.global.u32 [%rd0], %r2;\n"
         "done:\n";
}

TEST(Scope, passesOnWithinABlockWhatAnotherBlockReleased) {
  expectClean(handedOn("ld.acquire.gpu.global.u32"), {2, 64});
  finding(handedOn("ld.acquire.cta.global.u32"), {2, 64}, Check::globalRace);
}

} // namespace
} // namespace quipu::emulator
