//===- CopyBandwidth.cpp - How fast a GPU's memory is ---------------------===//
//
// One buffer whose halves are copied to each other, sized to be far above any
// L2 cache and to fit beside a model.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/CopyBandwidth.h"

#include <algorithm>

namespace quipu::cuda {

Result<double> copyBytesPerSecond(const Driver &driver, StreamHandle stream) {
  constexpr size_t most = size_t(512) << 20;
  constexpr int copies = 8;
  size_t available = 0, total = 0;
  Result<void> done = driver.call(driver.memGetInfo, &available, &total);
  if (!done)
    return done.error();
  size_t half = std::min(most, available / 4) / 256 * 256;
  if (half == 0)
    return Error{"no GPU memory is left to measure its speed with"};
  auto memory = DeviceMemory::allocate(driver, static_cast<int64_t>(2 * half),
                                       "measuring the memory's speed");
  auto begin = Event::create(driver, /*timed=*/true);
  auto end = Event::create(driver, /*timed=*/true);
  if (!memory || !begin || !end)
    return !memory ? memory.error() : !begin ? begin.error() : end.error();
  done = driver.call(driver.memsetAsync, memory->get(),
                     static_cast<unsigned char>(1), 2 * half, stream);
  double best = 0;
  for (int i = 0; done && i < copies; ++i) {
    DevicePointer from = memory->get() + (i % 2) * half;
    DevicePointer to = memory->get() + (1 - i % 2) * half;
    float milliseconds = 0;
    done = driver.call(driver.eventRecord, begin->get(), stream);
    if (done)
      done = driver.call(driver.copyOnDeviceAsync, to, from, half, stream);
    if (done)
      done = driver.call(driver.eventRecord, end->get(), stream);
    if (done)
      done = driver.call(driver.eventSynchronize, end->get());
    if (done)
      done = driver.call(driver.eventElapsedTime, &milliseconds, begin->get(),
                         end->get());
    if (milliseconds > 0)
      best = std::max(best, 2.0 * double(half) / (milliseconds / 1e3));
  }
  // Also after a failure: nothing is freed under a copy.
  Result<void> waited = driver.call(driver.streamSynchronize, stream);
  if (!done || !waited)
    return done ? waited.error() : done.error();
  return best;
}

} // namespace quipu::cuda
