//===- CudaDevice.cpp - Runs plans on an NVIDIA GPU -----------------------===//
//
// All work goes to one stream, in order; the host waits only for an output, and
// for the pinned inputs of a step before it writes those of the next.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/CudaDevice.h"

#include "runtime/devices/cuda/CopyBandwidth.h"

#include <algorithm>
#include <cassert>

namespace quipu {

using namespace cuda;
using plan::Argument;

Result<std::unique_ptr<CudaDevice>>
CudaDevice::create(std::shared_ptr<const OpenGpu> gpu, const Package &package,
                   const ParameterBytes &parameters, const DeviceLimits &limits,
                   const CudaDeviceOptions &options) {
  assert(parameters.size() == package.plan.parameters.size());
  std::unique_ptr<CudaDevice> device(
      new CudaDevice(std::move(gpu), package, limits, options));
  Result<void> done = device->gpu->context.makeCurrent();
  if (!done)
    return done.error();
  auto code = GpuCode::load(*device->gpu, package);
  if (!code)
    return code.error();
  device->code = std::move(*code);
  auto stream = Stream::create(device->driver);
  if (!stream)
    return stream.error();
  device->stream = std::move(*stream);
  ParameterLayout layout = ParameterLayout::of(parameters);
  auto memory =
      DeviceMemory::allocate(device->driver, layout.bytes, "the weights");
  if (!memory)
    return memory.error();
  device->parameters = std::move(*memory);
  // Before anything is queued, since a failure takes its modules back at once.
  done = device->prepareProducts();
  if (done)
    done = device->prepareAhead();
  if (done)
    done = device->allocate();
  // Before the upload: what cannot be launched is found without the wait.
  if (done)
    done = device->bind(layout);
  if (done)
    done = upload(device->driver, device->stream.get(), parameters, layout,
                  device->parameters.get(), options.progress);
  if (!done)
    return done.error();
  return device;
}

CudaDevice::~CudaDevice() {
  // What is freed next may still be in use.
  (void)gpu->context.makeCurrent();
  if (stream)
    (void)driver.call(driver.streamSynchronize, stream.get());
}

Result<void> CudaDevice::allocate() {
  const plan::KvCache &cache = plan.kv;
  pageBytes =
      cache.kvHeads * cache.pageSize * rowBytes(cache.type, cache.headDim);
  if (pageBytes > INT64_MAX / (2 * limits.pages) / cache.layers)
    return Error{"KV cache: " + std::to_string(limits.pages) +
                 " pages are more than memory can address"};
  layerBytes = pageBytes * limits.pages;
  int64_t kvBytes = 2 * layerBytes * cache.layers;
  int64_t arenaBytes = 0, inputBytes = 0;
  for (const plan::Bucket &bucket : plan.buckets) {
    if (bucket.device != kind())
      continue;
    arenaBytes = std::max(arenaBytes, bucket.arenaBytes);
    inputBytes = std::max(inputBytes, InputBlock::of(bucket, limits).bytes);
  }
  if (inputBytes == 0)
    return Error{"the package has code for a GPU but no bucket of its plan; "
                 "compile the model again"};
  struct Wanted {
    DeviceMemory &memory;
    int64_t bytes;
    const char *purpose;
  };
  for (Wanted wanted : {Wanted{kv, kvBytes, "the KV cache"},
                        Wanted{arena, arenaBytes, "the arena"},
                        Wanted{inputs, inputBytes, "step inputs"}}) {
    auto memory = DeviceMemory::allocate(driver, wanted.bytes, wanted.purpose);
    if (!memory)
      return memory.error();
    wanted.memory = std::move(*memory);
    // Masked tails read KV that nothing wrote: 0 and not NaN.
    if (wanted.bytes == 0)
      continue;
    Result<void> zeroed = driver.call(
        driver.memsetAsync, wanted.memory.get(), static_cast<unsigned char>(0),
        static_cast<size_t>(wanted.bytes), stream.get());
    if (!zeroed)
      return zeroed;
  }
  auto staged = PinnedMemory::allocate(driver, inputBytes, "step inputs");
  if (!staged)
    return staged.error();
  stagedInputs = std::move(*staged);
  auto event = Event::create(driver, /*timed=*/false);
  if (!event)
    return event.error();
  inputsCopied = std::move(*event);
  return {};
}

uint64_t CudaDevice::address(const Argument &argument, const InputBlock &block,
                             const ParameterLayout &layout) const {
  switch (argument.kind) {
  case Argument::Kind::arena:
    return arena.get() + argument.index;
  case Argument::Kind::parameter:
    return parameters.get() + layout.offsets[argument.index];
  case Argument::Kind::keys:
    return kv.get() + 2 * argument.index * layerBytes;
  case Argument::Kind::values:
    return kv.get() + (2 * argument.index + 1) * layerBytes;
  case Argument::Kind::input:
    return inputs.get() + block.offsets[argument.index];
  }
  return 0;
}

Result<CudaDevice::BoundLaunch>
CudaDevice::bind(const plan::Bucket &bucket, const InputBlock &block,
                 const plan::Launch &launch, const ParameterLayout &layout) {
  const plan::Kernel &kernel = plan.kernels[launch.kernel];
  if (code->target() >= int64_t(kernel.scratchBytes.size()))
    return Error{"kernel '" + kernel.name + "' states no shared memory for " +
                 code->name()};
  auto found =
      code->kernel(*gpu, kernel.name, int64_t(launch.arguments.size()) + 1,
                   kernel.threads, kernel.scratchBytes[code->target()]);
  if (!found)
    return Error{"launch '" + launch.label + "' of bucket '" + bucket.name +
                 "': " + found.error().message};
  BoundLaunch bound;
  bound.kernel = *found;
  // Blocks walk tiles; more than can be resident would only queue.
  bound.blocks = static_cast<unsigned>(std::clamp<int64_t>(
      plan::mostTiles(launch.grid, bucket, plan), 1, found->blocks));
  for (const Argument &argument : launch.arguments)
    bound.arguments.push_back(address(argument, block, layout));
  bound.arguments.push_back(inputs.get()); // KernelDims
  return bound;
}

/// Lets cuBLAS take over `launch`, which is the last of `bucket` so far.
void CudaDevice::bindProduct(const plan::Launch &launch,
                             BoundBucket &bucket) const {
  const plan::Product &product = *launch.product;
  std::vector<uint64_t> &addresses = bucket.launches.back().arguments;
  const plan::Parameter &weights =
      plan.parameters[launch.arguments[product.weights].index];
  Gemm gemm = {0,
               weights.rows,
               weights.columns,
               weights.type,
               addresses[product.input],
               addresses[product.weights],
               addresses[product.output]};
  BoundProduct bound = {product.extent, gemm};
  // What is rounded stays so while nothing else ran; q, k and v share it.
  if (bucket.launches.size() > 1)
    if (const auto &before = bucket.launches.end()[-2].product)
      bound.sameInput = before->extent == bound.extent &&
                        before->gemm.x == gemm.x && before->gemm.k == gemm.k &&
                        before->gemm.type == gemm.type;
  bucket.launches.back().product = bound;
  bucket.hasProducts = true;
}

Result<void> CudaDevice::bind(const ParameterLayout &layout) {
  for (const plan::Bucket &bucket : plan.buckets) {
    BoundBucket &bound = buckets.emplace_back();
    if (bucket.device != kind())
      continue;
    bound.inputs = InputBlock::of(bucket, limits);
    bound.outputs.resize(bucket.outputs.size());
    for (const plan::Launch &launch : bucket.launches) {
      auto one = bind(bucket, bound.inputs, launch, layout);
      if (!one)
        return one.error();
      bound.launches.push_back(std::move(*one));
      if (launch.product)
        bindProduct(launch, bound);
    }
  }
  return {};
}

std::string CudaDevice::description() const {
  return code->name() + ", " + gpu->gpu.description() +
         (products ? ", with cuBLAS" : "") +
         (withoutSampling.empty()
              ? ""
              : ", drawing tokens on the host (" + withoutSampling + ")");
}

Result<void> CudaDevice::copyInputs(const InputBlock &block,
                                    const KernelDims &dims,
                                    const StepInputs &step) {
  Result<void> done = driver.call(driver.eventSynchronize, inputsCopied.get());
  if (!done)
    return done;
  int64_t used = block.fill(stagedInputs.data(), dims, step);
  done = driver.call(driver.copyToDeviceAsync, inputs.get(),
                     static_cast<const void *>(stagedInputs.data()),
                     static_cast<size_t>(used), stream.get());
  if (!done)
    return done;
  return driver.call(driver.eventRecord, inputsCopied.get(), stream.get());
}

Result<void> CudaDevice::launchProduct(const BoundProduct &product,
                                       const KernelDims &dims) {
  Gemm gemm = product.gemm;
  gemm.m = product.extent == plan::Grid::Symbol::rows ? dims.rows : dims.tokens;
  return products->queue(driver, stream.get(), gemm, product.sameInput);
}

Result<void> CudaDevice::launch(const BoundLaunch &launch,
                                const KernelDims &dims) {
  if (launch.product)
    return launchProduct(*launch.product, dims);
  return cuda::launch(driver, stream.get(), launch.kernel, launch.blocks,
                      launch.arguments);
}

Error CudaDevice::launchError(int64_t bucket, size_t launch,
                              const Error &error) const {
  const plan::Launch &at = plan.buckets[bucket].launches[launch];
  return Error{"launch '" + at.label + "' of bucket '" +
               plan.buckets[bucket].name + "', kernel '" +
               plan.kernels[at.kernel].name + "': " + error.message};
}

Result<void> CudaDevice::capture(BoundBucket &bucket) {
  Result<void> done =
      driver.call(driver.streamBeginCapture, stream.get(), captureThreadLocal);
  if (!done)
    return done;
  assert(!bucket.hasProducts && "what is captured depends on no step's sizes");
  for (size_t i = 0; done && i < bucket.launches.size(); ++i)
    done = launch(bucket.launches[i], {});
  // Also after a failure: the stream is to be of use again.
  GraphHandle handle = nullptr;
  Result<void> ended =
      driver.call(driver.streamEndCapture, stream.get(), &handle);
  Graph graph(driver, handle);
  if (!done || !ended)
    return done ? ended : done;
  GraphExecHandle exec = nullptr;
  done = driver.call(driver.graphInstantiate, &exec, graph.get(), 0ull);
  if (done)
    bucket.graph = GraphExec(driver, exec);
  return done;
}

Result<void> CudaDevice::replay(int64_t index) {
  BoundBucket &bucket = buckets[index];
  Result<void> done;
  if (!bucket.graph)
    done = capture(bucket);
  if (done)
    done = driver.call(driver.graphLaunch, bucket.graph.get(), stream.get());
  if (!done)
    return Error{"bucket '" + plan.buckets[index].name +
                 "': " + done.error().message};
  return done;
}

/// Without the graph; while profiling with a mark before each launch and one at
/// the end.
Result<void> CudaDevice::runOneByOne(int64_t index, const KernelDims &dims) {
  std::vector<BoundLaunch> &launches = buckets[index].launches;
  while (profiling && marks.size() <= launches.size()) {
    auto event = Event::create(driver, /*timed=*/true);
    if (!event)
      return event.error();
    marks.push_back(std::move(*event));
  }
  auto mark = [&](size_t i) {
    return profiling
               ? driver.call(driver.eventRecord, marks[i].get(), stream.get())
               : Result<void>();
  };
  Result<void> done = mark(0);
  for (size_t i = 0; done && i < launches.size(); ++i) {
    done = launch(launches[i], dims);
    if (done && synchronous)
      done = driver.call(driver.streamSynchronize, stream.get());
    if (!done)
      return launchError(index, i, done.error());
    done = mark(i + 1);
  }
  return done && profiling ? addTimes(launches) : done;
}

/// Adds the times between the marks of a run of `launches`.
Result<void> CudaDevice::addTimes(std::vector<BoundLaunch> &launches) {
  Result<void> done =
      driver.call(driver.eventSynchronize, marks[launches.size()].get());
  for (size_t i = 0; done && i < launches.size(); ++i) {
    float milliseconds = 0;
    done = driver.call(driver.eventElapsedTime, &milliseconds, marks[i].get(),
                       marks[i + 1].get());
    launches[i].calls += 1;
    launches[i].seconds += milliseconds / 1e3;
  }
  return done;
}

/// A graph would fix the sizes that cuBLAS is given, and with them the padding
/// of every step to its bucket's bounds; it also chooses kernels by them. So
/// buckets with products run launch by launch, with M as the step has it: they
/// are those of many tokens, where a launch costs little beside its work.
Result<void> CudaDevice::queue(int64_t bucket, const KernelDims &dims) {
  if (profiling || synchronous || buckets[bucket].hasProducts)
    return runOneByOne(bucket, dims);
  return replay(bucket);
}

Result<void> CudaDevice::run(int64_t bucket, const KernelDims &dims,
                             const StepInputs &step) {
  assert(plan.buckets[bucket].device == kind());
  assert(dims.tokens <= plan.buckets[bucket].maxTokens);
  assert(dims.rows <= plan.buckets[bucket].maxRows);
  assert(int64_t(step.pages.size()) <=
         limits.sequences * limits.pagesPerSequence);
  Result<void> done = gpu->context.makeCurrent();
  if (done)
    done = copyInputs(buckets[bucket].inputs, dims, step);
  if (!done)
    return done;
  return queue(bucket, dims);
}

Result<std::span<const std::byte>>
CudaDevice::output(int64_t bucket, int64_t output, int64_t rows) {
  const plan::Output &place = plan.buckets[bucket].outputs[output];
  assert(rows <= plan.buckets[bucket].maxRows);
  int64_t bytes = rows * place.rowElements * 4;
  if (bytes == 0)
    return std::span<const std::byte>();
  Result<void> done = gpu->context.makeCurrent();
  if (!done)
    return done.error();
  PinnedMemory &kept = buckets[bucket].outputs[output], larger;
  if (kept.size() < bytes) {
    auto memory = PinnedMemory::allocate(driver, bytes, "a step's output");
    if (!memory)
      return memory.error();
    larger = std::move(*memory);
  }
  PinnedMemory &host = larger ? larger : kept;
  done = driver.call(driver.copyToHostAsync, static_cast<void *>(host.data()),
                     arena.get() + place.offset, static_cast<size_t>(bytes),
                     stream.get());
  if (done)
    done = driver.call(driver.streamSynchronize, stream.get());
  if (!done)
    return Error{"bucket '" + plan.buckets[bucket].name +
                 "': " + done.error().message};
  if (larger) // only now is the stream idle
    std::swap(kept, larger);
  return std::span<const std::byte>(kept.data(), static_cast<size_t>(bytes));
}

Result<void> CudaDevice::prepareAhead() {
  int64_t tokens = 0;
  bool hasLogits = false;
  for (const plan::Bucket &bucket : plan.buckets) {
    if (bucket.device != kind())
      continue;
    bool ofLogits = outputToGoOnFrom(bucket, "logits") >= 0;
    hasLogits |= ofLogits;
    if (ofLogits || outputToGoOnFrom(bucket, "argmax") >= 0)
      tokens = std::max(tokens, bucket.maxTokens);
  }
  if (tokens == 0)
    return {};
  auto made = DecodeAhead::create(*gpu, plan, tokens);
  if (!made)
    return made.error();
  ahead = std::move(*made);
  if (!hasLogits)
    return {};
  // The host can sample as well, so that a GPU is of use without.
  auto step = SampleStep::create(*gpu, plan.vocabSize, limits.context);
  if (step)
    sampling = std::move(*step);
  else
    withoutSampling = step.error().message;
  return {};
}

Result<void> CudaDevice::prepareProducts() {
  std::optional<int64_t> bytes = roundedBytes(plan);
  if (!bytes)
    return {};
  auto made = LibraryProducts::create(*gpu, stream.get(), *bytes);
  if (!made)
    return made.error();
  products = std::move(*made);
  return {};
}

bool CudaDevice::decodesAhead(int64_t bucket, const Sampling *wanted) const {
  if (!ahead || profiling || synchronous)
    return false;
  const plan::Bucket &planned = plan.buckets[bucket];
  return wanted ? sampling && SampleStep::canDraw(*wanted) &&
                      outputToGoOnFrom(planned, "logits") >= 0
                : outputToGoOnFrom(planned, "argmax") >= 0;
}

Result<void> CudaDevice::decodeAhead(
    int64_t bucket, const KernelDims &dims, const StepInputs &step,
    int64_t steps, const Sampling *wanted,
    const std::function<bool(std::span<const int32_t>)> &onTokens) {
  assert(decodesAhead(bucket, wanted) && dims.rows == dims.tokens);
  assert((!wanted || dims.rows == 1) && "one sequence is sampled");
  Result<void> done = gpu->context.makeCurrent();
  if (done)
    done = copyInputs(buckets[bucket].inputs, dims, step);
  if (done && wanted)
    done = sampling->begin(driver, stream.get(), *wanted);
  if (!done)
    return done;
  const plan::Bucket &planned = plan.buckets[bucket];
  int64_t output = outputToGoOnFrom(planned, wanted ? "logits" : "argmax");
  DevicePointer found = arena.get() + planned.outputs[output].offset;
  auto queueStep = [&]() -> Result<void> {
    Result<void> queued = queue(bucket, dims);
    if (queued && wanted) // KernelDims are the first of the inputs
      queued = sampling->queue(driver, stream.get(), found, inputs.get());
    return queued;
  };
  done = ahead->run(driver, stream.get(),
                    {buckets[bucket].inputs, inputs.get(),
                     wanted ? sampling->tokens() : found, dims.tokens, steps,
                     queueStep, onTokens});
  if (!done)
    return Error{"bucket '" + planned.name + "': " + done.error().message};
  return done;
}

Result<void> CudaDevice::copyPages(std::span<const PageCopy> copies) {
  if (copies.empty())
    return {};
  Result<void> done = gpu->context.makeCurrent();
  for (const PageCopy &copy : copies)
    for (int64_t array = 0; done && array < 2 * plan.kv.layers; ++array) {
      DevicePointer base = kv.get() + array * layerBytes;
      done = driver.call(driver.copyOnDeviceAsync, base + copy.to * pageBytes,
                         base + copy.from * pageBytes,
                         static_cast<size_t>(pageBytes), stream.get());
    }
  return done;
}

Result<double> CudaDevice::copyBytesPerSecond() {
  if (Result<void> done = gpu->context.makeCurrent(); !done)
    return done.error();
  return cuda::copyBytesPerSecond(driver, stream.get());
}

void CudaDevice::profile(bool enabled) {
  profiling = enabled;
  for (BoundBucket &bucket : buckets)
    for (BoundLaunch &launch : bucket.launches) {
      launch.calls = 0;
      launch.seconds = 0;
    }
}

std::vector<LaunchTime> CudaDevice::launchTimes() const {
  std::vector<LaunchTime> times;
  for (size_t bucket = 0; bucket < buckets.size(); ++bucket)
    for (size_t launch = 0; launch < buckets[bucket].launches.size();
         ++launch) {
      const BoundLaunch &timed = buckets[bucket].launches[launch];
      if (timed.calls > 0)
        times.push_back(
            {int64_t(bucket), int64_t(launch), timed.calls, timed.seconds});
    }
  return times;
}

} // namespace quipu
