//===- SmolLm2Test.cpp - The interpreter on a real model ------------------===//
//
// One prompt of test/e2e/goldens/smollm2.json: quantized weights, 30 layers,
// the pages and types of a real run. Needs the model file in QUIPU_TEST_MODEL.
//
//===----------------------------------------------------------------------===//

#include "StepRunner.h"

#include "frontends/OpenModel.h"
#include "frontends/graph/GraphBuilder.h"
#include "interpreters/ModelParameters.h"
#include "test/e2e/Golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace quipu {
namespace {

TEST(SmolLm2, TopLogitsEqualHuggingFace) {
  const char *path = std::getenv("QUIPU_TEST_MODEL");
  if (!path)
    GTEST_SKIP() << "QUIPU_TEST_MODEL is not set";
  Result<Model> model = openModel(path);
  ASSERT_TRUE(model) << model.error().message;
  Result<ModelParameters> parameters = ModelParameters::open(*model);
  ASSERT_TRUE(parameters) << parameters.error().message;
  Result<std::vector<TextGolden>> goldens = readSmolLm2Goldens();
  ASSERT_TRUE(goldens) << goldens.error().message;
  const TextGolden &golden =
      *std::min_element(goldens->begin(), goldens->end(),
                        [](const TextGolden &a, const TextGolden &b) {
                          return a.ids.size() < b.ids.size();
                        });

  mlir::MLIRContext context;
  auto module = buildGraph(context, *model, {});
  StepRunner runner(*parameters, KvRounding::exact, /*sequences=*/1,
                    /*pagesPerSequence=*/golden.ids.size() / 64 + 1);
  StepAnswer answer = runner.run(
      module->lookupSymbol<mlir::func::FuncOp>("step"), {{0, golden.ids}});
  std::span<const double> last =
      std::as_const(answer.logits).row(golden.ids.size() - 1);
  std::vector<float> found;
  for (int32_t id : golden.topIds)
    found.push_back(last[id]);
  EXPECT_LE(relativeDifference(found, golden.topLogits), 1e-5);
  EXPECT_EQ(answer.argmax.values.back(), golden.greedyIds.front());
}

} // namespace
} // namespace quipu
