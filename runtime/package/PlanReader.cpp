//===- PlanReader.cpp - Plans from anyone ---------------------------------===//
//
// The one place where a plan is checked: what fromJson accepts can be run
// without further bounds checks.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/JsonField.h"
#include "runtime/package/Plan.h"
#include "runtime/package/PlanBuffers.h"
#include "runtime/package/PlanNames.h"

#include <algorithm>

namespace quipu::plan {

using nlohmann::json;

namespace {

// Bounds that keep every product below in 63 bits; far above any real model.
constexpr int64_t maxExtent = int64_t(1) << 31; // rows, columns, vocabulary
constexpr int64_t maxBytes = int64_t(1) << 48;  // one buffer
constexpr int64_t maxTokens = int64_t(1) << 20; // one step
constexpr int64_t maxTiles = int64_t(1) << 40;  // one launch
constexpr int64_t maxBlockThreads = 1024;       // of every GPU so far
constexpr int64_t maxRegisters = 255;           // of a thread, the same
constexpr int64_t maxKernelBytes = int64_t(1) << 32; // scratch, stack, spills

template <typename Enum, size_t N>
Enum readEnum(const JsonField &field, const std::string_view (&names)[N]) {
  return static_cast<Enum>(field.oneOf(names));
}

ElementType readType(const JsonField &field) {
  if (auto type = parseElementType(field.string()))
    return *type;
  field.fail("unknown element type");
  return ElementType::f32;
}

KvCache readKvCache(const JsonField &field) {
  KvCache kv;
  kv.layers = field["layers"].integer(1, 1 << 16);
  kv.kvHeads = field["kv_heads"].integer(1, 1 << 16);
  kv.headDim = field["head_dim"].integer(2, 1 << 16);
  kv.pageSize = field["page_size"].integer(1, 1 << 14);
  kv.type = readType(field["type"]);
  if (kv.type != ElementType::f32 && kv.type != ElementType::f16 &&
      kv.type != ElementType::bf16)
    field["type"].fail("expected f32, f16 or bf16, found " +
                       std::string(name(kv.type)));
  return kv;
}

Recipe readRecipe(const JsonField &field) {
  Recipe recipe;
  recipe.kind = readEnum<Recipe::Kind>(field["kind"], recipeNames);
  if (recipe.kind == Recipe::Kind::identity) {
    recipe.tensor = field["tensor"].string();
    return recipe;
  }
  JsonField frequencies = field["inverse_frequencies"];
  for (size_t i = 0, count = frequencies.size(); i < count; ++i)
    recipe.inverseFrequencies.push_back(frequencies[i].real());
  recipe.scale = field["scale"].real();
  return recipe;
}

Parameter readParameter(const JsonField &field) {
  Parameter parameter;
  parameter.name = field["name"].string();
  parameter.type = readType(field["type"]);
  parameter.recipe = readRecipe(field["recipe"]);
  parameter.columns = field["columns"].integer(1, maxExtent);
  if (parameter.columns % blockElements(parameter.type) != 0)
    field["columns"].fail("expected a multiple of " +
                          std::to_string(blockElements(parameter.type)) +
                          ", found " + std::to_string(parameter.columns));
  if (parameter.recipe.kind == Recipe::Kind::ropeTable) {
    parameter.rows = field["rows"].integer(0, 0);
    if (parameter.type != ElementType::f32)
      field["type"].fail("expected f32 for a rope table");
    size_t pairs = parameter.recipe.inverseFrequencies.size();
    if (parameter.columns != int64_t(2 * pairs))
      field["columns"].fail("expected two for each of " +
                            std::to_string(pairs) + " frequencies, found " +
                            std::to_string(parameter.columns));
    return parameter;
  }
  parameter.rows = field["rows"].integer(1, maxExtent);
  // Before the multiplication: a block has at most 210 bytes for 256 elements
  // and 4 bytes an element, so neither factor overflows by itself.
  int64_t blocks = parameter.columns / blockElements(parameter.type);
  if (blocks * blockBytes(parameter.type) > maxBytes / parameter.rows)
    field["rows"].fail("makes the parameter larger than 2^48 bytes");
  return parameter;
}

std::optional<Resources> readResources(const JsonField &field) {
  if (field.json().is_null())
    return std::nullopt;
  Resources resources;
  resources.registers = field["registers"].integer(0, maxRegisters);
  resources.stackBytes = field["stack_bytes"].integer(0, maxKernelBytes);
  resources.spillBytes = field["spill_bytes"].integer(0, maxKernelBytes);
  resources.staticSharedBytes =
      field["static_shared_bytes"].integer(0, maxKernelBytes);
  return resources;
}

Kernel readKernel(const JsonField &field) {
  Kernel kernel;
  kernel.name = field["name"].string();
  kernel.skeleton = field["skeleton"].string();
  JsonField scratch = field["scratch_bytes"];
  for (size_t i = 0, count = scratch.size(); i < count; ++i)
    kernel.scratchBytes.push_back(scratch[i].integer(0, maxKernelBytes));
  JsonField arithmetic = field["arithmetic"];
  for (size_t i = 0, count = arithmetic.size(); i < count; ++i)
    kernel.arithmetic.push_back(arithmetic[i].string());
  kernel.device = readEnum<DeviceKind>(field["device"], deviceNames);
  bool gpu = kernel.device == DeviceKind::gpu;
  kernel.threads = field["threads"].integer(gpu, gpu ? maxBlockThreads : 0);
  if (field.has("resources")) {
    JsonField resources = field["resources"];
    for (size_t i = 0, count = resources.size(); i < count; ++i)
      kernel.resources.push_back(readResources(resources[i]));
    if (kernel.resources.size() != kernel.scratchBytes.size())
      resources.fail("expected one for each of " +
                     std::to_string(kernel.scratchBytes.size()) +
                     " targets, found " +
                     std::to_string(kernel.resources.size()));
  }
  return kernel;
}

Grid readGrid(const JsonField &field, const Plan &plan, const Bucket &bucket) {
  Grid grid;
  grid.count = field["count"].integer(1, maxTiles);
  int64_t tiles = grid.count;
  JsonField factors = field["factors"];
  for (size_t i = 0, count = factors.size(); i < count; ++i) {
    JsonField pair = factors[i];
    Grid::Factor factor;
    factor.symbol = readEnum<Grid::Symbol>(pair[size_t(0)], symbolNames);
    factor.divisor = pair[1].integer(1, maxTokens);
    int64_t extent = bound(factor.symbol, plan, bucket);
    int64_t most = (extent + factor.divisor - 1) / factor.divisor;
    if (tiles > maxTiles / most) {
      field.fail("makes more than 2^40 tiles");
      break;
    }
    tiles *= most;
    grid.factors.push_back(factor);
  }
  return grid;
}

Argument readArgument(const JsonField &field, const Plan &plan,
                      const Bucket &bucket) {
  Argument argument;
  argument.kind = readEnum<Argument::Kind>(field[size_t(0)], argumentNames);
  JsonField index = field[1];
  switch (argument.kind) {
  case Argument::Kind::arena:
    argument.index =
        index.integer(0, std::max<int64_t>(bucket.arenaBytes, 1) - 1);
    break;
  case Argument::Kind::parameter:
    if (plan.parameters.empty())
      index.fail("the plan has no parameters");
    argument.index = index.integer(0, int64_t(plan.parameters.size()) - 1);
    break;
  case Argument::Kind::keys:
  case Argument::Kind::values:
    argument.index = index.integer(0, plan.kv.layers - 1);
    break;
  case Argument::Kind::input:
    argument.index = static_cast<int64_t>(index.oneOf(inputNames));
    if (argument.index == static_cast<int64_t>(Input::work) &&
        bucket.queryTile == 0)
      index.fail("reads the work list in a bucket whose query_tile is 0");
    break;
  }
  return argument;
}

/// Checks that (rows, columns) of f32 at `place` lie within the bucket's arena.
void checkMatrix(const JsonField &field, const Argument &place, int64_t rows,
                 int64_t columns, const Bucket &bucket) {
  if (place.kind != Argument::Kind::arena)
    return field.fail("expected an argument in the arena, found " +
                      nameOf(place.kind, argumentNames));
  if (place.index % 16 != 0) // it is read in 16-byte parts
    return field.fail("expected an offset that is a multiple of 16, found " +
                      std::to_string(place.index));
  int64_t bytes = rows * columns * 4; // <= 2^53
  if (bytes > bucket.arenaBytes - place.index)
    field.fail("expected " + std::to_string(bytes) + " bytes at " +
               std::to_string(place.index) + " in an arena of " +
               std::to_string(bucket.arenaBytes));
}

/// Reads a product of `launch`, whose arguments are known. Unlike a kernel, a
/// library is given sizes, so they are checked here.
Product readProduct(const JsonField &field, const Launch &launch,
                    const Plan &plan, const Bucket &bucket) {
  auto last = std::max<int64_t>(int64_t(launch.arguments.size()), 1) - 1;
  Product product;
  product.extent = readEnum<Grid::Symbol>(field["extent"], symbolNames);
  product.input = field["input"].integer(0, last);
  product.weights = field["weights"].integer(0, last);
  product.output = field["output"].integer(0, last);
  if (product.extent != Grid::Symbol::tokens &&
      product.extent != Grid::Symbol::rows)
    field["extent"].fail("expected tokens or rows, found " +
                         nameOf(product.extent, symbolNames));
  if (launch.arguments.empty()) {
    field.fail("the launch has no arguments");
    return product;
  }
  const Argument &weights = launch.arguments[product.weights];
  if (weights.kind != Argument::Kind::parameter || plan.parameters.empty()) {
    field["weights"].fail("expected a parameter, found " +
                          nameOf(weights.kind, argumentNames));
    return product;
  }
  const Parameter &parameter = plan.parameters[weights.index];
  bool isStored = parameter.recipe.kind == Recipe::Kind::identity;
  if (!isStored || isQuantized(parameter.type) ||
      parameter.type == ElementType::i32)
    field["weights"].fail("expected stored f32, f16 or bf16, found " +
                          (isStored ? std::string(name(parameter.type))
                                    : std::string("a rope table")));
  // A library counts in 32 bits.
  if (std::max(parameter.rows, parameter.columns) >= maxExtent)
    field["weights"].fail("expected fewer than 2^31 rows and columns");
  int64_t most = bound(product.extent, plan, bucket);
  checkMatrix(field["input"], launch.arguments[product.input], most,
              parameter.columns, bucket);
  checkMatrix(field["output"], launch.arguments[product.output], most,
              parameter.rows, bucket);
  return product;
}

Launch readLaunch(const JsonField &field, const Plan &plan,
                  const Bucket &bucket) {
  Launch launch;
  if (plan.kernels.empty())
    field.fail("the plan has no kernels");
  launch.kernel = field["kernel"].integer(0, int64_t(plan.kernels.size()) - 1);
  if (!plan.kernels.empty() &&
      plan.kernels[launch.kernel].device != bucket.device)
    field["kernel"].fail(
        "expected a kernel for " + nameOf(bucket.device, deviceNames) +
        ", found one for " +
        nameOf(plan.kernels[launch.kernel].device, deviceNames));
  JsonField arguments = field["arguments"];
  for (size_t i = 0, count = arguments.size(); i < count; ++i)
    launch.arguments.push_back(readArgument(arguments[i], plan, bucket));
  launch.grid = readGrid(field["grid"], plan, bucket);
  launch.label = field["label"].string();
  if (field.has("product"))
    launch.product = readProduct(field["product"], launch, plan, bucket);
  return launch;
}

Output readOutput(const JsonField &field, const Plan &plan,
                  const Bucket &bucket) {
  Output output;
  output.name = nameOf(field["name"].oneOf(entryNames), entryNames);
  int64_t elements = output.name == "logits" ? plan.vocabSize : 1;
  output.rowElements = field["row_elements"].integer(elements, elements);
  int64_t bytes = bucket.maxRows * elements * 4; // f32 or i32
  if (bytes > bucket.arenaBytes)
    field.fail("expected an arena of at least " + std::to_string(bytes) +
               " bytes, found " + std::to_string(bucket.arenaBytes));
  output.offset = field["offset"].integer(
      0, std::max<int64_t>(0, bucket.arenaBytes - bytes));
  if (output.offset % 4 != 0)
    field["offset"].fail("expected a multiple of 4, found " +
                         std::to_string(output.offset));
  return output;
}

/// Reads a buffer of `bucket`, whose launches are known.
Buffer readBuffer(const JsonField &field, const Plan &plan,
                  const Bucket &bucket) {
  Buffer buffer;
  buffer.offset = field["offset"].integer(0, bucket.arenaBytes);
  if (buffer.offset % 64 != 0)
    field["offset"].fail("expected a multiple of 64, found " +
                         std::to_string(buffer.offset));
  buffer.extent = readEnum<Grid::Symbol>(field["extent"], symbolNames);
  if (buffer.extent != Grid::Symbol::tokens &&
      buffer.extent != Grid::Symbol::rows)
    field["extent"].fail("expected tokens or rows, found " +
                         nameOf(buffer.extent, symbolNames));
  int64_t most =
      (bucket.arenaBytes - buffer.offset) / bound(buffer.extent, plan, bucket);
  if (most < 1)
    field["offset"].fail(
        "leaves no byte for each of " + nameOf(buffer.extent, symbolNames) +
        " in an arena of " + std::to_string(bucket.arenaBytes) + " bytes");
  buffer.rowBytes = field["row_bytes"].integer(1, std::max<int64_t>(most, 1));
  auto last = int64_t(bucket.launches.size()) - 1;
  if (last < 0)
    field.fail("expected launches that use it, found none");
  buffer.first = field["first"].integer(0, std::max<int64_t>(last, 0));
  buffer.last =
      field["last"].integer(buffer.first, std::max(buffer.first, last));
  return buffer;
}

Bucket readBucket(const JsonField &field, const Plan &plan) {
  Bucket bucket;
  bucket.name = field["name"].string();
  bucket.entry = nameOf(field["entry"].oneOf(entryNames), entryNames);
  bucket.maxTokens = field["max_tokens"].integer(1, maxTokens);
  bucket.maxRows = field["max_rows"].integer(1, bucket.maxTokens);
  bucket.arenaBytes = field["arena_bytes"].integer(0, maxBytes);
  if (bucket.arenaBytes % 64 != 0)
    field["arena_bytes"].fail("expected a multiple of 64, found " +
                              std::to_string(bucket.arenaBytes));
  bucket.queryTile = field["query_tile"].integer(0, maxTokens);
  bucket.device = readEnum<DeviceKind>(field["device"], deviceNames);
  JsonField launches = field["launches"];
  for (size_t i = 0, count = launches.size(); i < count; ++i)
    bucket.launches.push_back(readLaunch(launches[i], plan, bucket));
  JsonField buffers = field["buffers"];
  for (size_t i = 0, count = buffers.size(); i < count; ++i)
    bucket.buffers.push_back(readBuffer(buffers[i], plan, bucket));
  JsonField outputs = field["outputs"];
  for (size_t i = 0, count = outputs.size(); i < count; ++i)
    bucket.outputs.push_back(readOutput(outputs[i], plan, bucket));
  if (std::none_of(
          bucket.outputs.begin(), bucket.outputs.end(),
          [&](const Output &output) { return output.name == bucket.entry; }))
    outputs.fail("lacks the output of entry '" + bucket.entry + "'");
  if (!bucket.buffers.empty())
    checkBuffers(field, plan, bucket);
  return bucket;
}

/// Every count times its bound fits in 63 bits, so sizes can be multiplied.
void checkKvSize(const JsonField &field, const Plan &plan) {
  int64_t tokenBytes = plan.kv.kvHeads * plan.kv.headDim * 4; // <= 2^34
  if (tokenBytes > maxBytes / plan.maxContext)
    field.fail("makes the cache of a layer larger than 2^48 bytes");
  for (const Parameter &parameter : plan.parameters)
    if (parameter.recipe.kind == Recipe::Kind::ropeTable &&
        parameter.columns * 4 > maxBytes / plan.maxContext)
      field.fail("makes rope table '" + parameter.name +
                 "' larger than 2^48 bytes");
}

} // namespace

Result<Plan> fromJson(const json &document) {
  std::optional<std::string> problem;
  JsonField root(document, problem);
  Plan plan;
  plan.vocabSize = root["vocab_size"].integer(1, int64_t(1) << 24);
  plan.maxContext = root["max_context"].integer(1, INT32_MAX);
  plan.maxSplits = root["max_splits"].integer(1, 1 << 16);
  plan.kv = readKvCache(root["kv"]);
  JsonField parameters = root["parameters"];
  for (size_t i = 0, count = parameters.size(); i < count; ++i)
    plan.parameters.push_back(readParameter(parameters[i]));
  JsonField kernels = root["kernels"];
  for (size_t i = 0, count = kernels.size(); i < count; ++i)
    plan.kernels.push_back(readKernel(kernels[i]));
  checkKvSize(root["max_context"], plan);
  JsonField buckets = root["buckets"];
  for (size_t i = 0, count = buckets.size(); i < count && !problem; ++i)
    plan.buckets.push_back(readBucket(buckets[i], plan));
  if (plan.buckets.empty())
    buckets.fail("expected at least one bucket");
  if (problem)
    return Error{"plan " + *problem};
  return plan;
}

Result<void> check(const Plan &plan) {
  // One set of checks, at the price of milliseconds for a large model.
  if (Result<Plan> read = fromJson(toJson(plan)); !read)
    return read.error();
  return {};
}

} // namespace quipu::plan
