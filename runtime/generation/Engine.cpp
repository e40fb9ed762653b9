//===- Engine.cpp - Evaluates tokens with a package -----------------------===//
//
// Chooses the bucket of a step, keeps the promises that kernels rely on (ids,
// positions and slots in range), and hands the step to the device.
//
//===----------------------------------------------------------------------===//

#include "runtime/generation/Engine.h"

#include "runtime/devices/cpu/ThreadPool.h"
#include "runtime/generation/MemoryPlan.h"
#include "runtime/memory/AvailableMemory.h"

#include <algorithm>
#include <cassert>
#include <string_view>

namespace quipu {
namespace {

/// Steps that a device decodes ahead in one run: pages for all of them are
/// taken at once, so not for too many.
constexpr int64_t mostAhead = 64;

std::string_view entryName(Entry entry) {
  return entry == Entry::logits ? "logits" : "argmax";
}

Result<DeviceLimits> chooseLimits(const Package &package,
                                  const EngineOptions &options,
                                  const ChosenDevice &device) {
  const plan::Plan &plan = package.plan;
  DeviceLimits limits;
  limits.sequences = std::max<int64_t>(1, options.sequences);
  if (options.context > plan.maxContext)
    return Error{"context: expected at most " +
                 std::to_string(plan.maxContext) +
                 " tokens, for which the model was made, found " +
                 std::to_string(options.context)};
  limits.context =
      options.context > 0
          ? options.context
          : defaultContext(package, device.target, device.threads,
                           limits.sequences, device.availableMemory);
  int64_t pageSize = plan.kv.pageSize;
  limits.pagesPerSequence = (limits.context + pageSize - 1) / pageSize;
  if (limits.sequences > INT32_MAX / pageSize / limits.pagesPerSequence)
    return Error{"context: " + std::to_string(limits.sequences) +
                 " sequences of " + std::to_string(limits.context) +
                 " tokens have more than 2^31 slots"};
  limits.pages = limits.pagesPerSequence * limits.sequences;
  return limits;
}

} // namespace

Result<Engine> Engine::create(std::shared_ptr<const Package> package,
                              const EngineOptions &options) {
  DeviceOptions deviceOptions = {options.device, options.cpuTarget,
                                 options.threads, options.loadProgress};
  auto device = chooseDevice(*package, deviceOptions);
  if (!device)
    return device.error();
  Result<Engine> engine = create(package, options, *device);
  if (engine || !device->mayFallBack)
    return engine;
  std::string refusal = engine.error().message;
  deviceOptions.device = "cpu";
  device = chooseDevice(*package, deviceOptions);
  if (!device)
    return Error{refusal}; // there was one device to choose
  device->reason = "the GPU cannot be used (" + refusal + ")";
  return create(std::move(package), options, *device);
}

Result<Engine> Engine::create(std::shared_ptr<const Package> package,
                              const EngineOptions &options,
                              const DeviceFactory &makeDevice) {
  ChosenDevice device;
  device.threads = availableThreads();
  device.availableMemory = availableMemory();
  device.make = makeDevice;
  return create(std::move(package), options, device);
}

Result<Engine> Engine::create(std::shared_ptr<const Package> package,
                              const EngineOptions &options,
                              const ChosenDevice &device) {
  Engine engine;
  engine.source = std::move(package);
  // A package from a file was checked by its reader.
  if (engine.source->path.empty())
    if (Result<void> checked = plan::check(engine.source->plan); !checked)
      return checked.error();
  auto limits = chooseLimits(*engine.source, options, device);
  if (!limits)
    return limits.error();
  engine.limits = *limits;
  WeightStore::Options weightOptions;
  weightOptions.context = limits->context;
  weightOptions.randomSeed = options.randomWeights;
  weightOptions.pageIn = !device.readsWeightsOnce;
  weightOptions.progress = options.loadProgress;
  auto weights = WeightStore::open(*engine.source, weightOptions);
  if (!weights)
    return weights.error();
  engine.weights = std::make_unique<WeightStore>(std::move(*weights));
  engine.allocator = std::make_shared<PageAllocator>(limits->pages);
  auto runner =
      device.make(*engine.source, engine.weights->parameters(), *limits);
  if (!runner)
    return runner.error();
  engine.runner = std::move(*runner);
  engine.reason = device.reason;
  return engine;
}

bool Engine::has(Entry entry) const { return maxStepTokens(entry) > 0; }

int64_t Engine::maxStepTokens(Entry entry) const {
  int64_t most = 0;
  for (const plan::Bucket &bucket : source->plan.buckets)
    if (bucket.device == runner->kind() && bucket.entry == entryName(entry))
      most = std::max(most, bucket.maxTokens);
  return most;
}

Result<int64_t> Engine::chooseBucket(Entry entry, int64_t tokens,
                                     int64_t rows) const {
  const std::vector<plan::Bucket> &buckets = source->plan.buckets;
  for (size_t i = 0; i < buckets.size(); ++i)
    if (buckets[i].device == runner->kind() &&
        buckets[i].entry == entryName(entry) &&
        buckets[i].maxTokens >= tokens && buckets[i].maxRows >= rows)
      return static_cast<int64_t>(i);
  return Error{"step: the package has no bucket for " + std::to_string(tokens) +
               " tokens with " + std::to_string(rows) + " rows of " +
               std::string(entryName(entry))};
}

Result<void>
Engine::checkRequests(std::span<const StepRequest> requests) const {
  if (int64_t(requests.size()) > limits.sequences)
    return Error{"step: expected at most " + std::to_string(limits.sequences) +
                 " sequences, found " + std::to_string(requests.size())};
  for (const StepRequest &request : requests) {
    if (request.tokens.empty())
      return Error{"step: expected at least one token of each sequence, "
                   "found none"};
    int64_t length =
        request.sequence->length() + int64_t(request.tokens.size());
    if (length > limits.context)
      return Error{"context: expected at most " +
                   std::to_string(limits.context) + " tokens, found " +
                   std::to_string(length)};
    for (int32_t token : request.tokens)
      if (token < 0 || token >= vocabSize())
        return Error{"token: expected an id from 0 to " +
                     std::to_string(vocabSize() - 1) + ", found " +
                     std::to_string(token)};
  }
  return {};
}

Result<void> Engine::reserveSlots(std::span<const StepRequest> requests) {
  std::vector<PageCopy> copies;
  Result<void> done;
  for (const StepRequest &request : requests) {
    done = request.sequence->reserve(int64_t(request.tokens.size()), copies);
    if (!done)
      break;
  }
  // Copies are due even after a failure: the pages have changed hands.
  if (Result<void> copied = runner->copyPages(copies); !copied)
    return copied;
  return done;
}

Batch Engine::batchOf(std::span<const StepRequest> requests,
                      int64_t bucket) const {
  BatchShape shape;
  shape.pageSize = source->plan.kv.pageSize;
  shape.pagesPerSequence = limits.pagesPerSequence;
  shape.queryTile = source->plan.buckets[bucket].queryTile;
  shape.maxSplits = source->plan.maxSplits;
  return buildBatch(requests, shape);
}

Result<StepResult> Engine::step(std::span<const StepRequest> requests,
                                Entry entry) {
  int64_t tokens = 0;
  for (const StepRequest &request : requests)
    tokens += static_cast<int64_t>(request.tokens.size());
  auto bucket = chooseBucket(entry, tokens, rowCount(requests));
  if (!bucket)
    return bucket.error();
  if (Result<void> checked = checkRequests(requests); !checked)
    return checked.error();
  if (Result<void> reserved = reserveSlots(requests); !reserved)
    return reserved.error();
  Batch batch = batchOf(requests, *bucket);
  if (Result<void> ran = runner->run(*bucket, batch.dims, batch.inputs()); !ran)
    return ran.error();
  for (const StepRequest &request : requests)
    request.sequence->append(request.tokens);
  return readResult(*bucket, entry, batch.dims.rows);
}

Result<StepResult> Engine::readResult(int64_t bucket, Entry entry,
                                      int64_t rows) {
  StepResult result;
  result.rows = rows;
  const std::vector<plan::Output> &outputs =
      source->plan.buckets[bucket].outputs;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].name != entryName(entry))
      continue;
    auto bytes = runner->output(bucket, static_cast<int64_t>(i), rows);
    if (!bytes)
      return bytes.error();
    size_t words = bytes->size() / 4;
    if (entry == Entry::logits)
      result.logits = {reinterpret_cast<const float *>(bytes->data()), words};
    else
      result.argmax = {reinterpret_cast<const int32_t *>(bytes->data()), words};
  }
  return result;
}

