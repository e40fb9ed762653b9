//===- FakeCuda.h - A CUDA driver without a GPU -----------------*- C++ -*-===//
//
// A shared library with the driver's symbols, and those of cuBLAS, that keeps
// device memory on the host. It is strict where a driver is lenient and as late
// as a driver may be: work of a stream runs only when something waits for it,
// so that whoever forgets to wait sees what was there before.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_FAKECUDA_FAKECUDA_H
#define QUIPU_TEST_RUNTIME_FAKECUDA_FAKECUDA_H

#include "runtime/devices/cuda/DriverApi.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace quipu::test {

/// A kernel as it runs: addresses are host addresses.
struct FakeLaunch {
  std::string kernel;
  std::string ptx; // of its module
  unsigned blocks, threads, sharedBytes;
  std::vector<uint64_t> parameters;
};

/// What the driver claims to be, what it is told to do, and what it saw. One
/// for the process, as the driver is.
class FakeCuda {
public:
  static FakeCuda &get();

  /// Forgets everything, settings included.
  void reset();

  /// Lets the n-th call from now (1: the next) of a function fail.
  void fail(const std::string &function, cuda::Status status, int nth = 1);

  // What it claims to be.
  int driverVersion = 12040;
  double newestPtx = 8.4;
  int gpus = 1;
  int computeCapability = 90;
  int multiprocessors = 4;
  int sharedBytesPerBlock = 227 * 1024;
  int64_t memoryBytes = int64_t(1) << 30;
  std::string refusedPtx; // text that its compiler takes for an error

  /// Runs a kernel; the status that the GPU ends with.
  std::function<cuda::Status(const FakeLaunch &)> run;

  // What it saw.
  std::vector<std::string> violations; // uses that a driver may let pass
  std::map<std::string, int64_t> calls;
  struct Product {
    int64_t m, n, k; // as cuBLAS is told: column-major
    bool operator==(const Product &) const = default;
  };
  std::vector<Product> products; // by cuBLAS
  int64_t launches = 0;          // of kernels, those of graphs included
  int64_t unreturned = 0;        // objects that were made and not given back
  bool contextIsLost() const { return lost != cuda::Status::success; }

  // Below: state of the exported functions.
  struct Module {
    std::string ptx;
    std::map<std::string, int64_t, std::less<>> entries; // parameters
  };
  struct Kernel {
    Module *module;
    std::string name;
    int64_t parameters;
    int dynamicLimit = 48 * 1024;
  };
  using Work = std::function<cuda::Status()>;
  struct Graph {
    std::vector<Work> work;
  };
  struct Stream {
    std::deque<Work> work;
    std::unique_ptr<Graph> captured; // while capturing
    bool captureIsBroken = false;
  };
  struct Event {
    bool timed;
    Stream *stream = nullptr;
    int64_t asked = 0, reached = 0; // records
  };

  /// Begins every call: counts it, and decides whether it fails.
  cuda::Status enter(const char *function, bool needsContext,
                     bool waits = false);
  cuda::Status violation(const std::string &what, cuda::Status status);
  void drain(Stream &stream);
  void step(Stream &stream); // runs the oldest work
  void add(Stream &stream, Work work);
  bool isDevice(uint64_t address, size_t bytes) const;
  bool isPinned(const void *address, size_t bytes) const;
  bool isIdle() const;
  int64_t usedBytes() const;

  struct DeviceBlock {
    std::vector<std::byte> storage; // with room to align
    size_t bytes;
  };
  std::map<uint64_t, DeviceBlock> deviceMemory;
  std::map<const void *, std::vector<std::byte>> pinnedMemory;
  std::map<void *, std::shared_ptr<void>> objects; // by handle
  std::set<void *> streams;                        // of those
  std::vector<std::pair<void *, std::unique_ptr<Kernel>>> kernels;
  int retained = 0; // of the primary context
  bool initialized = false;
  cuda::Status lost = cuda::Status::success;

private:
  struct Failure {
    cuda::Status status;
    int64_t call;
  };
  std::map<std::string, Failure> failures;
};

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_FAKECUDA_FAKECUDA_H
