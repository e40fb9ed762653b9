//===- CompiledModel.cpp - Models compiled and run, for tests -------------===//

#include "test/e2e/CompiledModel.h"

#include "runtime/devices/DeviceChoice.h"

#include <cmath>
#include <gtest/gtest.h>

namespace quipu {

std::string whyNotOn(const std::string &device) {
  Result<std::vector<std::string>> targets = targetsToRun(device);
  return targets ? std::string() : targets.error().message;
}

std::shared_ptr<const Package> compile(const Model &model,
                                       const Configuration &configuration) {
  CompileOptions options;
  options.pipeline.optLevel = configuration.optLevel;
  options.pipeline.gemm = configuration.gemm;
  options.kvType = configuration.kvType;
  options.pageSize = configuration.pageSize;
  Result<std::vector<std::string>> targets =
      targetsToRun(configuration.device, configuration.cpuTarget);
  if (!targets) {
    ADD_FAILURE() << targets.error().message;
    return nullptr;
  }
  options.targets = *targets;
  Result<std::shared_ptr<Package>> package = compileModel(model, options);
  if (!package) {
    ADD_FAILURE() << package.error().message;
    return nullptr;
  }
  return *package;
}

std::optional<Engine> makeEngine(std::shared_ptr<const Package> package,
                                 int64_t sequences, int threads,
                                 const std::string &device) {
  if (!package)
    return std::nullopt; // reported where it was to be made
  EngineOptions options;
  options.device = device;
  options.sequences = sequences;
  options.threads = threads;
  options.context = std::min<int64_t>(package->plan.maxContext, 1024);
  Result<Engine> engine = Engine::create(std::move(package), options);
  if (!engine) {
    ADD_FAILURE() << engine.error().message;
    return std::nullopt;
  }
  return std::move(*engine);
}

std::vector<float> logits(Engine &engine, Sequence &sequence,
                          std::span<const int32_t> tokens, Rows rows) {
  StepRequest request = {&sequence, tokens, rows};
  Result<StepResult> result = engine.step({&request, 1});
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  return {result->logits.begin(), result->logits.end()};
}

double tolerance(ElementType type) {
  if (type == ElementType::bf16)
    return 2e-2;
  return type == ElementType::f16 ? 2e-3 : 1e-4;
}

double tolerance(const Model &model, const Package &package,
                 int64_t stepTokens) {
  // Where the processor multiplies bf16, larger steps do so, but for weights
  // that bf16 would truncate. A GPU does for any number of tokens but one.
  const Target &target = package.targets.front();
  bool gpu = target.kind() == plan::DeviceKind::gpu;
  int64_t exactTokens = gpu ? 1 : 8;
  bool dotsBf16 =
      stepTokens > exactTokens && (gpu || target.name.ends_with("-bf16"));
  double loosest = tolerance(package.plan.kv.type);
  for (const TensorSource &tensor : model.tensors) {
    if (tensor.rows == 1)
      continue;
    bool rounded = dotsBf16 && isQuantized(tensor.type);
    loosest =
        std::max(loosest, tolerance(rounded ? ElementType::bf16 : tensor.type));
  }
  return loosest;
}

bool isNearTie(double margin, std::span<const float> row, double tolerance) {
  double squares = 0;
  for (float logit : row)
    squares += double(logit) * logit;
  return margin <= 4 * tolerance * std::sqrt(squares / double(row.size()));
}

} // namespace quipu
