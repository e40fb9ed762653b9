//===- RaceRun.h - Looks for races with many seeds --------------*- C++ -*-===//
//
// A race is one in whatever order threads come to run, so that each planted one
// must be found with every seed, and a kernel in order be clean with each.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_EMULATOR_RACERUN_H
#define QUIPU_TEST_RUNTIME_EMULATOR_RACERUN_H

#include "KernelRun.h"

namespace quipu::emulator {

struct Shape {
  uint32_t grid = 1, block = 32;
};

/// Runs `body` on two buffers of 32 zeros with many seeds, on one host thread
/// and on two; each run must be clean, or find `check`. Returns the last
/// message.
inline std::string runSeeds(const std::string &body, Shape shape,
                            std::optional<Check> check) {
  std::string message;
  for (uint64_t seed = 0; seed < 20; ++seed)
    for (int threads : {1, 2}) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", " +
                   std::to_string(threads) + " host threads");
      KernelRun run("mov.u32 %r9, dyn;\nmov.u32 %r8, %ctaid.x;\n" + body, 2,
                    {threads, seed});
      run.input("x", std::vector<uint32_t>(32), true);
      run.input("y", std::vector<uint32_t>(32), true);
      if (!check) {
        run.launchClean(shape.grid, shape.block, 256);
        continue;
      }
      run.launch(shape.grid, shape.block, 256);
      message = run.finding(*check);
    }
  return message;
}
inline void expectClean(const std::string &body, Shape shape) {
  runSeeds(body, shape, std::nullopt);
}
inline std::string finding(const std::string &body, Shape shape, Check check) {
  return runSeeds(body, shape, check);
}

/// `body` for the threads whose register `who` is `n`.
inline std::string only(const std::string &who, int n,
                        const std::string &body) {
  std::string label = "skip_" + who.substr(1) + "_" + std::to_string(n);
  return "setp.ne.u32 %p10, " + who + ", " + std::to_string(n) +
         ";\n@%p10 bra " + label + ";\n" + body + label + ":\n";
}

/// Blocks take turns at %rd0, in order of a semaphore at %rd1 that `release`
/// counts up and the last block sets back by a plain store.
inline std::string takingTurns(const std::string &acquire,
                               const std::string &release) {
  return only("%r0", 0,
              "turn:\n" + acquire +
                  "setp.ne.u32 %p1, %r1, %r8;\n"
                  "@%p1 bra turn;\n") +
         "bar.sync 0;\n" + indexed(10, 0, 4) +
         "ld.global.u32 %r2, [%rd10];\n"
         "add.u32 %r2, %r2, 1;\n"
         "st.global.u32 [%rd10], %r2;\n"
         "bar.sync 0;\n"
         "setp.ne.u32 %p2, %r0, 0;\n"
         "@%p2 bra done;\n"
         "setp.eq.u32 %p3, %r8, 2;\n"
         "@%p3 bra last;\n" +
         release +
         "bra.uni done;\n"
         "last:\n"
         "st.global.u32 [%rd1], 0;\n"
         "done:\n";
}

} // namespace quipu::emulator

#endif // QUIPU_TEST_RUNTIME_EMULATOR_RACERUN_H