Result<StepResult>
Engine::prefill(Sequence &sequence, std::span<const int32_t> tokens,
                Entry entry, const std::function<bool(int64_t)> &keepGoing) {
  if (tokens.empty())
    return Error{"prompt: expected at least one token, found none"};
  // Before any work is done, and without the cost of finding out at the end.
  int64_t length = sequence.length() + static_cast<int64_t>(tokens.size());
  if (length > limits.context)
    return Error{"prompt: expected at most " + std::to_string(limits.context) +
                 " tokens (the context), found " + std::to_string(length)};
  auto most = static_cast<size_t>(maxStepTokens(entry));
  if (most == 0)
    return Error{"the package has no bucket of entry " +
                 std::string(entryName(entry))};
  for (size_t done = 0;;) {
    size_t count = std::min(most, tokens.size() - done);
    bool isLast = done + count == tokens.size();
    StepRequest request = {&sequence, tokens.subspan(done, count),
                           isLast ? Rows::last : Rows::none};
    Result<StepResult> result = step({&request, 1}, entry);
    if (!result || isLast)
      return result;
    done += count;
    if (keepGoing && !keepGoing(static_cast<int64_t>(done)))
      return Error{"interrupted"};
  }
}

/// Decodes on the device alone, up to `steps` steps; `token` becomes the last
/// one found. Returns whether to go on.
Result<bool> Engine::decodeAhead(Sequence &sequence, int32_t &token,
                                 int64_t bucket, int64_t steps,
                                 const Sampling *sampling,
                                 const std::function<bool(int32_t)> &onToken) {
  StepRequest request = {&sequence, {&token, 1}, Rows::last};
  if (Result<void> checked = checkRequests({&request, 1}); !checked)
    return checked.error();
  std::vector<PageCopy> copies;
  Result<void> reserved = sequence.reserve(steps, copies);
  if (!reserved) { // one step may do: the answer may end there
    steps = 1;
    reserved = sequence.reserve(steps, copies);
  }
  if (Result<void> copied = runner->copyPages(copies); !copied)
    return copied.error();
  if (!reserved)
    return reserved.error();
  Batch batch = batchOf({&request, 1}, bucket);
  bool goesOn = true;
  Result<void> ran =
      runner->decodeAhead(bucket, batch.dims, batch.inputs(), steps, sampling,
                          [&](std::span<const int32_t> found) {
                            sequence.append({&token, 1});
                            token = found[0];
                            goesOn = onToken(token);
                            return goesOn && token >= 0 && token < vocabSize();
                          });
  sequence.truncate(sequence.length()); // gives back pages that were not used
  if (!ran)
    return ran.error();
  return goesOn;
}

