//===- RandomModel.h - Small models and batches for tests -------*- C++ -*-===//
//
// A model with random weights of any mix of stored types, and batches of tokens
// over a paged KV cache, as the runtime would hand them to a step.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_PASSES_CONVERSION_RANDOMMODEL_H
#define QUIPU_TEST_PASSES_CONVERSION_RANDOMMODEL_H

#include "frontends/RopeScaling.h"
#include "interpreters/StepState.h"

#include <random>

namespace quipu {

/// What a random model looks like.
struct Shape {
  std::string name;
  int64_t hidden = 48, intermediate = 80, layers = 2, vocab = 50;
  int64_t heads = 4, kvHeads = 4, headDim = 12;
  bool tied = false, attentionBias = false, mlpBias = false;
  RopePairing pairing = RopePairing::half;
  /// `dimension` is set to headDim. A small theta makes every pair turn within
  /// the few positions of a test.
  RopeScaling rope = turning();

  static RopeScaling turning() {
    RopeScaling scaling;
    scaling.theta = 100;
    return scaling;
  }
  /// Stored types of the matrices, taken in turn.
  std::vector<ElementType> types = {ElementType::f32};
};

struct RandomModel {
  RandomModel(const Shape &shape, unsigned seed);

  Model model;
  OwnedParameters parameters;

private:
  void add(std::string name, ElementType type, int64_t rows, int64_t columns);

  std::mt19937 random;
};

/// Sequences that grow in a paged cache; pages are handed out in random order.
class Conversation {
public:
  Conversation(int64_t sequences, int64_t pagesPerSequence, int64_t pageSize,
               int64_t vocab, unsigned seed);

  /// Adds `count` random tokens to each (sequence, count) and returns them as
  /// one step, with a row for the last token of each, followed by `padding`
  /// tokens without a slot.
  StepIndices step(const std::vector<std::pair<int64_t, int64_t>> &growth,
                   int64_t padding = 0);

  int64_t slots() const { return int64_t(pages.size()) * pageSize; }

private:
  std::vector<int32_t> pages; // (sequences, pagesPerSequence)
  std::vector<int64_t> lengths;
  int64_t pagesPerSequence, pageSize, vocab;
  std::mt19937 random;
};

} // namespace quipu

#endif // QUIPU_TEST_PASSES_CONVERSION_RANDOMMODEL_H
