//===- EmulatorDevice.cpp - Runs plans in the PTX emulator ----------------===//
//
// Every parameter, every layer's keys and values and every input is a buffer of
// its own, and of the arena a launch sees the parts that it is given, so that
// no access can stray from one to another unseen.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/EmulatorDevice.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace quipu {

using emulator::BufferRole;
using plan::Argument;
using plan::Input;

/// A matrix as a model brings it is weights; vectors and computed tables are
/// not.
static BufferRole roleOf(const plan::Parameter &parameter) {
  bool stored = parameter.recipe.kind == plan::Recipe::Kind::identity;
  return stored && parameter.rows > 1 ? BufferRole::weights
                                      : BufferRole::constants;
}

Result<int64_t> EmulatorDevice::chooseTarget(const Package &package,
                                             std::string_view wanted) {
  std::string found;
  for (size_t i = 0; i < package.targets.size(); ++i) {
    const Target &target = package.targets[i];
    if (target.kind() != plan::DeviceKind::gpu)
      continue;
    found += (found.empty() ? "" : ", ") + target.name;
    bool isElf = target.code.size() >= 4 && std::memcmp(target.code.data(),
                                                        "\x7f"
                                                        "ELF",
                                                        4) == 0;
    if (!isElf && (wanted.empty() || wanted == target.name))
      return int64_t(i);
  }
  if (found.empty())
    return Error{"device: the emulator runs PTX, and the package has no code "
                 "for a GPU"};
  return Error{"device: expected a target with PTX" +
               (wanted.empty() ? std::string()
                               : " of name '" + std::string(wanted) + "'") +
               ", found " + found};
}

Result<std::unique_ptr<EmulatorDevice>> EmulatorDevice::create(
    const Package &package, int64_t target, const ParameterBytes &parameters,
    const DeviceLimits &limits, const EmulatorDeviceOptions &options) {
  std::unique_ptr<EmulatorDevice> device(
      new EmulatorDevice(package, target, limits, options));
  const Target &code = package.targets[target];
  std::string_view text(reinterpret_cast<const char *>(code.code.data()),
                        code.code.size());
  auto gpu = emulator::Emulator::load(text.substr(0, text.find('\0')),
                                      code.name + ".ptx",
                                      {options.threads, options.seed});
  if (!gpu)
    return gpu.error();
  device->gpu = std::move(*gpu);
  for (const ptx::Function &kernel : device->gpu->module().functions)
    if (kernel.isEntry)
      if (auto ready = device->gpu->ready(kernel.name); !ready)
        return ready.error();
  if (Result<void> done = device->allocate(parameters); !done)
    return done.error();
  if (Result<void> done = device->bind(); !done)
    return done.error();
  return device;
}

Result<void> EmulatorDevice::allocate(const ParameterBytes &bytes) {
  Result<void> failed;
  auto add = [&](const emulator::BufferSpec &spec) -> uint64_t {
    auto made = gpu->addBuffer(spec);
    if (!made)
      failed = made.error();
    return made ? *made : 0;
  };
  for (size_t i = 0; i < bytes.size(); ++i)
    // Not written to: the emulator refuses stores to read-only buffers.
    parameters.push_back(add({plan.parameters[i].name, bytes[i].size(), false,
                              true, const_cast<std::byte *>(bytes[i].data()),
                              roleOf(plan.parameters[i])}));
  const plan::KvCache &cache = plan.kv;
  pageBytes =
      cache.kvHeads * cache.pageSize * rowBytes(cache.type, cache.headDim);
  if (pageBytes > INT64_MAX / (2 * limits.pages) / cache.layers)
    return Error{"KV cache: " + std::to_string(limits.pages) +
                 " pages are more than memory can address"};
  for (int64_t layer = 0; layer < cache.layers; ++layer)
    for (const char *what : {"keys", "values"})
      kv.push_back(
          add({std::string(what) + " of layer " + std::to_string(layer),
               uint64_t(pageBytes * limits.pages), true, false, nullptr,
               BufferRole::kv}));
  int64_t maxTokens = 0, maxRows = 0;
  for (const plan::Bucket &bucket : plan.buckets) {
    if (bucket.device != kind())
      continue;
    arenaBytes = std::max(arenaBytes, uint64_t(bucket.arenaBytes));
    maxTokens = std::max(maxTokens, bucket.maxTokens);
    maxRows = std::max(maxRows, bucket.maxRows);
  }
  if (maxTokens == 0)
    return Error{"the package has code for a GPU but no bucket of its plan; "
                 "compile the model again"};
  arena =
      add({"arena", arenaBytes, true, false, nullptr, BufferRole::activations});
  dims = add({"dims", sizeof(KernelDims), false, false, nullptr,
              BufferRole::constants});
  const char *names[] = {"tokens", "positions", "slots", "sequences",
                         "pages",  "rows",      "work"};
  for (int i = 0; i < 7; ++i) {
    int64_t count = maxTokens;
    if (Input(i) == Input::pages)
      count = limits.sequences * limits.pagesPerSequence;
    else if (Input(i) == Input::rows)
      count = maxRows;
    else if (Input(i) == Input::work)
      count = maxTokens * int64_t(sizeof(WorkItem) / sizeof(int32_t));
    inputBytes[i] = uint64_t(count) * 4;
    inputs[i] = add({std::string("input ") + names[i], inputBytes[i], false,
                     false, nullptr, BufferRole::constants});
  }
  return failed;
}