Result<void>
Engine::decodeGreedily(Sequence &sequence, int32_t token, int64_t steps,
                       const std::function<bool(int32_t)> &onToken) {
  auto bucket = chooseBucket(Entry::argmax, 1, 1);
  if (!bucket)
    return bucket.error();
  while (steps > 0) {
    int64_t count =
        std::min({mostAhead, steps, limits.context - sequence.length()});
    if (runner->decodesAhead(*bucket, nullptr) && count > 1) {
      int64_t before = sequence.length();
      auto goesOn =
          decodeAhead(sequence, token, *bucket, count, nullptr, onToken);
      if (!goesOn)
        return goesOn.error();
      if (!*goesOn)
        return {};
      steps -= sequence.length() - before;
      continue;
    }
    StepRequest request = {&sequence, {&token, 1}, Rows::last};
    auto result = step({&request, 1}, Entry::argmax);
    if (!result)
      return result.error();
    token = result->argmax[0];
    if (!onToken(token))
      return {};
    --steps;
  }
  return {};
}

bool Engine::drawsTokens(const Sampling &sampling) const {
  auto bucket = chooseBucket(Entry::logits, 1, 1);
  return bucket && runner->decodesAhead(*bucket, &sampling);
}

Result<void>
Engine::decodeDrawing(Sequence &sequence, int32_t token, int64_t steps,
                      const Sampling &sampling,
                      const std::function<bool(int32_t)> &onToken) {
  auto bucket = chooseBucket(Entry::logits, 1, 1);
  if (!bucket)
    return bucket.error();
  steps = std::min({mostAhead, steps, limits.context - sequence.length()});
  assert(steps > 0 && "a step that fits into the context");
  auto goesOn =
      decodeAhead(sequence, token, *bucket, steps, &sampling, onToken);
  return goesOn ? Result<void>() : goesOn.error();
}

} // namespace quipu
