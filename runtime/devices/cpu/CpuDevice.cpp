//===- CpuDevice.cpp - Runs plans on the processor ------------------------===//
//
// Arguments become pointers once; a step then only evaluates its grids and
// walks the launches, all threads together.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cpu/CpuDevice.h"

#include "runtime/devices/cpu/CpuFeatures.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace quipu {
namespace {

using plan::Argument;
using plan::Grid;
using plan::Input;

int64_t roundUp(int64_t bytes, int64_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

/// Tiles of a grid. The plan's reader bounded the product.
int64_t tileCount(const Grid &grid, const KernelDims &dims) {
  int64_t tiles = grid.count;
  for (const Grid::Factor &factor : grid.factors) {
    int64_t extent = 1;
    switch (factor.symbol) {
    case Grid::Symbol::one:
      break;
    case Grid::Symbol::tokens:
      extent = dims.tokens;
      break;
    case Grid::Symbol::rows:
      extent = dims.rows;
      break;
    case Grid::Symbol::work:
      extent = dims.work;
      break;
    case Grid::Symbol::splits:
      extent = dims.splits;
      break;
    }
    tiles *= (extent + factor.divisor - 1) / factor.divisor;
  }
  return tiles;
}

/// Flushes subnormals to zero while it lives: they carry nothing here, and some
/// processors take a hundred cycles for each.
class FlushSubnormals {
public:
#if defined(__x86_64__)
  FlushSubnormals() : saved(_mm_getcsr()) { _mm_setcsr(saved | 0x8040); }
  ~FlushSubnormals() { _mm_setcsr(saved); }

private:
  unsigned saved;
#endif
};

template <typename T> void put(std::byte *target, std::span<const T> source) {
  if (!source.empty())
    std::memcpy(target, source.data(), source.size_bytes());
}

} // namespace

Result<std::unique_ptr<CpuDevice>>
CpuDevice::create(const Package &package, const ParameterBytes &parameters,
                  const DeviceLimits &limits, const CpuDeviceOptions &options) {
  std::string wanted = options.target;
  if (const char *name = std::getenv("QUIPU_CPU_TARGET");
      name && wanted.empty())
    wanted = name;
  auto target = chooseCpuTarget(package.targets, cpuFeatures(), wanted);
  if (!target)
    return target.error();
  const Target &chosen = package.targets[*target];
  auto image = CodeImage::load(chosen.code, chosen.name);
  if (!image)
    return image.error();
  return create(package, *target, std::move(*image), parameters, limits,
                options);
}

Result<std::unique_ptr<CpuDevice>>
CpuDevice::create(const Package &package, int64_t target, CodeImage image,
                  const ParameterBytes &parameters, const DeviceLimits &limits,
                  const CpuDeviceOptions &options) {
  int threads = options.threads > 0 ? options.threads : availableThreads();
  std::unique_ptr<CpuDevice> device(
      new CpuDevice(package.plan, std::move(image), threads));
  if (device->threads.size() != threads)
    return Error{"threads: cannot start " + std::to_string(threads) +
                 ", the system allows " +
                 std::to_string(device->threads.size())};
  device->limits = limits;
  device->targetName = package.targets[target].name;
  if (Result<void> done = device->allocate(target); !done)
    return done.error();
  if (Result<void> done = device->bind(parameters); !done)
    return done.error();
  return device;
}

Result<void> CpuDevice::allocate(int64_t target) {
  const plan::KvCache &cache = plan.kv;
  pageBytes =
      cache.kvHeads * cache.pageSize * rowBytes(cache.type, cache.headDim);
  int64_t perLayer = 2 * limits.pages;
  if (pageBytes > INT64_MAX / perLayer / cache.layers)
    return Error{"KV cache: " + std::to_string(limits.pages) +
                 " pages are more than memory can address"};
  layerBytes = pageBytes * limits.pages;
  auto memory =
      AnonymousMemory::allocate(2 * layerBytes * cache.layers, "the KV cache");
  if (!memory)
    return memory.error();
  kv = std::move(*memory);

  int64_t arenaBytes = 0, maxTokens = 0, maxRows = 0;
  for (const plan::Bucket &bucket : plan.buckets) {
    if (bucket.device != kind())
      continue;
    arenaBytes = std::max(arenaBytes, bucket.arenaBytes);
    maxTokens = std::max(maxTokens, bucket.maxTokens);
    maxRows = std::max(maxRows, bucket.maxRows);
  }
  // Steps use parts of it, which huge pages would round up.
  if (!(memory = AnonymousMemory::allocate(arenaBytes, "the arena",
                                           AnonymousMemory::Pages::small)))
    return memory.error();
  arena = std::move(*memory);

  for (const plan::Kernel &kernel : plan.kernels) {
    if (target >= int64_t(kernel.scratchBytes.size()))
      return Error{"kernel '" + kernel.name + "' states no scratch size for " +
                   targetName};
    scratchStride = std::max(scratchStride, kernel.scratchBytes[target]);
  }
  // Whole pages, so that threads share no cache line and no small page.
  scratchStride = roundUp(scratchStride, 4096);
  if (!(memory = AnonymousMemory::allocate(scratchStride * threads.size(),
                                           "scratch")))
    return memory.error();
  scratch = std::move(*memory);

  int64_t counts[7]; // i32 words, by plan::Input
  std::fill(std::begin(counts), std::end(counts), maxTokens);
  counts[static_cast<int>(Input::pages)] =
      limits.sequences * limits.pagesPerSequence;
  counts[static_cast<int>(Input::rows)] = maxRows;
  counts[static_cast<int>(Input::work)] =
      maxTokens * int64_t(sizeof(WorkItem) / sizeof(int32_t));
  int64_t total = 0;
  for (int64_t count : counts)
    total += roundUp(count * 4, 64);
  if (!(memory = AnonymousMemory::allocate(total, "step inputs",
                                           AnonymousMemory::Pages::small)))
    return memory.error();
  inputs = std::move(*memory);
  int64_t offset = 0;
  for (int i = 0; i < 7; ++i) {
    inputArrays[i] = inputs.data() + offset;
    offset += roundUp(counts[i] * 4, 64);
  }
  return {};
}

void *CpuDevice::address(const Argument &argument,
                         const ParameterBytes &parameters) const {
  switch (argument.kind) {
  case Argument::Kind::arena:
    return arena.data() + argument.index;
  case Argument::Kind::parameter:
    return const_cast<std::byte *>(parameters[argument.index].data());
  case Argument::Kind::keys:
    return kv.data() + 2 * argument.index * layerBytes;
  case Argument::Kind::values:
    return kv.data() + (2 * argument.index + 1) * layerBytes;
  case Argument::Kind::input:
    return inputArrays[argument.index];
  }
  return nullptr;
}

Result<void> CpuDevice::bind(const ParameterBytes &parameters) {
  assert(parameters.size() == plan.parameters.size());
  for (const plan::Bucket &bucket : plan.buckets) {
    std::vector<BoundLaunch> &bound = buckets.emplace_back();
    if (bucket.device != kind())
      continue;
    for (const plan::Launch &launch : bucket.launches) {
      KernelFunction function = image.kernel(launch.kernel);
      if (!function)
        return Error{"code image " + targetName + " lacks kernel '" +
                     plan.kernels[launch.kernel].name + "' of launch '" +
                     launch.label + "'"};
      BoundLaunch &entry = bound.emplace_back();
      entry.function = function;
      entry.grid = &launch.grid;
      for (const Argument &argument : launch.arguments)
        entry.arguments.push_back(address(argument, parameters));
    }
  }
  return {};
}

std::string CpuDevice::description() const {
  return targetName + ", " + std::to_string(threads.size()) +
         (threads.size() == 1 ? " thread" : " threads");
}

void CpuDevice::copyInputs(const StepInputs &step) {
  auto array = [&](Input input) {
    return inputArrays[static_cast<int>(input)];
  };
  put(array(Input::tokens), step.tokens);
  put(array(Input::positions), step.positions);
  put(array(Input::slots), step.slots);
  put(array(Input::sequences), step.sequences);
  put(array(Input::pages), step.pages);
  put(array(Input::rows), step.rows);
  put(array(Input::work), step.work);
}

Result<void> CpuDevice::run(int64_t bucket, const KernelDims &dims,
                            const StepInputs &step) {
  assert(dims.tokens <= plan.buckets[bucket].maxTokens);
  assert(dims.rows <= plan.buckets[bucket].maxRows);
  assert(int64_t(step.pages.size()) <=
         limits.sequences * limits.pagesPerSequence);
  copyInputs(step);
  std::vector<BoundLaunch> &launches = buckets[bucket];
  for (BoundLaunch &launch : launches)
    launch.tiles = tileCount(*launch.grid, dims);
  threads.run([&](int thread) { runThread(launches, dims, thread); });
  return {};
}

/// Thread t takes tiles [n * t / threads, n * (t + 1) / threads) of each
/// launch: always the same rows of a weight, which helps where memory is not
/// uniform.
void CpuDevice::runThread(std::vector<BoundLaunch> &launches,
                          const KernelDims &dims, int thread) {
  using Clock = std::chrono::steady_clock;
  FlushSubnormals flush;
  std::byte *own = scratch.data() + thread * scratchStride;
  bool timed = profiling && thread == 0;
  Clock::time_point before = timed ? Clock::now() : Clock::time_point();
  for (BoundLaunch &launch : launches) {
    if (launch.tiles == 0)
      continue; // seen alike by all threads, so none waits
    int64_t begin = launch.tiles * thread / threads.size();
    int64_t end = launch.tiles * (thread + 1) / threads.size();
    if (begin < end)
      launch.function(launch.arguments.data(), &dims, own, begin, end);
    threads.barrier();
    if (timed) {
      Clock::time_point now = Clock::now();
      launch.seconds += std::chrono::duration<double>(now - before).count();
      launch.calls += 1;
      before = now;
    }
  }
}

Result<std::span<const std::byte>>
CpuDevice::output(int64_t bucket, int64_t output, int64_t rows) {
  const plan::Output &place = plan.buckets[bucket].outputs[output];
  assert(rows <= plan.buckets[bucket].maxRows);
  return std::span<const std::byte>(
      arena.data() + place.offset,
      static_cast<size_t>(rows * place.rowElements * 4));
}

Result<void> CpuDevice::copyPages(std::span<const PageCopy> copies) {
  for (const PageCopy &copy : copies)
    for (int64_t array = 0; array < 2 * plan.kv.layers; ++array) {
      std::byte *base = kv.data() + array * layerBytes;
      std::memcpy(base + copy.to * pageBytes, base + copy.from * pageBytes,
                  static_cast<size_t>(pageBytes));
    }
  return {};
}

void CpuDevice::profile(bool enabled) {
  profiling = enabled;
  for (auto &launches : buckets)
    for (BoundLaunch &launch : launches) {
      launch.calls = 0;
      launch.seconds = 0;
    }
}

std::vector<LaunchTime> CpuDevice::launchTimes() const {
  std::vector<LaunchTime> times;
  for (size_t bucket = 0; bucket < buckets.size(); ++bucket)
    for (size_t launch = 0; launch < buckets[bucket].size(); ++launch) {
      const BoundLaunch &timed = buckets[bucket][launch];
      if (timed.calls > 0)
        times.push_back(
            {int64_t(bucket), int64_t(launch), timed.calls, timed.seconds});
    }
  return times;
}

} // namespace quipu
