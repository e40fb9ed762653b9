//===- Upload.cpp - Parameters from files to a GPU ------------------------===//
//
// The block is filled from its start to its end, so that small parameters share
// a copy and large ones are cut.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/Upload.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

namespace quipu::cuda {
namespace {

constexpr int64_t alignment = 256;

int64_t aligned(int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// One of the two pinned buffers.
struct Staging {
  PinnedMemory memory;
  Event copied; // the GPU has read it
};

class Uploader {
public:
  Uploader(const Driver &driver, StreamHandle stream, DevicePointer target,
           int64_t total, const UploadProgress &progress)
      : driver(driver), stream(stream), target(target), total(total),
        progress(progress) {}

  Result<void> prepare(int64_t bytes);
  Result<void> put(int64_t offset, std::span<const std::byte> source);
  Result<void> flush();

private:
  const Driver &driver;
  StreamHandle stream;
  DevicePointer target;
  int64_t total;
  const UploadProgress &progress;
  Staging buffers[2];
  int current = 0;
  int64_t begin = 0;  // of the block, where the current buffer starts
  int64_t filled = 0; // bytes in it
};

Result<void> Uploader::prepare(int64_t bytes) {
  for (Staging &buffer : buffers) {
    auto memory = PinnedMemory::allocate(driver, bytes, "copying weights");
    if (!memory)
      return memory.error();
    buffer.memory = std::move(*memory);
    auto event = Event::create(driver, /*timed=*/false);
    if (!event)
      return event.error();
    buffer.copied = std::move(*event);
  }
  return {};
}

/// Appends bytes that belong at `offset` of the block, at or after what came.
Result<void> Uploader::put(int64_t offset, std::span<const std::byte> source) {
  while (!source.empty()) {
    Staging &buffer = buffers[current];
    if (offset - begin >= buffer.memory.size()) {
      if (Result<void> done = flush(); !done)
        return done;
      begin = offset;
      continue;
    }
    int64_t at = offset - begin;
    int64_t count = std::min<int64_t>(buffer.memory.size() - at,
                                      static_cast<int64_t>(source.size()));
    std::memset(buffer.memory.data() + filled, 0, at - filled); // the gap
    std::memcpy(buffer.memory.data() + at, source.data(), count);
    filled = at + count;
    offset += count;
    source = source.subspan(count);
  }
  return {};
}

/// Sends the current buffer off and waits until the other may be filled.
Result<void> Uploader::flush() {
  Staging &buffer = buffers[current];
  Result<void> done;
  if (filled > 0)
    done = driver.call(driver.copyToDeviceAsync, target + begin,
                       static_cast<const void *>(buffer.memory.data()),
                       static_cast<size_t>(filled), stream);
  if (done)
    done = driver.call(driver.eventRecord, buffer.copied.get(), stream);
  current = 1 - current;
  if (done) // an event that was never recorded is no wait
    done = driver.call(driver.eventSynchronize, buffers[current].copied.get());
  if (done && progress)
    progress(begin + filled, total);
  begin += filled;
  filled = 0;
  return done;
}

} // namespace

ParameterLayout ParameterLayout::of(const ParameterBytes &parameters) {
  ParameterLayout layout;
  std::map<std::pair<const std::byte *, size_t>, int64_t> seen;
  for (std::span<const std::byte> bytes : parameters) {
    auto [place, isNew] =
        seen.try_emplace({bytes.data(), bytes.size()}, layout.bytes);
    layout.offsets.push_back(place->second);
    if (isNew)
      layout.bytes += aligned(static_cast<int64_t>(bytes.size()));
  }
  return layout;
}

Result<void> upload(const Driver &driver, StreamHandle stream,
                    const ParameterBytes &parameters,
                    const ParameterLayout &layout, DevicePointer target,
                    const UploadProgress &progress, int64_t staging) {
  Uploader uploader(driver, stream, target, layout.bytes, progress);
  int64_t bytes = std::min(staging, std::max<int64_t>(layout.bytes, 1));
  Result<void> done = uploader.prepare(bytes);
  int64_t end = 0; // of what was sent
  for (size_t i = 0; done && i < parameters.size(); ++i) {
    if (layout.offsets[i] < end || parameters[i].empty())
      continue; // shares a place
    done = uploader.put(layout.offsets[i], parameters[i]);
    end = layout.offsets[i] + static_cast<int64_t>(parameters[i].size());
  }
  if (done)
    done = uploader.flush();
  // Also after a failure: the buffers must not go while the GPU reads them.
  Result<void> waited = driver.call(driver.streamSynchronize, stream);
  if (!waited) // it may have failed before it waited
    (void)driver.call(driver.streamSynchronize, stream);
  return done ? waited : done;
}

} // namespace quipu::cuda
