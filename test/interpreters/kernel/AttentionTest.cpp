//===- AttentionTest.cpp - The attention skeletons ------------------------===//
//
// Both skeletons against a softmax written out, on ragged sequences whose pages
// lie in any order.
//
//===----------------------------------------------------------------------===//

#include "KernelProgram.h"

#include <cmath>

using namespace quipu;
using namespace quipu::kernel;

namespace {

constexpr int64_t headDim = 4, kvHeads = 2, group = 3, pageSize = 4;
constexpr int64_t columns = kvHeads * group * headDim;

std::string attentionText(std::string skeleton) {
  return "func.func @f(%q: tensor<?x24xf32>, %kv: !llama.kv<2, 4, page 4, f32>,"
         "    %positions: tensor<?xi32>, %sequences: tensor<?xi32>,"
         "    %pages: tensor<?x?xi32>) -> tensor<?x24xf32> {"
         "  %0 = kernel." +
         skeleton +
         " \"a\" %q, %kv, %positions, %sequences, %pages scale 0.5"
         "    : tensor<?x24xf32>, !llama.kv<2, 4, page 4, f32>, tensor<?xi32>,"
         "      tensor<?x?xi32>"
         "  return %0 : tensor<?x24xf32>"
         "}";
}

/// A mixed batch: a prompt of 6 tokens from the start, one that continues at
/// position 3 with 3 tokens, and a single token at a page's last position.
struct Batch {
  std::vector<int32_t> positions = {0, 1, 2, 3, 4, 5, 3, 4, 5, 11};
  std::vector<int32_t> sequences = {1, 1, 1, 1, 1, 1, 0, 0, 0, 2};
  std::vector<int32_t> pages = {5, 2, -1, 0, 6, -1, 3, 1, 4};
  int64_t tokens = positions.size();
  DenseTensor query = randomTensor({tokens, columns}, 1);
  KvState kv = {randomTensor({28, kvHeads * headDim}, 2),
                randomTensor({28, kvHeads * headDim}, 3)};

  std::vector<StepValue> arguments() const {
    return {query, kv, indexTensor({tokens}, positions),
            indexTensor({tokens}, sequences), indexTensor({3, 3}, pages)};
  }

  DenseTensor expected() const {
    DenseTensor result = zeroTensor({tokens, columns});
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t head = 0; head < kvHeads * group; ++head)
        attend(t, head, result.row(t).subspan(head * headDim, headDim));
    return result;
  }

  void attend(int64_t t, int64_t head, std::span<double> out) const {
    auto q = query.row(t).subspan(head * headDim, headDim);
    std::vector<double> scores;
    std::vector<int64_t> slots;
    for (int64_t p = 0; p <= positions[t]; ++p) {
      int64_t page = pages[sequences[t] * 3 + p / pageSize];
      slots.push_back(page * pageSize + p % pageSize);
      double score = 0;
      for (int64_t i = 0; i < headDim; ++i)
        score += q[i] * kv.keys.row(slots[p])[head / group * headDim + i];
      scores.push_back(0.5 * score);
    }
    double maximum = *std::max_element(scores.begin(), scores.end()), sum = 0;
    for (double &score : scores)
      sum += score = std::exp(score - maximum);
    for (size_t p = 0; p < slots.size(); ++p)
      for (int64_t i = 0; i < headDim; ++i)
        out[i] += scores[p] / sum *
                  kv.values.row(slots[p])[head / group * headDim + i];
  }
};

class AttentionTest : public testing::TestWithParam<const char *> {};

TEST_P(AttentionTest, RaggedBatchOverPages) {
  KernelProgram program(attentionText(GetParam()));
  Batch batch;
  for (const KernelInterpreterOptions &options : allOrders())
    expectNear(program.run(batch.arguments(), options).at(0), batch.expected());
}

TEST_P(AttentionTest, ScoresBeyondTheRangeOfExpAreFine) {
  KernelProgram program(attentionText(GetParam()));
  Batch batch;
  for (double &value : batch.query.values)
    value *= 1e4;
  for (const KernelInterpreterOptions &options : allOrders())
    expectNear(program.run(batch.arguments(), options).at(0), batch.expected());
}

TEST_P(AttentionTest, ContextBeyondThePageTableIsAnError) {
  KernelProgram program(attentionText(GetParam()));
  Batch batch;
  batch.positions.back() = 12;
  EXPECT_TRUE(failed(program.tryRun(batch.arguments())));
  EXPECT_THAT(
      program.messages,
      testing::HasSubstr("position 12 of sequence 2 is not in the page table"));
}

INSTANTIATE_TEST_SUITE_P(Skeletons, AttentionTest,
                         testing::Values("attention_decode",
                                         "attention_prefill"));

} // namespace
