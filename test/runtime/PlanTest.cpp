//===- PlanTest.cpp - The host program as JSON ----------------------------===//
//
// A plan survives the trip through text, and each bound that the runtime relies
// on is refused when broken, with the path of the culprit.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/Plan.h"
#include "test/runtime/FakeModel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace quipu {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(Plan, roundTripsThroughText) {
  json written = plan::toJson(test::fakePackage()->plan);
  auto read = plan::fromJson(json::parse(written.dump()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(plan::toJson(*read), written);
  EXPECT_EQ(read->buckets[1].queryTile, 3);
  EXPECT_EQ(read->parameters[1].recipe.inverseFrequencies[0], 0.5f);
}

TEST(Plan, floatsKeepTheirBits) {
  plan::Plan plan = test::fakePackage()->plan;
  plan.parameters[1].recipe.inverseFrequencies[0] = 0.1f;
  plan.parameters[1].recipe.scale = 1.0f / 3;
  auto read = plan::fromJson(json::parse(plan::toJson(plan).dump()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->parameters[1].recipe.inverseFrequencies[0], 0.1f);
  EXPECT_EQ(read->parameters[1].recipe.scale, 1.0f / 3);
}

struct BadPlan {
  const char *pointer; // JSON pointer of what is replaced
  json value;
  const char *message;
};

/// Expects `plan`, good as it is, to be refused with `bad` in it.
void expectRefused(const plan::Plan &plan, const BadPlan &bad) {
  json written = plan::toJson(plan);
  json::json_pointer pointer(bad.pointer);
  ASSERT_TRUE(plan::fromJson(written));
  ASSERT_TRUE(written.contains(pointer)) << bad.pointer;
  written[pointer] = bad.value;
  auto read = plan::fromJson(written);
  ASSERT_FALSE(read) << bad.pointer;
  EXPECT_THAT(read.error().message, HasSubstr(bad.message));
}

class BadPlans : public testing::TestWithParam<BadPlan> {};

TEST_P(BadPlans, areRefused) {
  expectRefused(test::fakePackage()->plan, GetParam());
}

const BadPlan badPlans[] = {
    {"/vocab_size", 0, "$.vocab_size: expected an integer from 1"},
    {"/vocab_size", -5, "found -5"},
    {"/vocab_size", 98, "row_elements: expected an integer from 98 to 98"},
    {"/vocab_size", "97", "found \"97\""},
    {"/vocab_size", 9.5, "found 9.5"},
    {"/vocab_size", UINT64_MAX, "found 18446744073709551615"},
    {"/max_context", int64_t(1) << 31, "$.max_context"},
    {"/max_splits", 0, "$.max_splits"},
    {"/kv", nullptr, "$.kv: expected an object, found nothing"},
    {"/kv/layers", 0, "$.kv.layers"},
    {"/kv/layers", 1, "arguments[0][1]: expected an integer from 0 to 0"},
    {"/kv/page_size", 0, "$.kv.page_size"},
    {"/kv/head_dim", INT64_MAX, "$.kv.head_dim"},
    {"/kv/type", "q4_0", "expected f32, f16 or bf16, found q4_0"},
    {"/kv/type", "f8", "unknown element type"},
    {"/parameters", 3, "$.parameters: expected an array, found 3"},
    {"/parameters/0/rows", 0, "$.parameters[0].rows"},
    {"/parameters/0/type", "q8_0", "columns: expected a multiple of 32"},
    {"/parameters/0/recipe/kind", "shuffle", "expected one of identity"},
    {"/parameters/0/recipe/tensor", 1, "recipe.tensor: expected a string"},
    {"/parameters/1/columns", 4, "expected two for each of 1 frequencies"},
    {"/parameters/1/rows", 5, "$.parameters[1].rows"},
    {"/parameters/1/type", "f16", "expected f32 for a rope table"},
    {"/parameters/1/recipe/scale", 1e300, "finite f32"},
    {"/kernels", json::array(), "the plan has no kernels"},
    {"/kernels/2/scratch_bytes/0", -1, "$.kernels[2].scratch_bytes[0]"},
    {"/kernels/0/device", "tpu", "$.kernels[0].device: expected one of cpu"},
    {"/kernels/0/threads", 32, "$.kernels[0].threads"},
    {"/buckets", json::array(), "at least one bucket"},
    {"/buckets/0/device", "gpu",
     "expected a kernel for gpu, found one for cpu"},
    {"/buckets/0/entry", "embedding", "$.buckets[0].entry: expected one of"},
    {"/buckets/0/entry", "argmax", "lacks the output of entry 'argmax'"},
    {"/buckets/0/max_tokens", 0, "$.buckets[0].max_tokens"},
    {"/buckets/0/max_rows", 2, "$.buckets[0].max_rows"},
    {"/buckets/0/arena_bytes", 3393, "expected a multiple of 64"},
    {"/buckets/0/arena_bytes", 64, "launches[2].arguments[1][1]"},
    {"/buckets/1/arena_bytes", 3200, "$.buckets[1].outputs[0].offset"},
    {"/buckets/0/outputs/0/offset", 3392, "outputs[0].offset"},
    {"/buckets/0/outputs/0/offset", 2, "expected a multiple of 4"},
    {"/buckets/0/outputs/0/name", "probabilities", "outputs[0].name"},
    {"/buckets/0/launches/0/kernel", 6, "launches[0].kernel"},
    {"/buckets/0/launches/1/arguments/5/1", 3392, "arguments[5][1]"},
    {"/buckets/0/launches/1/arguments/0/0", "stack", "expected one of arena"},
    {"/buckets/0/launches/1/arguments/2/1", "weights", "expected one of tok"},
    {"/buckets/0/launches/1/arguments/2/1", "work", "whose query_tile is 0"},
    {"/buckets/0/launches/3/arguments/2/1", 2, "arguments[2][1]"},
    {"/buckets/0/launches/1/arguments/2", json::array({"keys"}),
     "arguments[2]: expected at least 2 elements, found 1"},
    {"/buckets/0/launches/0/grid/count", 0, "grid.count"},
    {"/buckets/0/launches/0/grid/factors/0/1", 0, "factors[0][1]"},
    {"/buckets/0/launches/0/grid/factors/0/0", "heads", "factors[0][0]"},
    {"/buckets/1/launches/0/grid/count", int64_t(1) << 40, "2^40 tiles"},
    {"/buckets/1/query_tile", -1, "query_tile"},
};

INSTANTIATE_TEST_SUITE_P(All, BadPlans, testing::ValuesIn(badPlans));

/// The fake model, with a kernel that was assembled for its one target.
plan::Plan planWithResources() {
  plan::Plan plan = test::fakePackage()->plan;
  plan.kernels[1].resources = {plan::Resources{40, 16, 24, 8}};
  plan.kernels[2].resources = {std::nullopt};
  return plan;
}

TEST(PlanResources, roundTripThroughText) {
  json written = plan::toJson(planWithResources());
  auto read = plan::fromJson(json::parse(written.dump()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(plan::toJson(*read), written);
  EXPECT_TRUE(read->kernels[0].resources.empty());
  ASSERT_EQ(read->kernels[1].resources.size(), 1u);
  ASSERT_TRUE(read->kernels[1].resources[0]);
  EXPECT_EQ(read->kernels[1].resources[0]->registers, 40);
  EXPECT_EQ(read->kernels[1].resources[0]->staticSharedBytes, 8);
  ASSERT_EQ(read->kernels[2].resources.size(), 1u);
  EXPECT_FALSE(read->kernels[2].resources[0]);
}

class BadResources : public testing::TestWithParam<BadPlan> {};

TEST_P(BadResources, areRefused) {
  expectRefused(planWithResources(), GetParam());
}

const BadPlan badResources[] = {
    {"/kernels/1/resources", 3, "$.kernels[1].resources: expected an array"},
    {"/kernels/1/resources", json::array(),
     "$.kernels[1].resources: expected one for each of 1 targets, found 0"},
    {"/kernels/1/resources/0", 7, "resources[0]: expected an object, found 7"},
    {"/kernels/1/resources/0/registers", 256, "resources[0].registers"},
    {"/kernels/1/resources/0/stack_bytes", -1, "resources[0].stack_bytes"},
    {"/kernels/1/resources/0/spill_bytes", "8", "resources[0].spill_bytes"},
    {"/kernels/1/resources/0/static_shared_bytes", INT64_MAX,
     "resources[0].static_shared_bytes"},
};

INSTANTIATE_TEST_SUITE_P(All, BadResources, testing::ValuesIn(badResources));

/// The fake model, with the launch of its logits as a product by the bias.
plan::Plan planWithProduct() {
  plan::Plan plan = test::fakePackage()->plan;
  plan.buckets[0].launches[3].product = {plan::Grid::Symbol::rows, 0, 2, 3};
  return plan;
}

TEST(PlanProduct, roundTripsThroughText) {
  json written = plan::toJson(planWithProduct());
  auto read = plan::fromJson(json::parse(written.dump()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(plan::toJson(*read), written);
  ASSERT_TRUE(read->buckets[0].launches[3].product);
  EXPECT_EQ(read->buckets[0].launches[3].product->output, 3);
  EXPECT_FALSE(read->buckets[0].launches[2].product);
}

class BadProducts : public testing::TestWithParam<BadPlan> {};

TEST_P(BadProducts, areRefused) {
  expectRefused(planWithProduct(), GetParam());
}

const BadPlan badProducts[] = {
    {"/buckets/0/launches/3/product", 5, "launches[3].product"},
    {"/buckets/0/launches/3/product/extent", "splits",
     "product.extent: expected tokens or rows, found splits"},
    {"/buckets/0/launches/3/product/input", 4, "product.input: expected an"},
    {"/buckets/0/launches/3/product/output", -1, "product.output: expected"},
    {"/buckets/0/launches/3/product/input", 1,
     "product.input: expected an argument in the arena, found input"},
    {"/buckets/0/launches/3/product/weights", 0,
     "product.weights: expected a parameter, found arena"},
    {"/buckets/0/launches/3/arguments", json::array(),
     "product.weights: expected an integer from 0 to 0, found 2"},
    {"/buckets/0/launches/3",
     {{"kernel", 4},
      {"arguments", json::array()},
      {"grid", {{"count", 1}, {"factors", json::array()}}},
      {"label", ""},
      {"product",
       {{"extent", "rows"}, {"input", 0}, {"weights", 0}, {"output", 0}}}},
     "launches[3].product: the launch has no arguments"},
    {"/buckets/0/launches/3/arguments/2/1", 1, "f16 or bf16, found a rope"},
    {"/buckets/0/launches/3/arguments/0/1", 4, "a multiple of 16, found 4"},
    {"/parameters/0/type", "i32",
     "expected stored f32, f16 or bf16, found i32"},
    {"/parameters/0/rows", 2000,
     "product.output: expected 8000 bytes at 192 in an arena of 3392"},
    {"/parameters/0/columns", 2000,
     "product.input: expected 8000 bytes at 128 in an arena of 3392"},
    {"/parameters/0/rows", int64_t(1) << 31, "fewer than 2^31 rows"},
};

INSTANTIATE_TEST_SUITE_P(All, BadProducts, testing::ValuesIn(badProducts));

TEST(PlanProduct, lacksNothing) {
  json whole = plan::toJson(planWithProduct());
  for (const char *member : {"extent", "input", "weights", "output"}) {
    json plan = whole;
    plan["buckets"][0]["launches"][3]["product"].erase(member);
    EXPECT_FALSE(plan::fromJson(plan)) << member;
  }
}

/// The fake model, with the buffers of its first bucket: partial sums, totals
/// and logits, of one token.
plan::Plan planWithBuffers() {
  using Symbol = plan::Grid::Symbol;
  plan::Plan plan = planWithProduct();
  plan.buckets[0].buffers = {{0, Symbol::tokens, 16, 1, 2},
                             {128, Symbol::rows, 4, 2, 3},
                             {192, Symbol::rows, 388, 3, 3}};
  return plan;
}

TEST(PlanBuffers, roundTripThroughText) {
  json written = plan::toJson(planWithBuffers());
  auto read = plan::fromJson(json::parse(written.dump()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(plan::toJson(*read), written);
  EXPECT_EQ(usedBytes(read->buckets[0].buffers[0], 3, 2), 48);
  EXPECT_EQ(usedBytes(read->buckets[0].buffers[2], 3, 2), 776);
}

class BadBuffers : public testing::TestWithParam<BadPlan> {};

TEST_P(BadBuffers, areRefused) { expectRefused(planWithBuffers(), GetParam()); }

const BadPlan badBuffers[] = {
    {"/buckets/0/buffers", 7, "$.buckets[0].buffers: expected an array"},
    {"/buckets/0/buffers/0", 7, "buffers[0]: expected an object, found 7"},
    {"/buckets/0/buffers/0/offset", -64, "buffers[0].offset"},
    {"/buckets/0/buffers/0/offset", 32, "offset: expected a multiple of 64"},
    {"/buckets/0/buffers/0/offset", INT64_MAX, "buffers[0].offset"},
    {"/buckets/0/buffers/0/offset", 3392, "leaves no byte for each of tokens"},
    {"/buckets/0/buffers/0/extent", "work", "expected tokens or rows"},
    {"/buckets/0/buffers/0/row_bytes", 0, "buffers[0].row_bytes"},
    {"/buckets/0/buffers/2/row_bytes", 3201, "buffers[2].row_bytes"},
    {"/buckets/0/buffers/0/row_bytes", 129,
     "buffers: two that live at launch 2 share bytes, one of them at 128"},
    {"/buckets/0/buffers/0/last", 4, "buffers[0].last"},
    {"/buckets/0/buffers/0/first", -1, "buffers[0].first"},
    {"/buckets/0/buffers/0/last", 0, "buffers[0].last: expected an integer"},
    {"/buckets/0/buffers/0/last", 1,
     "launches[2].arguments[0]: expected a buffer that lives at this launch, "
     "found none at 0"},
    {"/buckets/0/launches/3/arguments/3/1", 256, "found none at 256"},
    {"/buckets/0/buffers/2/extent", "tokens", "found 388 for each of tokens"},
    {"/buckets/0/buffers/2/row_bytes", 384, "found another"},
    {"/buckets/0/outputs/0/offset", 256, "found none"},
    {"/buckets/0/buffers/1/extent", "tokens",
     "launches[3].arguments[0]: expected 4 bytes for each of rows, found 4 for "
     "each of tokens"},
    {"/buckets/0/buffers/1/row_bytes", 3, "found 3 for each of rows"},
};

INSTANTIATE_TEST_SUITE_P(All, BadBuffers, testing::ValuesIn(badBuffers));

TEST(Plan, lacksNothing) {
  json whole = plan::toJson(planWithBuffers());
  // Every member of every object is required.
  json flat = whole.flatten();
  for (const auto &[pointer, value] : flat.items()) {
    json::json_pointer at(pointer);
    json plan = whole;
    if (!plan[at.parent_pointer()].is_object())
      continue;
    plan[at.parent_pointer()].erase(at.back());
    EXPECT_FALSE(plan::fromJson(plan)) << pointer;
  }
}

TEST(Plan, sizesCannotOverflow) {
  plan::Plan plan = test::fakePackage()->plan;
  plan.parameters[0].rows = int64_t(1) << 31;
  plan.parameters[0].columns = int64_t(1) << 31;
  EXPECT_FALSE(plan::check(plan));
  plan = test::fakePackage()->plan;
  plan.kv.kvHeads = plan.kv.headDim = 1 << 16;
  plan.maxContext = INT32_MAX;
  auto checked = plan::check(plan);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("$.max_context"));
}

} // namespace
} // namespace quipu
