//===- SampleStep.cpp - Draws the token of a step on the GPU --------------===//
//
// One copy brings all of a run's state; a step is one launch of one block.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/SampleStep.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace quipu::cuda {

const char *const samplePtx =
#include "runtime/devices/cuda/device/Sample.ptx.inc"
    ;

SampleSettings SampleStep::settingsOf(const SamplerOptions &options) {
  bool tempersFirst = options.compat == SamplerCompat::huggingFace;
  SampleSettings settings = {};
  settings.temper = options.temperature > 0 ? 1.0f / options.temperature : 0;
  settings.filterScale = tempersFirst ? settings.temper : 1.0f;
  settings.minPDrop =
      options.minP > 0 ? std::log(double(options.minP)) / settings.filterScale
                       : -std::numeric_limits<double>::infinity();
  settings.topP = options.topP;
  settings.penalty = options.repetitionPenalty;
  settings.topK = options.temperature > 0 ? options.topK : 1;
  settings.penaltyLast = tempersFirst ? -1 : options.penaltyLast;
  return settings;
}

Result<SampleStep> SampleStep::create(const OpenGpu &gpu, int64_t vocabulary,
                                      int64_t context) {
  auto code = GpuCode::load(gpu, "sampling", samplePtx);
  if (!code)
    return code.error();
  SampleStep step(std::move(*code));
  auto kernel = step.code.kernel(gpu, "quipu_sample", sampleParameters,
                                 sampleThreads, /*sharedBytes=*/0);
  if (!kernel)
    return kernel.error();
  step.kernel = *kernel;
  step.vocabulary = vocabulary;
  step.context = context;
  const Driver &driver = *gpu.driver;
  auto memory = DeviceMemory::allocate(driver, historyAt + 8 * context,
                                       "the state of sampling");
  if (!memory)
    return memory.error();
  step.memory = std::move(*memory);
  auto staged = PinnedMemory::allocate(driver, historyAt + 4 * context,
                                       "the state of sampling");
  if (!staged)
    return staged.error();
  step.staged = std::move(*staged);
  auto event = Event::create(driver, /*timed=*/false);
  if (!event)
    return event.error();
  step.copied = std::move(*event);
  return step;
}

bool SampleStep::canDraw(const Sampling &sampling) {
  const SamplerOptions &options = sampling.options;
  return options.temperature <= 0 ||
         (options.topK > 0 && options.topK <= sampleMostCandidates);
}

Result<void> SampleStep::begin(const Driver &driver, StreamHandle stream,
                               const Sampling &sampling) {
  Result<void> done = driver.call(driver.eventSynchronize, copied.get());
  if (!done)
    return done;
  SampleSettings settings = settingsOf(sampling.options);
  SampleState state = {};
  static_assert(sizeof state.random == sizeof sampling.random.words());
  std::memcpy(state.random, sampling.random.words().data(),
              sizeof state.random);
  auto history =
      sampling.history.last(std::min<size_t>(sampling.history.size(), context));
  state.length = static_cast<int64_t>(history.size());
  std::memcpy(staged.data() + settingsAt, &settings, sizeof settings);
  std::memcpy(staged.data() + stateAt, &state, sizeof state);
  std::memset(staged.data() + tokensAt, 0, historyAt - tokensAt);
  std::memcpy(staged.data() + historyAt, history.data(), history.size_bytes());
  done = driver.call(driver.copyToDeviceAsync, memory.get(),
                     static_cast<const void *>(staged.data()),
                     historyAt + history.size_bytes(), stream);
  if (!done)
    return done;
  return driver.call(driver.eventRecord, copied.get(), stream);
}

Result<void> SampleStep::queue(const Driver &driver, StreamHandle stream,
                               DevicePointer logits, DevicePointer dims) const {
  DevicePointer history = memory.get() + historyAt;
  uint64_t arguments[sampleParameters] = {logits,
                                          dims,
                                          memory.get() + settingsAt,
                                          memory.get() + stateAt,
                                          history,
                                          history + uint64_t(context) * 4,
                                          tokens(),
                                          static_cast<uint64_t>(vocabulary),
                                          static_cast<uint64_t>(context)};
  return launch(driver, stream, kernel, /*blocks=*/1, arguments);
}

} // namespace quipu::cuda
