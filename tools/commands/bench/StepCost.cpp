//===- StepCost.cpp - Bytes and operations that a step cannot avoid -------===//
//
// The skeleton says how a launch uses its parameters: matvec and matmul read
// them whole and multiply by them, rowwise looks up a row a token.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/bench/StepCost.h"

#include <algorithm>
#include <cctype>
#include <string_view>

using namespace quipu;
using plan::Argument;

Cost &Cost::operator+=(const Cost &other) {
  parameterBytes += other.parameterBytes;
  kvBytes += other.kvBytes;
  flops += other.flops;
  return *this;
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
  cost.parameterBytes = rowsRead(parameter, linear, activations) *
                        rowBytes(parameter.type, parameter.columns);
  if (linear && parameter.rows > 1)
    cost.flops = 2 * parameter.rows * parameter.columns * activations;
  return cost;
}

/// Each token reads the positions up to its own, in decode at least; tokens of
/// one sequence in a prefill step may share them, so there they count once.
static Cost attentionCost(const plan::KvCache &kv, const StepShape &shape,
                          int64_t heads) {
  Cost cost;
  int64_t positions = shape.first + shape.tokens;
  cost.kvBytes = positions * 2 * kv.kvHeads * rowBytes(kv.type, kv.headDim);
  // Positions seen by all tokens: first + 1, first + 2, ..., first + tokens.
  int64_t seen =
      shape.tokens * shape.first + shape.tokens * (shape.tokens + 1) / 2;
  cost.flops = 4 * heads * kv.headDim * seen; // q . k and p * v
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
