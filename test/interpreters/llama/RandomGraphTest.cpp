//===- RandomGraphTest.cpp - Fusion of graphs that nobody wrote -----------===//
//
// Fusion passes in any order must leave the meaning of any graph alone, bit for
// bit.
//
//===----------------------------------------------------------------------===//

#include "RandomGraph.h"

#include "interpreters/llama/LlamaInterpreter.h"
#include "passes/llama/Passes.h"

#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

namespace quipu {
namespace {

using namespace mlir;
using namespace quipu::llama;

/// The bits of all tensors of `values`: equal even where both are NaN.
std::vector<uint64_t> bits(const std::vector<StepValue> &values) {
  std::vector<uint64_t> all;
  auto take = [&](const DenseTensor &tensor) {
    for (double value : tensor.values) {
      uint64_t word;
      std::memcpy(&word, &value, sizeof(word));
      all.push_back(word);
    }
  };
  for (const StepValue &value : values) {
    if (const auto *tensor = std::get_if<DenseTensor>(&value))
      take(*tensor);
    if (const auto *kv = std::get_if<KvState>(&value)) {
      take(kv->keys);
      take(kv->values);
    }
  }
  return all;
}

LogicalResult fuseInRandomOrder(ModuleOp module, uint32_t seed) {
  std::vector<std::unique_ptr<Pass>> passes;
  passes.push_back(createMergeProjections());
  passes.push_back(createFuseRope());
  passes.push_back(createFuseSwiglu());
  passes.push_back(createFuseResidual());
  passes.push_back(createFuseNorm());
  passes.push_back(createFuseArgmax());
  std::shuffle(passes.begin(), passes.end(), std::mt19937(seed));
  PassManager manager(module.getContext());
  for (std::unique_ptr<Pass> &pass : passes)
    manager.addNestedPass<func::FuncOp>(std::move(pass));
  manager.addNestedPass<func::FuncOp>(createVerifyFused());
  return manager.run(module);
}

TEST(RandomGraph, FusionKeepsEveryBit) {
  MLIRContext context;
  context.disableMultithreading();
  context.loadDialect<LlamaDialect, func::FuncDialect>();
  ScopedDiagnosticHandler remarks(&context, [](Diagnostic &diagnostic) {
    return success(diagnostic.getSeverity() == DiagnosticSeverity::Remark);
  });
  std::map<std::string, int> fused; // ops in groups
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    RandomGraph graph(context, seed);
    auto function = [&] {
      return graph.module->lookupSymbol<func::FuncOp>("graph");
    };
    std::vector<StepValue> arguments = graph.arguments();
    auto before = interpretLlama(function(), arguments, graph.parameters);
    ASSERT_TRUE(succeeded(before)) << "seed " << seed;
    ASSERT_TRUE(succeeded(fuseInRandomOrder(*graph.module, seed)))
        << "seed " << seed;
    auto after = interpretLlama(function(), arguments, graph.parameters);
    ASSERT_TRUE(succeeded(after)) << "seed " << seed;
    ASSERT_EQ(bits(*before), bits(*after)) << "seed " << seed;
    graph.module->walk([&](FusionOp fusion) {
      for (Operation &op : fusion.getBody().front())
        ++fused[op.getName().getStringRef().str()];
    });
  }
  // The test means something only if every kind of group was made.
  for (const char *name : {"llama.rms_norm", "llama.rope", "llama.kv_append",
                           "llama.silu", "llama.add", "llama.argmax"})
    EXPECT_GT(fused[name], 20) << name;
}

} // namespace
} // namespace quipu
