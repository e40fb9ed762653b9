//===- DecodeAhead.cpp - From a step to the next on the GPU ---------------===//
//
// For each step the stream gets what chooses its tokens, the advance kernel, a
// copy of the tokens, and an event that the host waits for.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/DecodeAhead.h"

#include "runtime/devices/cuda/AdvanceKernel.h"

#include <cassert>

namespace quipu::cuda {

int64_t outputToGoOnFrom(const plan::Bucket &bucket, std::string_view name) {
  if (bucket.entry != name || bucket.queryTile != 0 ||
      bucket.maxRows < bucket.maxTokens)
    return -1;
  for (size_t i = 0; i < bucket.outputs.size(); ++i)
    if (bucket.outputs[i].name == name)
      return static_cast<int64_t>(i);
  return -1;
}

Result<DecodeAhead> DecodeAhead::create(const OpenGpu &gpu,
                                        const plan::Plan &plan,
                                        int64_t maxTokens) {
  const Driver &driver = *gpu.driver;
  auto code = GpuCode::load(gpu, "decoding ahead", advanceKernelPtx);
  if (!code)
    return code.error();
  DecodeAhead ahead(std::move(*code));
  auto kernel =
      ahead.code.kernel(gpu, advanceKernelName, advanceKernelParameters,
                        advanceKernelThreads, /*sharedBytes=*/0);
  if (!kernel)
    return kernel.error();
  ahead.advance = *kernel;
  ahead.pageSize = plan.kv.pageSize;
  ahead.maxSplits = plan.maxSplits;
  ahead.vocabulary = plan.vocabSize;
  ahead.maxTokens = maxTokens;
  auto found =
      DeviceMemory::allocate(driver, maxTokens * 4, "tokens that were found");
  if (!found)
    return found.error();
  ahead.found = std::move(*found);
  auto seen = PinnedMemory::allocate(driver, depth * maxTokens * 4,
                                     "tokens that were found");
  if (!seen)
    return seen.error();
  ahead.seen = std::move(*seen);
  for (Event &event : ahead.copied) {
    auto made = Event::create(driver, /*timed=*/false);
    if (!made)
      return made.error();
    event = std::move(*made);
  }
  return ahead;
}

Result<void> DecodeAhead::queue(const Driver &driver, StreamHandle stream,
                                const Run &run, int64_t step) {
  Result<void> done = run.queueStep();
  if (!done)
    return done;
  auto at = [&](plan::Input input) {
    return run.inputs + static_cast<uint64_t>(run.block.at(input));
  };
  using plan::Input;
  uint64_t arguments[advanceKernelParameters] = {
      at(Input::tokens),
      at(Input::positions),
      at(Input::slots),
      at(Input::sequences),
      at(Input::pages),
      at(Input::rows),
      run.chosen,
      run.inputs, // KernelDims
      found.get(),
      static_cast<uint64_t>(pageSize),
      static_cast<uint64_t>(maxSplits),
      static_cast<uint64_t>(vocabulary)};
  done = launch(driver, stream, advance, /*blocks=*/1, arguments);
  std::byte *row = seen.data() + step % depth * maxTokens * 4;
  if (done)
    done =
        driver.call(driver.copyToHostAsync, static_cast<void *>(row),
                    found.get(), static_cast<size_t>(run.tokens * 4), stream);
  if (done)
    done = driver.call(driver.eventRecord, copied[step % depth].get(), stream);
  return done;
}

Result<void> DecodeAhead::run(const Driver &driver, StreamHandle stream,
                              const Run &run) {
  assert(run.tokens <= maxTokens);
  int64_t queued = 0;
  for (int64_t step = 0; step < run.steps; ++step) {
    for (; queued < run.steps && queued < step + depth; ++queued)
      if (Result<void> done = queue(driver, stream, run, queued); !done)
        return done;
    Result<void> done =
        driver.call(driver.eventSynchronize, copied[step % depth].get());
    if (!done)
      return done;
    auto *row = reinterpret_cast<const int32_t *>(seen.data()) +
                step % depth * maxTokens;
    if (!run.onTokens({row, static_cast<size_t>(run.tokens)}))
      break;
  }
  return {};
}

} // namespace quipu::cuda
