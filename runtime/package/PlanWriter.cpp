//===- PlanWriter.cpp - The host program as JSON --------------------------===//
//
// One function per struct of Plan.h. What it writes, PlanReader.cpp reads.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/Plan.h"
#include "runtime/package/PlanNames.h"

#include <nlohmann/json.hpp>

namespace quipu::plan {

using nlohmann::json;

namespace {

json toJson(const Parameter &parameter) {
  json recipe = {{"kind", nameOf(parameter.recipe.kind, recipeNames)}};
  if (parameter.recipe.kind == Recipe::Kind::identity) {
    recipe["tensor"] = parameter.recipe.tensor;
  } else {
    recipe["inverse_frequencies"] = parameter.recipe.inverseFrequencies;
    recipe["scale"] = parameter.recipe.scale;
  }
  return {{"name", parameter.name},
          {"type", std::string(name(parameter.type))},
          {"rows", parameter.rows},
          {"columns", parameter.columns},
          {"recipe", std::move(recipe)}};
}

json toJson(const Kernel &kernel) {
  json written = {{"name", kernel.name},
                  {"skeleton", kernel.skeleton},
                  {"scratch_bytes", kernel.scratchBytes},
                  {"arithmetic", kernel.arithmetic},
                  {"device", nameOf(kernel.device, deviceNames)},
                  {"threads", kernel.threads}};
  for (const std::optional<Resources> &known : kernel.resources)
    written["resources"].push_back(
        known ? json{{"registers", known->registers},
                     {"stack_bytes", known->stackBytes},
                     {"spill_bytes", known->spillBytes},
                     {"static_shared_bytes", known->staticSharedBytes}}
              : json());
  return written;
}

json toJson(const Launch &launch) {
  json arguments = json::array();
  for (const Argument &argument : launch.arguments) {
    json index = argument.index;
    if (argument.kind == Argument::Kind::input)
      index = nameOf(argument.index, inputNames);
    arguments.push_back(
        json::array({nameOf(argument.kind, argumentNames), index}));
  }
  json factors = json::array();
  for (const Grid::Factor &factor : launch.grid.factors)
    factors.push_back(
        json::array({nameOf(factor.symbol, symbolNames), factor.divisor}));
  json written = {
      {"kernel", launch.kernel},
      {"arguments", std::move(arguments)},
      {"grid", {{"count", launch.grid.count}, {"factors", factors}}},
      {"label", launch.label}};
  if (const auto &product = launch.product)
    written["product"] = {{"extent", nameOf(product->extent, symbolNames)},
                          {"input", product->input},
                          {"weights", product->weights},
                          {"output", product->output}};
  return written;
}

json toJson(const Bucket &bucket) {
  json launches = json::array();
  for (const Launch &launch : bucket.launches)
    launches.push_back(toJson(launch));
  json buffers = json::array();
  for (const Buffer &buffer : bucket.buffers)
    buffers.push_back({{"offset", buffer.offset},
                       {"extent", nameOf(buffer.extent, symbolNames)},
                       {"row_bytes", buffer.rowBytes},
                       {"first", buffer.first},
                       {"last", buffer.last}});
  json outputs = json::array();
  for (const Output &output : bucket.outputs)
    outputs.push_back({{"name", output.name},
                       {"offset", output.offset},
                       {"row_elements", output.rowElements}});
  return {{"name", bucket.name},
          {"entry", bucket.entry},
          {"max_tokens", bucket.maxTokens},
          {"max_rows", bucket.maxRows},
          {"arena_bytes", bucket.arenaBytes},
          {"query_tile", bucket.queryTile},
          {"buffers", std::move(buffers)},
          {"launches", std::move(launches)},
          {"outputs", std::move(outputs)},
          {"device", nameOf(bucket.device, deviceNames)}};
}

} // namespace

json toJson(const Plan &plan) {
  json parameters = json::array(), kernels = json::array(),
       buckets = json::array();
  for (const Parameter &parameter : plan.parameters)
    parameters.push_back(toJson(parameter));
  for (const Kernel &kernel : plan.kernels)
    kernels.push_back(toJson(kernel));
  for (const Bucket &bucket : plan.buckets)
    buckets.push_back(toJson(bucket));
  return {{"vocab_size", plan.vocabSize},
          {"max_context", plan.maxContext},
          {"max_splits", plan.maxSplits},
          {"kv",
           {{"layers", plan.kv.layers},
            {"kv_heads", plan.kv.kvHeads},
            {"head_dim", plan.kv.headDim},
            {"page_size", plan.kv.pageSize},
            {"type", std::string(name(plan.kv.type))}}},
          {"parameters", std::move(parameters)},
          {"kernels", std::move(kernels)},
          {"buckets", std::move(buckets)}};
}

} // namespace quipu::plan
