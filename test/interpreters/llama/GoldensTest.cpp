//===- GoldensTest.cpp - The interpreter against Hugging Face -------------===//
//
// Small random models, each of another kind; test/e2e/goldens/README.md lists
// them. The logits are f32, so 1e-5 is what their rounding leaves.
//
//===----------------------------------------------------------------------===//

#include "StepRunner.h"

#include "frontends/OpenModel.h"
#include "frontends/graph/GraphBuilder.h"
#include "interpreters/ModelParameters.h"
#include "passes/llama/Passes.h"
#include "test/e2e/Golden.h"

#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

constexpr int64_t pageSize = 8; // three or four pages a sequence

class GoldensTest : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    Result<LogitsGolden> read = readLogitsGolden(GetParam());
    ASSERT_TRUE(read) << read.error().message;
    golden = std::move(*read);
    // Nothing was computed from the last token.
    tokens.assign(golden.tokens.begin(), golden.tokens.end() - 1);
    Result<Model> model = openModel(golden.model);
    ASSERT_TRUE(model) << model.error().message;
    Result<ModelParameters> opened = ModelParameters::open(*model);
    ASSERT_TRUE(opened) << opened.error().message;
    parameters = std::make_unique<ModelParameters>(std::move(*opened));
    module = buildGraph(context, *model,
                        {.pageSize = pageSize, .kvType = ElementType::f32});
    step = module->lookupSymbol<mlir::func::FuncOp>("step");
  }

  StepRunner runner(int64_t sequences = 1) {
    return StepRunner(*parameters, KvRounding::exact, sequences,
                      (tokens.size() + pageSize - 1) / pageSize);
  }
  std::vector<int32_t> slice(size_t first, size_t last) {
    return {tokens.begin() + first, tokens.begin() + last};
  }
  /// The logits of the golden sequence in one prefill.
  DenseTensor prefill() { return runner().run(step, {{0, tokens}}).logits; }

  mlir::MLIRContext context;
  LogitsGolden golden;
  std::vector<int32_t> tokens;
  std::unique_ptr<ModelParameters> parameters;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp step;
};

/// Rows [first, last) of `tensor`.
std::vector<double> rows(const DenseTensor &tensor, int64_t first,
                         int64_t last) {
  return {tensor.values.begin() + first * tensor.columns(),
          tensor.values.begin() + last * tensor.columns()};
}

TEST_P(GoldensTest, PrefillEqualsHuggingFace) {
  DenseTensor logits = prefill();
  std::vector<float> found(logits.values.begin(), logits.values.end());
  EXPECT_LE(relativeDifference(found, golden.logits), 1e-5);
}

TEST_P(GoldensTest, GreedyTokensEqualHuggingFace) {
  StepRunner sequence = runner();
  DenseTensor next =
      sequence.run(step, {{0, slice(0, golden.promptLength)}}).argmax;
  for (size_t i = golden.promptLength; i < tokens.size(); ++i) {
    auto token = static_cast<int32_t>(next.values.back());
    ASSERT_EQ(token, tokens[i]);
    next = sequence.run(step, {{0, {token}}}).argmax;
  }
}

TEST_P(GoldensTest, DecodeEqualsPrefill) {
  DenseTensor all = prefill();
  StepRunner sequence = runner();
  for (size_t i = 0; i < tokens.size(); ++i) {
    StepAnswer answer = sequence.run(step, {{0, {tokens[i]}}});
    ASSERT_EQ(answer.logits.values, rows(all, i, i + 1)) << "token " << i;
  }
}

// Chunks end before, at and behind page boundaries (8, 16, 24).
TEST_P(GoldensTest, MixedBatchesEqualPrefill) {
  DenseTensor all = prefill();
  StepRunner sequences = runner(3);
  const std::vector<std::vector<size_t>> ends = {// after each step, a sequence
                                                 {7, 1, 0},
                                                 {8, 16, 5},
                                                 {9, 17, 5},
                                                 {17, 18, 26},
                                                 {26, 26, 26}};
  std::vector<size_t> at(3);
  for (const std::vector<size_t> &end : ends) {
    std::vector<Chunk> chunks;
    std::vector<double> expectedRows;
    for (int64_t i : {2, 0, 1}) {
      chunks.push_back({i, slice(at[i], end[i])});
      std::vector<double> part = rows(all, at[i], end[i]);
      expectedRows.insert(expectedRows.end(), part.begin(), part.end());
      at[i] = end[i];
    }
    StepAnswer answer = sequences.run(step, chunks, /*padding=*/3);
    ASSERT_EQ(answer.logits.values, expectedRows);
  }
}

TEST_P(GoldensTest, FusedEqualsUnfused) {
  DenseTensor all = prefill();
  mlir::OwningOpRef<mlir::ModuleOp> fused = module->clone();
  mlir::PassManager passes(&context);
  passes.addPass(llama::createSpecializeBuckets());
  mlir::OpPassManager &nested = passes.nest<mlir::func::FuncOp>();
  nested.addPass(llama::createMergeProjections());
  nested.addPass(llama::createFuseRope());
  nested.addPass(llama::createFuseSwiglu());
  nested.addPass(llama::createFuseResidual());
  nested.addPass(llama::createFuseNorm());
  nested.addPass(llama::createFuseArgmax());
  nested.addPass(llama::createVerifyFused());
  ASSERT_TRUE(succeeded(passes.run(*fused)));

  auto function = [&](llvm::StringRef name) {
    return fused->lookupSymbol<mlir::func::FuncOp>(name);
  };
  StepRunner one = runner(), two = runner();
  std::vector<int32_t> prompt = slice(0, golden.promptLength);
  EXPECT_EQ(one.run(function("prefill_logits"), {{0, prompt}}).logits.values,
            rows(all, 0, golden.promptLength));
  two.run(function("prefill_argmax"), {{0, prompt}});
  for (size_t i = golden.promptLength; i < tokens.size(); ++i) {
    StepAnswer answer = one.run(function("decode_logits"), {{0, {tokens[i]}}});
    std::vector<double> row = rows(all, i, i + 1);
    EXPECT_EQ(answer.logits.values, row);
    answer = two.run(function("decode_argmax"), {{0, {tokens[i]}}});
    EXPECT_EQ(answer.argmax.values,
              std::vector<double>{double(
                  std::max_element(row.begin(), row.end()) - row.begin())});
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldensTest,
                         testing::ValuesIn(logitsGoldenNames()),
                         [](const auto &info) { return info.param; });

} // namespace
} // namespace quipu
