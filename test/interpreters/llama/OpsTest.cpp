//===- OpsTest.cpp - What the goldens of whole models do not show ---------===//

#include "base/Dequantize.h"
#include "interpreters/llama/LlamaInterpreter.h"

#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace quipu {
namespace {

using namespace mlir;
using namespace quipu::llama;

class OpsTest : public testing::Test {
protected:
  OpsTest()
      : handler(&context, [this](Diagnostic &diagnostic) {
          messages += diagnostic.str() + "\n";
          return success();
        }) {
    context.loadDialect<LlamaDialect, func::FuncDialect>();
  }

  FailureOr<std::vector<StepValue>>
  run(const char *text, std::vector<StepValue> arguments,
      KvRounding rounding = KvRounding::exact) {
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return failure();
    return interpretLlama(*module->getOps<func::FuncOp>().begin(),
                          std::move(arguments), parameters, rounding);
  }

  static DenseTensor tensor(int64_t rows, std::vector<double> values) {
    return {{rows, int64_t(values.size()) / rows}, values};
  }
  static DenseTensor index(std::vector<int32_t> values) {
    return indexTensor({int64_t(values.size())}, values);
  }
  KvState kv(int64_t slots) {
    return emptyKv(KvType::get(&context, 1, 2, 2, Float16Type::get(&context)),
                   slots);
  }

  MLIRContext context;
  std::string messages;
  ScopedDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
  OwnedParameters parameters;
};

TEST_F(OpsTest, ArgmaxTakesTheFirstOfEquals) {
  auto results = run(R"(
    func.func @f(%x: tensor<?x4xf32>) -> tensor<?xi32> {
      %a = llama.argmax %x : tensor<?x4xf32> -> tensor<?xi32>
      return %a : tensor<?xi32>
    })",
                     {tensor(2, {1, 7, 3, 7, -1, -1, -2, -1})});
  ASSERT_TRUE(succeeded(results)) << messages;
  EXPECT_THAT(std::get<DenseTensor>((*results)[0]).values,
              testing::ElementsAre(1, 0));
}

const char *append = R"(
    func.func @f(%k: tensor<?x2xf32>, %slots: tensor<?xi32>,
                 %kv: !llama.kv<1, 2, page 2, f16>)
        -> !llama.kv<1, 2, page 2, f16> {
      %kv1 = llama.kv_append %kv, %k, %k, %slots
          : !llama.kv<1, 2, page 2, f16>, tensor<?x2xf32>, tensor<?xi32>
      return %kv1 : !llama.kv<1, 2, page 2, f16>
    })";

TEST_F(OpsTest, AppendRoundsOnlyWhenAsked) {
  double third = 1.0 / 3.0;
  for (KvRounding rounding : {KvRounding::exact, KvRounding::stored}) {
    auto results =
        run(append, {tensor(1, {third, 1}), index({3}), kv(4)}, rounding);
    ASSERT_TRUE(succeeded(results)) << messages;
    double expected =
        rounding == KvRounding::exact ? third : halfToFloat(floatToHalf(third));
    EXPECT_THAT(std::get<KvState>((*results)[0]).keys.values,
                testing::ElementsAre(0, 0, 0, 0, 0, 0, expected, 1));
  }
}

TEST_F(OpsTest, AppendSkipsPadding) {
  auto results = run(append, {tensor(2, {5, 6, 7, 8}), index({-1, 1}), kv(2)});
  ASSERT_TRUE(succeeded(results)) << messages;
  EXPECT_THAT(std::get<KvState>((*results)[0]).values.values,
              testing::ElementsAre(0, 0, 7, 8));
}

TEST_F(OpsTest, AppendRefusesSlotsOutsideAndTwice) {
  DenseTensor keys = tensor(2, {5, 6, 7, 8});
  EXPECT_TRUE(failed(run(append, {keys, index({0, 4}), kv(4)})));
  EXPECT_THAT(messages, testing::HasSubstr("slot 4 is not in [0, 4)"));
  EXPECT_TRUE(failed(run(append, {keys, index({3, 3}), kv(4)})));
  EXPECT_THAT(messages, testing::HasSubstr("slot 3 is written twice"));
}

