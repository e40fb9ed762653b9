//===- FakeCuda.cpp - A CUDA driver without a GPU -------------------------===//
//
// Its state and the rules that all calls share.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/fakecuda/FakeCuda.h"

namespace quipu::test {

using cuda::Status;

static thread_local cuda::ContextHandle currentContext = nullptr;

/// The handle of the one context there is.
static cuda::ContextHandle primaryContext() {
  return reinterpret_cast<cuda::ContextHandle>(&FakeCuda::get());
}

FakeCuda &FakeCuda::get() {
  static FakeCuda driver;
  return driver;
}

void FakeCuda::reset() {
  *this = FakeCuda();
  currentContext = nullptr;
}

void FakeCuda::fail(const std::string &function, Status status, int nth) {
  failures[function] = {status, calls[function] + nth};
}

Status FakeCuda::enter(const char *function, bool needsContext, bool waits) {
  int64_t call = ++calls[function];
  if (auto found = failures.find(function);
      found != failures.end() && found->second.call == call)
    return found->second.status;
  if (!initialized && function != std::string("cuInit"))
    return violation("call before cuInit", Status::notInitialized);
  if (!needsContext)
    return Status::success;
  if (currentContext != primaryContext() || retained == 0)
    return violation("no context is current", Status::invalidContext);
  if (waits)
    for (void *handle : streams)
      if (auto *stream = static_cast<Stream *>(handle); stream->captured) {
        stream->captureIsBroken = true;
        return violation("waits while a stream is captured",
                         Status::captureUnsupported);
      }
  return lost;
}

Status FakeCuda::violation(const std::string &what, Status status) {
  violations.push_back(what);
  return status;
}

void FakeCuda::step(Stream &stream) {
  Work work = std::move(stream.work.front());
  stream.work.pop_front();
  if (lost == Status::success)
    lost = work();
}

void FakeCuda::drain(Stream &stream) {
  while (!stream.work.empty())
    step(stream);
}

void FakeCuda::add(Stream &stream, Work work) {
  if (stream.captured)
    stream.captured->work.push_back(std::move(work));
  else
    stream.work.push_back(std::move(work));
}

bool FakeCuda::isDevice(uint64_t address, size_t bytes) const {
  auto next = deviceMemory.upper_bound(address);
  if (next == deviceMemory.begin())
    return false;
  auto &[base, memory] = *std::prev(next);
  return address - base <= memory.bytes &&
         bytes <= memory.bytes - (address - base);
}

bool FakeCuda::isPinned(const void *address, size_t bytes) const {
  auto next = pinnedMemory.upper_bound(address);
  if (next == pinnedMemory.begin())
    return false;
  auto &[base, memory] = *std::prev(next);
  size_t offset = static_cast<const std::byte *>(address) -
                  static_cast<const std::byte *>(base);
  return offset <= memory.size() && bytes <= memory.size() - offset;
}

bool FakeCuda::isIdle() const {
  for (void *stream : streams)
    if (!static_cast<Stream *>(stream)->work.empty())
      return false;
  return true;
}

int64_t FakeCuda::usedBytes() const {
  int64_t used = 0;
  for (auto &[address, memory] : deviceMemory)
    used += static_cast<int64_t>(memory.bytes);
  return used;
}

} // namespace quipu::test

using quipu::test::FakeCuda;
using namespace quipu::cuda;

// Contexts are here, beside the thread's current one.

extern "C" Status cuDevicePrimaryCtxRetain(ContextHandle *context,
                                           DeviceHandle device) {
  FakeCuda &fake = FakeCuda::get();
  if (Status status = fake.enter("cuDevicePrimaryCtxRetain", false);
      status != Status::success)
    return status;
  *context = quipu::test::primaryContext();
  ++fake.retained;
  return Status::success;
}

extern "C" Status cuDevicePrimaryCtxRelease_v2(DeviceHandle device) {
  FakeCuda &fake = FakeCuda::get();
  if (Status status = fake.enter("cuDevicePrimaryCtxRelease", false);
      status != Status::success)
    return status;
  if (fake.retained == 0)
    return fake.violation("context released twice", Status::invalidContext);
  if (--fake.retained == 0 && fake.unreturned > 0)
    fake.violation("context released before what lives in it", Status::success);
  return Status::success;
}

extern "C" Status cuCtxSetCurrent(ContextHandle context) {
  FakeCuda &fake = FakeCuda::get();
  if (Status status = fake.enter("cuCtxSetCurrent", false);
      status != Status::success)
    return status;
  if (context && (context != quipu::test::primaryContext() || !fake.retained))
    return fake.violation("unknown context", Status::invalidContext);
  quipu::test::currentContext = context;
  return Status::success;
}
