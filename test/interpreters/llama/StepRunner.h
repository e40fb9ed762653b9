//===- StepRunner.h - Steps over paged sequences ----------------*- C++ -*-===//
//
// What a runtime does around a step, for tests: lays sequences out over pages,
// packs their tokens into one batch and threads the KV caches through.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_INTERPRETERS_LLAMA_STEPRUNNER_H
#define QUIPU_TEST_INTERPRETERS_LLAMA_STEPRUNNER_H

#include "interpreters/StepState.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <random>

namespace quipu {

/// Tokens that one sequence adds to a step.
struct Chunk {
  int64_t sequence;
  std::vector<int32_t> tokens;
};

/// What a step returned, without the caches.
struct StepAnswer {
  DenseTensor logits; // (R, vocab); empty for the entry argmax
  DenseTensor argmax; // (R); empty for the entry logits
};

class StepRunner {
public:
  /// Pages of all sequences lie shuffled in the caches.
  StepRunner(const ParameterSource &parameters, KvRounding rounding,
             int64_t sequences, int64_t pagesPerSequence, uint32_t seed = 1);

  /// Runs `step`, a @step or a clone of it, on `chunks` one after the other in
  /// the batch, with `padding` tokens behind them. Every token's row is asked
  /// for, the padding's not.
  StepAnswer run(mlir::func::FuncOp step, const std::vector<Chunk> &chunks,
                 int64_t padding = 0);

private:
  void allocate(mlir::func::FuncOp step);
  StepIndices inputs(int64_t pageSize, const std::vector<Chunk> &chunks,
                     int64_t padding);

  const ParameterSource &parameters;
  KvRounding rounding;
  int64_t pagesPerSequence;
  std::vector<int32_t> pages;   // (sequences, pagesPerSequence)
  std::vector<int32_t> lengths; // tokens of each sequence so far
  std::vector<KvState> kv;      // empty before the first step
};

} // namespace quipu

#endif // QUIPU_TEST_INTERPRETERS_LLAMA_STEPRUNNER_H
