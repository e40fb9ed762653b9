//===- RandomModel.cpp - Small models and batches for tests ---------------===//
//
// Weights are uniform, scaled by the number of inputs, so that activations stay
// near one through the layers.
//
//===----------------------------------------------------------------------===//

#include "RandomModel.h"

#include "base/Quantize.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace quipu;

void RandomModel::add(std::string name, ElementType type, int64_t rows,
                      int64_t columns) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  float size = rows == 1 ? 0.5f : 2 / std::sqrt(float(columns));
  float center = name.find("norm") == std::string::npos ? 0 : 1;
  int64_t rowSize = rowBytes(type, columns);
  std::vector<std::byte> bytes(rows * rowSize);
  std::vector<float> row(columns);
  for (int64_t i = 0; i < rows; ++i) {
    for (float &value : row)
      value = center + size * uniform(random);
    quantizeRow(type, row, std::span(bytes).subspan(i * rowSize, rowSize));
  }
  model.tensors.push_back(
      {name, name, type, rows, columns, -1, 0, uint64_t(bytes.size())});
  parameters.set(std::move(name), std::move(bytes));
}

RandomModel::RandomModel(const Shape &shape, unsigned seed) : random(seed) {
  ModelConfig &config = model.config;
  config.hiddenSize = shape.hidden;
  config.intermediateSize = shape.intermediate;
  config.numHiddenLayers = shape.layers;
  config.numAttentionHeads = shape.heads;
  config.numKeyValueHeads = shape.kvHeads;
  config.headDim = shape.headDim;
  config.vocabSize = shape.vocab;
  config.maxPositionEmbeddings = 64;
  config.tieWordEmbeddings = shape.tied;
  config.attentionBias = shape.attentionBias;
  config.mlpBias = shape.mlpBias;
  RopeScaling scaling = shape.rope;
  scaling.dimension = shape.headDim;
  Result<Rope> rope = computeRope(scaling, shape.pairing);
  if (!rope)
    ADD_FAILURE() << shape.name << ": " << rope.error().message;
  else
    config.rope = std::move(*rope);

  size_t next = 0;
  auto matrix = [&](const std::string &name, int64_t rows, int64_t columns) {
    add(name, shape.types[next++ % shape.types.size()], rows, columns);
  };
  auto vector = [&](const std::string &name, int64_t size, bool present) {
    if (present)
      add(name, ElementType::f32, 1, size);
  };
  int64_t q = shape.heads * shape.headDim, kv = shape.kvHeads * shape.headDim;
  int64_t hidden = shape.hidden, inner = shape.intermediate;
  matrix("tok_embed", shape.vocab, hidden);
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    std::string name = "layers." + std::to_string(layer) + ".";
    vector(name + "attn_norm", hidden, true);
    matrix(name + "attn.wq", q, hidden);
    matrix(name + "attn.wk", kv, hidden);
    matrix(name + "attn.wv", kv, hidden);
    matrix(name + "attn.wo", hidden, q);
    vector(name + "attn.bq", q, shape.attentionBias);
    vector(name + "attn.bk", kv, shape.attentionBias);
    vector(name + "attn.bv", kv, shape.attentionBias);
    vector(name + "attn.bo", hidden, shape.attentionBias);
    vector(name + "mlp_norm", hidden, true);
    matrix(name + "mlp.w_gate", inner, hidden);
    matrix(name + "mlp.w_up", inner, hidden);
    matrix(name + "mlp.w_down", hidden, inner);
    vector(name + "mlp.b_gate", inner, shape.mlpBias);
    vector(name + "mlp.b_up", inner, shape.mlpBias);
    vector(name + "mlp.b_down", hidden, shape.mlpBias);
  }
  vector("out_norm", hidden, true);
  if (!shape.tied)
    matrix("lm_head", shape.vocab, hidden);
}

Conversation::Conversation(int64_t sequences, int64_t pagesPerSequence,
                           int64_t pageSize, int64_t vocab, unsigned seed)
    : pages(sequences * pagesPerSequence), lengths(sequences),
      pagesPerSequence(pagesPerSequence), pageSize(pageSize), vocab(vocab),
      random(seed) {
  std::iota(pages.begin(), pages.end(), 0);
  std::shuffle(pages.begin(), pages.end(), random);
}

StepIndices
Conversation::step(const std::vector<std::pair<int64_t, int64_t>> &growth,
                   int64_t padding) {
  StepIndices inputs;
  inputs.pages = pages;
  inputs.pagesPerSequence = pagesPerSequence;
  auto add = [&](int64_t sequence, int64_t position, int64_t slot) {
    inputs.tokens.push_back(int32_t(random() % vocab));
    inputs.positions.push_back(int32_t(position));
    inputs.slots.push_back(int32_t(slot));
    inputs.sequences.push_back(int32_t(sequence));
  };
  for (auto [sequence, count] : growth) {
    for (int64_t i = 0; i < count; ++i) {
      int64_t position = lengths[sequence]++;
      int64_t page = pages[sequence * pagesPerSequence + position / pageSize];
      add(sequence, position, page * pageSize + position % pageSize);
    }
    inputs.rows.push_back(int32_t(inputs.tokens.size()) - 1);
  }
  for (int64_t i = 0; i < padding; ++i)
    add(0, 0, -1);
  return inputs;
}