TEST_F(OpsTest, CacheCannotBeReadAfterItsAppend) {
  EXPECT_TRUE(failed(run(R"(
    func.func @f(%k: tensor<?x2xf32>, %slots: tensor<?xi32>,
                 %kv: !llama.kv<1, 2, page 2, f16>)
        -> !llama.kv<1, 2, page 2, f16> {
      %kv1 = llama.kv_append %kv, %k, %k, %slots
          : !llama.kv<1, 2, page 2, f16>, tensor<?x2xf32>, tensor<?xi32>
      return %kv : !llama.kv<1, 2, page 2, f16>
    })",
                         {tensor(1, {1, 2}), index({0}), kv(2)})));
  EXPECT_THAT(messages,
              testing::HasSubstr("reads a KV value after its append"));
}

TEST_F(OpsTest, PairingsRotateTheSamePairs) {
  auto rotate = [&](const char *pairing, std::vector<double> head) {
    std::string text = std::string(R"(
    llama.rope_table @rope [0.5, 0.25] scale 2.0
    func.func @f(%x: tensor<?x4xf32>, %p: tensor<?xi32>) -> tensor<?x4xf32> {
      %r = llama.rope %x, %p, @rope )") +
                       pairing + R"( head_dim 4
          : tensor<?x4xf32>, tensor<?xi32>
      return %r : tensor<?x4xf32>
    })";
    auto results = run(text.c_str(), {tensor(1, std::move(head)), index({3})});
    EXPECT_TRUE(succeeded(results)) << messages;
    return std::get<DenseTensor>((*results)[0]).values;
  };
  std::vector<double> half = rotate("half", {1, 2, 3, 4});
  std::vector<double> interleaved = rotate("interleaved", {1, 3, 2, 4});
  EXPECT_THAT(interleaved,
              testing::ElementsAre(half[0], half[2], half[1], half[3]));
  EXPECT_NEAR(half[0], 2 * (1 * std::cos(1.5) - 3 * std::sin(1.5)), 1e-6);
  EXPECT_NEAR(half[2], 2 * (3 * std::cos(1.5) + 1 * std::sin(1.5)), 1e-6);
}

TEST_F(OpsTest, IndexOutsideIsNamed) {
  EXPECT_TRUE(failed(run(R"(
    func.func @f(%x: tensor<?x2xf32>, %rows: tensor<?xi32>)
        -> tensor<?x2xf32> {
      %r = llama.select_rows %x, %rows
          : tensor<?x2xf32>, tensor<?xi32> -> tensor<?x2xf32>
      return %r : tensor<?x2xf32>
    })",
                         {tensor(1, {1, 2}), index({1})})));
  EXPECT_THAT(messages, testing::HasSubstr("row 1 is not in [0, 1)"));
}

TEST_F(OpsTest, PositionWithoutPageIsNamed) {
  EXPECT_TRUE(
      failed(run(R"(
    func.func @f(%q: tensor<?x2xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                 %pages: tensor<?x?xi32>, %kv: !llama.kv<1, 2, page 2, f16>)
        -> tensor<?x2xf32> {
      %a = llama.attention %q, %kv, %p, %s, %pages scale 1.0
          : tensor<?x2xf32>, !llama.kv<1, 2, page 2, f16>, tensor<?xi32>,
            tensor<?x?xi32>
      return %a : tensor<?x2xf32>
    })",
                 {tensor(1, {1, 2}), index({2}), index({0}),
                  indexTensor({1, 1}, std::vector<int32_t>{0}), kv(2)})));
  EXPECT_THAT(messages, testing::HasSubstr("page 1 is not in [0, 1)"));
}

TEST_F(OpsTest, ForeignOpAndMissingParameterAreNamed) {
  EXPECT_TRUE(failed(run(R"(
    func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %y = func.call @f(%x) : (tensor<?x2xf32>) -> tensor<?x2xf32>
      return %y : tensor<?x2xf32>
    })",
                         {tensor(1, {1, 2})})));
  EXPECT_THAT(messages, testing::HasSubstr("cannot run 'func.call'"));
  EXPECT_TRUE(failed(run(R"(
    llama.param @w : tensor<3x2xf32>
    func.func @f(%x: tensor<?x2xf32>) -> tensor<?x3xf32> {
      %y = llama.linear %x, [@w] : tensor<?x2xf32> -> tensor<?x3xf32>
      return %y : tensor<?x3xf32>
    })",
                         {tensor(1, {1, 2})})));
  EXPECT_THAT(messages,
              testing::HasSubstr("expected 24 bytes of 'w', found 0"));
}

} // namespace
} // namespace quipu
