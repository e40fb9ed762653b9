//===- Handles.h - Owners of what the CUDA driver hands out -----*- C++ -*-===//
//
// Each object of the driver has one owner here, which gives it back. All of
// them live inside a context that is current in the thread.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_HANDLES_H
#define QUIPU_RUNTIME_DEVICES_CUDA_HANDLES_H

#include "runtime/devices/cuda/Driver.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace quipu::cuda {

/// Owns a handle; `release` is the member of Driver that gives it back.
template <typename Handle, auto release> class Owner {
public:
  Owner() = default;
  Owner(const Driver &driver, Handle handle)
      : driver(&driver), handle(handle) {}
  Owner(Owner &&other) noexcept
      : driver(other.driver), handle(std::exchange(other.handle, Handle{})) {}
  Owner &operator=(Owner &&other) noexcept {
    std::swap(driver, other.driver);
    std::swap(handle, other.handle);
    return *this;
  }
  ~Owner() {
    if (handle != Handle{})
      (void)driver->call(driver->*release, handle);
  }

  Handle get() const { return handle; }
  explicit operator bool() const { return handle != Handle{}; }

private:
  const Driver *driver = nullptr; // outlives this
  Handle handle = {};
};

using Module = Owner<ModuleHandle, &Driver::moduleUnload>;
using Graph = Owner<GraphHandle, &Driver::graphDestroy>;
using GraphExec = Owner<GraphExecHandle, &Driver::graphExecDestroy>;

/// The primary context of a GPU, which all users in a process share.
class Context {
public:
  static Result<Context> retain(const Driver &driver, DeviceHandle device);

  Context() = default;
  Context(Context &&other) noexcept
      : driver(std::exchange(other.driver, nullptr)), device(other.device),
        handle(other.handle) {}
  Context &operator=(Context &&other) noexcept {
    std::swap(driver, other.driver);
    std::swap(device, other.device);
    std::swap(handle, other.handle);
    return *this;
  }
  ~Context();

  /// Every other call of this thread then works in this context.
  Result<void> makeCurrent() const;

private:
  const Driver *driver = nullptr;
  DeviceHandle device = 0;
  ContextHandle handle = nullptr;
};

class Stream : public Owner<StreamHandle, &Driver::streamDestroy> {
public:
  using Owner::Owner;
  static Result<Stream> create(const Driver &driver);
};

class Event : public Owner<EventHandle, &Driver::eventDestroy> {
public:
  using Owner::Owner;
  static Result<Event> create(const Driver &driver, bool timed);
};

/// Memory of a GPU, at least 256-byte aligned; of 0 bytes: none.
class DeviceMemory : public Owner<DevicePointer, &Driver::memFree> {
public:
  using Owner::Owner;

  /// `purpose` ("the KV cache") is named in the error, with the memory asked
  /// for, free and there in all.
  static Result<DeviceMemory> allocate(const Driver &driver, int64_t bytes,
                                       std::string_view purpose);
};

/// Host memory that a GPU copies to and from without the host's help.
class PinnedMemory : public Owner<void *, &Driver::memFreeHost> {
public:
  PinnedMemory() = default;
  static Result<PinnedMemory> allocate(const Driver &driver, int64_t bytes,
                                       std::string_view purpose);

  std::byte *data() const { return static_cast<std::byte *>(get()); }
  int64_t size() const { return *this ? bytes : 0; }

private:
  PinnedMemory(const Driver &driver, void *memory, int64_t bytes)
      : Owner(driver, memory), bytes(bytes) {}
  int64_t bytes = 0;
};

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_HANDLES_H
