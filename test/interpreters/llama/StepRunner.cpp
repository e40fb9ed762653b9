//===- StepRunner.cpp - Steps over paged sequences ------------------------===//

#include "StepRunner.h"

#include "interpreters/llama/LlamaInterpreter.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace quipu;
using namespace quipu::llama;

StepRunner::StepRunner(const ParameterSource &parameters, KvRounding rounding,
                       int64_t sequences, int64_t pagesPerSequence,
                       uint32_t seed)
    : parameters(parameters), rounding(rounding),
      pagesPerSequence(pagesPerSequence), pages(sequences * pagesPerSequence),
      lengths(sequences) {
  std::iota(pages.begin(), pages.end(), 0);
  std::shuffle(pages.begin(), pages.end(), std::mt19937(seed));
}

void StepRunner::allocate(mlir::func::FuncOp step) {
  for (mlir::Type type : step.getArgumentTypes())
    if (auto cache = mlir::dyn_cast<KvType>(type))
      kv.push_back(emptyKv(cache, pages.size() * cache.getPageSize()));
}

StepIndices StepRunner::inputs(int64_t pageSize,
                               const std::vector<Chunk> &chunks,
                               int64_t padding) {
  StepIndices inputs;
  inputs.pages = pages;
  inputs.pagesPerSequence = pagesPerSequence;
  for (const Chunk &chunk : chunks)
    for (int32_t token : chunk.tokens) {
      int32_t position = lengths[chunk.sequence]++;
      int32_t page =
          pages[chunk.sequence * pagesPerSequence + position / pageSize];
      inputs.rows.push_back(inputs.tokens.size());
      inputs.tokens.push_back(token);
      inputs.positions.push_back(position);
      inputs.slots.push_back(page * pageSize + position % pageSize);
      inputs.sequences.push_back(chunk.sequence);
    }
  for (int64_t i = 0; i < padding; ++i) {
    inputs.tokens.push_back(0);
    inputs.positions.push_back(0);
    inputs.slots.push_back(-1);
    inputs.sequences.push_back(0);
  }
  return inputs;
}

StepAnswer StepRunner::run(mlir::func::FuncOp step,
                           const std::vector<Chunk> &chunks, int64_t padding) {
  if (kv.empty())
    allocate(step);
  auto cache = mlir::cast<KvType>(step.getArgumentTypes().back());
  auto results =
      interpretLlama(step,
                     stepArguments(inputs(cache.getPageSize(), chunks, padding),
                                   std::move(kv)),
                     parameters, rounding);
  kv.clear();
  StepAnswer answer;
  if (mlir::failed(results)) {
    ADD_FAILURE() << "the step failed";
    return answer;
  }
  for (StepValue &value : *results) {
    if (auto *state = std::get_if<KvState>(&value))
      kv.push_back(std::move(*state));
    else if (auto *tensor = std::get_if<DenseTensor>(&value))
      (tensor->shape.size() == 2 ? answer.logits : answer.argmax) =
          std::move(*tensor);
  }
  return answer;
}
