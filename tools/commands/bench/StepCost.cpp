//===- StepCost.cpp - Bytes and operations of a step ----------------------===//
//
// The skeleton says how a launch uses its parameters: matvec and matmul read
// them whole and multiply by them, rowwise looks up a row a token.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/bench/StepCost.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <initializer_list>
#include <string_view>

using namespace quipu;
using plan::Argument;

static int64_t sum(int64_t left, int64_t right) {
  int64_t result;
  return __builtin_add_overflow(left, right, &result) ? INT64_MAX : result;
}

/// Of factors that are not negative.
static int64_t product(std::initializer_list<int64_t> factors) {
  int64_t result = 1;
  bool tooMuch = false;
  for (int64_t factor : factors) {
    if (factor == 0)
      return 0;
    tooMuch |= __builtin_mul_overflow(result, factor, &result);
  }
  return tooMuch ? INT64_MAX : result;
}

Cost &Cost::operator+=(const Cost &other) {
  parameterBytes = sum(parameterBytes, other.parameterBytes);
  kvBytes = sum(kvBytes, other.kvBytes);
  flops = sum(flops, other.flops);
  return *this;
}

int64_t Cost::bytes() const { return sum(parameterBytes, kvBytes); }

Result<int64_t> quipu::queryHeads(const Package &package) {
  constexpr double most = INT32_MAX;
  for (const auto &[name, value] : package.model.config) {
    if (name != "num_attention_heads")
      continue;
    if (value >= 1 && value <= most && value == std::floor(value))
      return int64_t(value);
    char found[32];
    std::snprintf(found, sizeof found, "%g", value);
    return Error{package.path +
                 ": num_attention_heads: expected a whole number from 1 to "
                 "2147483647, found " +
                 found};
  }
  return package.plan.kv.kvHeads;
}

static bool isMerge(const plan::Kernel &kernel) {
  return std::string_view(kernel.name).ends_with("_merge");
}

static bool isLinear(const plan::Kernel &kernel) {
  return kernel.skeleton == "matvec" || kernel.skeleton == "matmul";
}

static bool isAttention(const plan::Kernel &kernel) {
  return kernel.skeleton.starts_with("attention");
}

/// Rows of activations that a launch works on.
static int64_t activationRows(const plan::Launch &launch,
                              const StepShape &shape) {
  for (const plan::Grid::Factor &factor : launch.grid.factors)
    if (factor.symbol == plan::Grid::Symbol::rows)
      return shape.rows;
  return shape.tokens;
}

/// A vector (a norm, a bias) is read whole; so is a matrix that a linear layer
/// multiplies by; of tables and embeddings a row for each token.
static int64_t rowsRead(const plan::Parameter &parameter, bool linear,
                        int64_t activations) {
  bool stored = parameter.recipe.kind == plan::Recipe::Kind::identity;
  if (stored && linear)
    return parameter.rows;
  return stored ? std::min(parameter.rows, activations) : activations;
}

static Cost parameterCost(const plan::Parameter &parameter, bool linear,
                          int64_t activations) {
  Cost cost;
  cost.parameterBytes =
      product({rowsRead(parameter, linear, activations),
               int64_t(rowBytes(parameter.type, parameter.columns))});
  if (linear && parameter.rows > 1)
    cost.flops = product({2, parameter.rows, parameter.columns, activations});
  return cost;
}

/// Each token reads the positions up to its own, in decode at least; tokens of
/// one sequence in a prefill step may share them, so there they count once.
static Cost attentionCost(const plan::KvCache &kv, const StepShape &shape,
                          int64_t heads) {
  Cost cost;
  cost.kvBytes = product({sum(shape.first, shape.tokens), 2, kv.kvHeads,
                          int64_t(rowBytes(kv.type, kv.headDim))});
  // Positions seen by all tokens: first + 1, first + 2, ..., first + tokens.
  int64_t seen = sum(product({shape.tokens, shape.first}),
                     product({shape.tokens, sum(shape.tokens, 1)}) / 2);
  cost.flops = product({4, heads, kv.headDim, seen}); // q . k and p * v
  return cost;
}

Cost quipu::launchCost(const plan::Plan &plan, const plan::Launch &launch,
                       const StepShape &shape, int64_t heads) {
  const plan::Kernel &kernel = plan.kernels[launch.kernel];
  int64_t activations = activationRows(launch, shape);
  Cost cost;
  if (isMerge(kernel) || activations == 0)
    return cost;
  if (isAttention(kernel))
    cost += attentionCost(plan.kv, shape, heads);
  for (const Argument &argument : launch.arguments)
    if (argument.kind == Argument::Kind::parameter)
      cost += parameterCost(plan.parameters[argument.index], isLinear(kernel),
                            activations);
  return cost;
}

Cost quipu::stepCost(const plan::Plan &plan, const plan::Bucket &bucket,
                     const StepShape &shape, int64_t heads) {
  Cost cost;
  for (const plan::Launch &launch : bucket.launches)
    cost += launchCost(plan, launch, shape, heads);
  return cost;
}

std::string quipu::launchClass(const plan::Plan &plan,
                               const plan::Launch &launch) {
  std::string_view label = launch.label;
  constexpr std::string_view layers = "layers.";
  if (label.starts_with(layers)) {
    label.remove_prefix(layers.size());
    while (!label.empty() && std::isdigit(static_cast<unsigned char>(label[0])))
      label.remove_prefix(1);
    if (!label.empty())
      label.remove_prefix(1); // "." or " "
  }
  std::string result(label.empty() ? std::string_view("-") : label);
  if (isMerge(plan.kernels[launch.kernel]))
    result += ".merge";
  return result;
}