uint64_t EmulatorDevice::address(const Argument &argument) const {
  switch (argument.kind) {
  case Argument::Kind::arena:
    return arena + uint64_t(argument.index);
  case Argument::Kind::parameter:
    return parameters[argument.index];
  case Argument::Kind::keys:
    return kv[2 * argument.index];
  case Argument::Kind::values:
    return kv[2 * argument.index + 1];
  case Argument::Kind::input:
    return inputs[argument.index];
  }
  return 0;
}

Result<EmulatorDevice::BoundLaunch>
EmulatorDevice::bind(const plan::Bucket &bucket,
                     const plan::Launch &launch) const {
  const plan::Kernel &kernel = plan.kernels[launch.kernel];
  std::string where = "launch '" + launch.label + "' of bucket '" +
                      bucket.name + "', kernel '" + kernel.name + "': ";
  const ptx::Function *function = gpu->module().entry(kernel.name);
  if (!function)
    return Error{where + "not in the PTX of " + targetName};
  if (target >= int64_t(kernel.scratchBytes.size()))
    return Error{where + "states no shared memory for " + targetName};
  uint64_t expected = (launch.arguments.size() + 1) * 8;
  if (function->paramBytes != expected)
    return Error{where + "expected " + std::to_string(expected) +
                 " bytes of parameters, found " +
                 std::to_string(function->paramBytes)};
  BoundLaunch bound;
  bound.shape.grid.x = uint32_t(std::clamp<int64_t>(
      plan::mostTiles(launch.grid, bucket, plan), 1, options.blocks));
  bound.shape.block.x = uint32_t(kernel.threads);
  bound.shape.dynamicSharedBytes = uint32_t(kernel.scratchBytes[target]);
  for (const Argument &argument : launch.arguments)
    bound.arguments.push_back(address(argument));
  bound.arguments.push_back(dims);
  int64_t now = &launch - bucket.launches.data();
  for (const plan::Buffer &buffer : bucket.buffers)
    for (const Argument &argument : launch.arguments)
      if (buffer.first <= now && now <= buffer.last &&
          argument.kind == Argument::Kind::arena &&
          argument.index == buffer.offset) {
        bound.buffers.push_back(&buffer - bucket.buffers.data());
        break; // an argument may be given twice
      }
  return bound;
}

Result<void> EmulatorDevice::bind() {
  for (const plan::Bucket &bucket : plan.buckets) {
    std::vector<BoundLaunch> &bound = buckets.emplace_back();
    if (bucket.device != kind())
      continue;
    for (const plan::Launch &launch : bucket.launches) {
      auto one = bind(bucket, launch);
      if (!one)
        return one.error();
      bound.push_back(std::move(*one));
    }
  }
  return {};
}

std::string EmulatorDevice::description() const {
  return "emulator of " + targetName;
}

/// Leaves of the arena what a launch is given, in a step of `dims`, and takes
/// from buffers that begin with it what earlier ones left in their place.
void EmulatorDevice::divideArena(const plan::Bucket &bucket, int64_t launch,
                                 const BoundLaunch &bound,
                                 const KernelDims &dims) {
  std::vector<emulator::Region> regions;
  if (!bucket.buffers.empty() && bound.buffers.empty())
    regions.push_back({0, 0, "arena"}); // it sees nothing of it
  for (int64_t index : bound.buffers) {
    const plan::Buffer &buffer = bucket.buffers[index];
    auto bytes = uint64_t(usedBytes(buffer, dims.tokens, dims.rows));
    regions.push_back({uint64_t(buffer.offset), bytes,
                       "arena: " + bucket.launches[buffer.first].label});
    if (buffer.first == launch)
      gpu->setDefined(arena + uint64_t(buffer.offset), bytes, false);
  }
  gpu->divide(arena, regions);
}

