//===- StepCostTest.cpp - Bytes and operations of a step ------------------===//
//
// A plan of one small layer, whose costs are counted by hand.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/bench/StepCost.h"

#include <cstdint>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using plan::Argument;
using Symbol = plan::Grid::Symbol;

enum Parameters { embedding, norm, qkv, table, head };
enum Kernels { lookup, projection, attention, logits, logitsMerge };

plan::Argument parameter(int64_t index) {
  return {Argument::Kind::parameter, index};
}

/// Vocabulary 100, hidden 64, 4 query heads and 2 KV heads of 16.
plan::Plan smallPlan() {
  using Kind = plan::Recipe::Kind;
  plan::Plan plan = {};
  plan.kv = {1, 2, 16, 8, ElementType::f16};
  plan.parameters = {
      {"embedding", ElementType::f16, 100, 64, {Kind::identity, "e", {}, 1}},
      {"norm", ElementType::f32, 1, 64, {Kind::identity, "n", {}, 1}},
      {"qkv", ElementType::q8_0, 128, 64, {Kind::identity, "q", {}, 1}},
      {"table", ElementType::f32, 0, 16, {Kind::ropeTable, "", {}, 1}},
      {"head", ElementType::f16, 100, 64, {Kind::identity, "h", {}, 1}},
  };
  plan.kernels = {{"lookup_0", "rowwise", {}, {}},
                  {"matvec_0", "matvec", {}, {}},
                  {"attention_0", "attention_decode", {}, {}},
                  {"matvec_1", "matvec", {}, {}},
                  {"matvec_1_merge", "matvec", {}, {}}};
  plan::Grid tokens = {1, {{Symbol::tokens, 1}}},
             rows = {1, {{Symbol::rows, 1}}};
  plan::Bucket bucket = {"decode", "argmax", 8, 8, 0, 0, {}, {}, {}};
  bucket.launches = {
      {lookup, {parameter(embedding)}, tokens, "embedding"},
      {projection,
       {parameter(norm), parameter(qkv), parameter(table)},
       tokens,
       "layers.0.qkv"},
      {attention, {{Argument::Kind::keys, 0}}, tokens, "layers.0.attention"},
      {logits, {parameter(head)}, rows, "lm_head"},
      {logitsMerge, {parameter(head)}, rows, "lm_head"},
  };
  plan.buckets.push_back(bucket);
  return plan;
}

TEST(StepCost, countsWhatADecodeStepReads) {
  plan::Plan plan = smallPlan();
  Cost cost = stepCost(plan, plan.buckets[0], {10, 1, 1}, 4);
  int64_t qkvBytes = 128 * 2 * 34, headBytes = 100 * 64 * 2;
  EXPECT_EQ(cost.parameterBytes,
            64 * 2 + 64 * 4 + qkvBytes + 16 * 4 + headBytes);
  EXPECT_EQ(cost.kvBytes, 11 * 2 * 2 * 16 * 2);
  EXPECT_EQ(cost.bytes(), cost.parameterBytes + cost.kvBytes);
  EXPECT_EQ(cost.flops, 2 * 128 * 64 + 4 * 4 * 16 * 11 + 2 * 100 * 64);
}

TEST(StepCost, countsOperationsOfAPrompt) {
  plan::Plan plan = smallPlan();
  Cost cost = stepCost(plan, plan.buckets[0], {0, 8, 1}, 4);
  // Token i sees i + 1 positions; logits are of one token.
  EXPECT_EQ(cost.flops, 8 * 2 * 128 * 64 + 4 * 4 * 16 * 36 + 2 * 100 * 64);
  Cost inTwo = stepCost(plan, plan.buckets[0], {0, 3, 0}, 4);
  inTwo += stepCost(plan, plan.buckets[0], {3, 5, 1}, 4);
  EXPECT_EQ(inTwo.flops, cost.flops);
}

TEST(StepCost, asksNothingOfRowsThatNobodyWants) {
  plan::Plan plan = smallPlan();
  const plan::Launch &head = plan.buckets[0].launches[3];
  Cost cost = launchCost(plan, head, {0, 8, 0}, 4);
  EXPECT_EQ(cost.bytes(), 0);
  EXPECT_EQ(cost.flops, 0);
}

TEST(StepCost, endsWhereIntegersDo) {
  plan::Plan plan = smallPlan();
  plan.kv.kvHeads = plan.kv.headDim = 1 << 16;
  plan.parameters[qkv].rows = plan.parameters[qkv].columns = int64_t(1) << 31;
  StepShape shape = {int64_t(1) << 31, 1 << 20, 1};
  Cost cost = stepCost(plan, plan.buckets[0], shape, INT32_MAX);
  EXPECT_EQ(cost.flops, INT64_MAX);
  // 2^62 elements of Q8_0, 34 bytes for 32 of them.
  EXPECT_GT(cost.parameterBytes, (int64_t(1) << 62) / 32 * 34);
  EXPECT_EQ((Cost{INT64_MAX, 1, 0}).bytes(), INT64_MAX);
}

TEST(StepCost, knowsQueryHeadsOfThePackage) {
  Package package;
  package.path = "p";
  package.plan = smallPlan();
  EXPECT_EQ(*queryHeads(package), 2); // as KV heads
  package.model.config = {{"num_attention_heads", 4}};
  EXPECT_EQ(*queryHeads(package), 4);
  for (double bad : {0.0, -1.0, 2.5, 1e300, -1e300, 4294967296.0}) {
    package.model.config = {{"num_attention_heads", bad}};
    Result<int64_t> heads = queryHeads(package);
    ASSERT_FALSE(heads) << bad;
    EXPECT_TRUE(heads.error().message.starts_with(
        "p: num_attention_heads: expected a whole number from 1 to "))
        << heads.error().message;
  }
}

TEST(StepCost, namesLaunchesWithoutTheirLayer) {
  plan::Plan plan = smallPlan();
  auto nameOf = [&](int64_t kernel, const char *label) {
    return launchClass(plan, {kernel, {}, {}, label});
  };
  EXPECT_EQ(nameOf(projection, "layers.12.qkv"), "qkv");
  EXPECT_EQ(nameOf(projection, "layers.3 gate_up"), "gate_up");
  EXPECT_EQ(nameOf(logits, "lm_head"), "lm_head");
  EXPECT_EQ(nameOf(logitsMerge, "lm_head"), "lm_head.merge");
  EXPECT_EQ(nameOf(lookup, ""), "-");
}

} // namespace
} // namespace quipu
