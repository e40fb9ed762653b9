//===- Reference.cpp - What the interpreter answers -----------------------===//

#include "test/e2e/Reference.h"

#include "frontends/graph/GraphBuilder.h"
#include "interpreters/ModelParameters.h"
#include "interpreters/llama/LlamaInterpreter.h"

#include <gtest/gtest.h>
#include <numeric>

namespace quipu {

/// One sequence of `tokens` in the first pages of a cache.
static StepIndices indices(std::span<const int32_t> tokens, int64_t pages) {
  StepIndices indices;
  indices.tokens.assign(tokens.begin(), tokens.end());
  indices.positions.resize(tokens.size());
  std::iota(indices.positions.begin(), indices.positions.end(), 0);
  indices.slots = indices.rows = indices.positions;
  indices.sequences.assign(tokens.size(), 0);
  indices.pages.resize(pages);
  std::iota(indices.pages.begin(), indices.pages.end(), 0);
  indices.pagesPerSequence = pages;
  return indices;
}

std::vector<float> interpretedLogits(const Model &model,
                                     std::span<const int32_t> tokens,
                                     ElementType kvType) {
  Result<ModelParameters> parameters = ModelParameters::open(model);
  if (!parameters) {
    ADD_FAILURE() << parameters.error().message;
    return {};
  }
  mlir::MLIRContext context;
  auto module = buildGraph(context, model, {.kvType = kvType});
  auto step = module->lookupSymbol<mlir::func::FuncOp>("step");
  std::vector<KvState> caches;
  int64_t pages = 0;
  for (mlir::Type type : step.getArgumentTypes())
    if (auto cache = mlir::dyn_cast<llama::KvType>(type)) {
      pages = tokens.size() / cache.getPageSize() + 1;
      caches.push_back(emptyKv(cache, pages * cache.getPageSize()));
    }
  auto results = llama::interpretLlama(
      step, stepArguments(indices(tokens, pages), std::move(caches)),
      *parameters, KvRounding::stored);
  if (mlir::failed(results)) {
    ADD_FAILURE() << "the interpreter failed";
    return {};
  }
  const auto &logits = std::get<DenseTensor>(results->front());
  return {logits.values.begin(), logits.values.end()};
}

} // namespace quipu