template <typename T>
void EmulatorDevice::put(Input input, std::span<const T> values) {
  int i = static_cast<int>(input);
  gpu->setDefined(inputs[i], inputBytes[i], false);
  if (values.empty())
    return;
  assert(values.size_bytes() <= inputBytes[i]);
  std::memcpy(gpu->view(inputs[i], values.size_bytes()).data(), values.data(),
              values.size_bytes());
  gpu->setDefined(inputs[i], values.size_bytes(), true);
}

void EmulatorDevice::copyInputs(const KernelDims &step,
                                const StepInputs &arrays) {
  std::memcpy(gpu->view(dims, sizeof step).data(), &step, sizeof step);
  gpu->setDefined(dims, sizeof step, true);
  put(Input::tokens, arrays.tokens);
  put(Input::positions, arrays.positions);
  put(Input::slots, arrays.slots);
  put(Input::sequences, arrays.sequences);
  put(Input::pages, arrays.pages);
  put(Input::rows, arrays.rows);
  put(Input::work, arrays.work);
}

Result<void> EmulatorDevice::run(int64_t index, const KernelDims &step,
                                 const StepInputs &arrays) {
  const plan::Bucket &bucket = plan.buckets[index];
  assert(bucket.device == kind());
  assert(step.tokens <= bucket.maxTokens && step.rows <= bucket.maxRows);
  copyInputs(step, arrays);
  // What a step leaves in the arena is of no use to the next.
  gpu->setDefined(arena, arenaBytes, false);
  for (size_t i = 0; i < bucket.launches.size(); ++i) {
    BoundLaunch &launch = buckets[index][i];
    const plan::Launch &planned = bucket.launches[i];
    divideArena(bucket, int64_t(i), launch, step);
    auto ran =
        gpu->launch(plan.kernels[planned.kernel].name, launch.shape,
                    std::as_bytes(std::span<const uint64_t>(launch.arguments)));
    std::string where =
        "launch '" + planned.label + "' of bucket '" + bucket.name + "': ";
    if (!ran)
      return Error{where + ran.error().message};
    if (!ran->clean())
      return Error{where + ran->reports.front().message};
    launch.calls += 1;
    launch.seconds += ran->seconds;
    launch.counters += ran->counters;
  }
  return {};
}

Result<std::span<const std::byte>>
EmulatorDevice::output(int64_t bucket, int64_t output, int64_t rows) {
  const plan::Output &place = plan.buckets[bucket].outputs[output];
  assert(rows <= plan.buckets[bucket].maxRows);
  auto bytes = uint64_t(rows * place.rowElements * 4);
  uint64_t at = arena + uint64_t(place.offset);
  if (!gpu->isDefined(at, bytes))
    return Error{"bucket '" + plan.buckets[bucket].name + "': output '" +
                 place.name + "' was not written in full"};
  return std::span<const std::byte>(gpu->view(at, bytes));
}

Result<void> EmulatorDevice::copyPages(std::span<const PageCopy> copies) {
  for (const PageCopy &copy : copies)
    for (uint64_t base : kv)
      gpu->copy(base + uint64_t(copy.to * pageBytes),
                base + uint64_t(copy.from * pageBytes), uint64_t(pageBytes));
  return {};
}

void EmulatorDevice::profile(bool) {
  for (auto &launches : buckets)
    for (BoundLaunch &launch : launches) {
      launch.calls = 0;
      launch.seconds = 0;
      launch.counters = {};
    }
}

std::vector<LaunchTime> EmulatorDevice::launchTimes() const {
  std::vector<LaunchTime> times;
  for (size_t bucket = 0; bucket < buckets.size(); ++bucket)
    for (size_t launch = 0; launch < buckets[bucket].size(); ++launch)
      if (const BoundLaunch &timed = buckets[bucket][launch]; timed.calls > 0)
        times.push_back(
            {int64_t(bucket), int64_t(launch), timed.calls, timed.seconds});
  return times;
}

std::vector<EmulatorDevice::LaunchCounters>
EmulatorDevice::launchCounters() const {
  std::vector<LaunchCounters> all;
  for (size_t bucket = 0; bucket < buckets.size(); ++bucket)
    for (size_t launch = 0; launch < buckets[bucket].size(); ++launch)
      if (const BoundLaunch &done = buckets[bucket][launch]; done.calls > 0)
        all.push_back(
            {int64_t(bucket), int64_t(launch), done.calls, done.counters});
  return all;
}

} // namespace quipu
