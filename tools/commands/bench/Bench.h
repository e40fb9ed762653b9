//===- Bench.h - Times a model on an engine ---------------------*- C++ -*-===//
//
// Evaluates a prompt and decodes, again and again, with the machine's ceilings
// measured in between. The engine is the one that `run` uses; there is no path
// for benchmarks.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_BENCH_BENCH_H
#define QUIPU_TOOLS_COMMANDS_BENCH_BENCH_H

#include "runtime/generation/Engine.h"
#include "tools/commands/bench/BenchReport.h"

namespace quipu {

struct BenchOptions {
  int64_t promptTokens = 512;
  int64_t decodeTokens = 64;
  int repetitions = 3;
  int threads = 1; // of the engine, and of the ceilings
  bool profile = false;
  double ceilingSeconds = 0.1; // spent on each measurement of a ceiling
};

/// Measures `engine`, whose context has room for prompt and decoded tokens.
Result<BenchReport> runBench(Engine &engine, const BenchOptions &options);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_BENCH_BENCH_H
