//===- CompiledModel.h - Models compiled and run, for tests -----*- C++ -*-===//
//
// From a model to logits through everything that a user's run goes through.
// Failures become test failures; what is returned then is empty.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_E2E_COMPILEDMODEL_H
#define QUIPU_TEST_E2E_COMPILEDMODEL_H

#include "compiler/Compile.h"
#include "runtime/generation/Engine.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace quipu {

/// How a test compiles a model.
struct Configuration {
  int optLevel = 2;
  std::optional<ElementType> kvType = {}; // none: as the model's types suggest
  std::string cpuTarget = ""; // "": the best that this processor runs
  std::string device = "cpu"; // or "emulator", "cuda"
  int64_t pageSize = 16;
  std::string gemm = "generated"; // or "cublas"
};

/// Why nothing can run on `device` here; empty where it can.
std::string whyNotOn(const std::string &device);

/// Null where compiling failed.
std::shared_ptr<const Package> compile(const Model &model,
                                       const Configuration &configuration);

/// Empty where there can be no engine.
std::optional<Engine> makeEngine(std::shared_ptr<const Package> package,
                                 int64_t sequences = 1, int threads = 2,
                                 const std::string &device = "cpu");

/// Logits of `tokens` appended to `sequence`, in one step: of all of them,
/// (tokens, vocab), or of the last alone, (1, vocab).
std::vector<float> logits(Engine &engine, Sequence &sequence,
                          std::span<const int32_t> tokens,
                          Rows rows = Rows::all);

/// The bound on ||d|| / ||ref|| that numbers stored as `type` are held to.
double tolerance(ElementType type);

/// The same for logits of `model` from `package`: the loosest of its stored
/// types, its KV cache and, in steps of `stepTokens`, its arithmetic.
double tolerance(const Model &model, const Package &package,
                 int64_t stepTokens);

/// Whether a top logit of `row` that leads the second by `margin` may lose to
/// it where ||d|| / ||row|| is `tolerance`: d spread evenly moves the
/// difference of two logits by less than this in all but one case in 200.
bool isNearTie(double margin, std::span<const float> row, double tolerance);

} // namespace quipu

#endif // QUIPU_TEST_E2E_COMPILEDMODEL_H
