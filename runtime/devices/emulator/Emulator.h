//===- Emulator.h - Runs PTX on the processor, checking it ------*- C++ -*-===//
//
// A GPU in software: buffers in its memory, kernels launched over grids. It
// reports what real hardware would let pass: see Check.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_EMULATOR_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_EMULATOR_H

#include "base/Result.h"
#include "runtime/devices/emulator/Counters.h"
#include "runtime/devices/emulator/ptx/Module.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::emulator {

/// What is found wrong with a kernel.
enum class Check : uint8_t {
  outOfBounds,  // access outside of every buffer
  misaligned,   // address not a multiple of the access size
  undefined,    // something nothing wrote decides a store, branch or address
  readOnly,     // store to a buffer that kernels may not write
  sharedRace,   // threads of a block, unordered, one of them writing
  globalRace,   // threads anywhere, unordered, one of them writing
  barrier,      // reached by part of a block, or pending at its end
  inactiveLane, // a lane asked for the value of one that is not there
  hang,         // no warp can go on, or the instruction limit was passed
  trap,         // the kernel executed `trap`
  illegal,      // operands that the instruction does not allow
};
/// "out-of-bounds access", ...
std::string_view name(Check check);

/// One finding: what is wrong at one instruction, as its first thread met it.
/// `message` is one line: "kernel k, k.ptx:17, block 3, thread 5: out-of-bounds
/// access: 4-byte load at 0x..., 8 bytes after the end of buffer 'x' (256
/// bytes) (and 63 more threads)".
struct Report {
  Check check = Check::outOfBounds;
  uint32_t line = 0; // in the PTX text
  std::string message;
  uint32_t block = 0, thread = 0; // their numbers, counted along x, then y
  int64_t threads = 1;            // that met it before the launch ended
  /// Where the address is; generic: the finding has none.
  ptx::Space space = ptx::Space::generic;
  uint64_t address = 0; // of memory other than global: an offset into it
  std::string buffer;   // of a global address: in or near which it lies, or ""
};
/// "global", "shared", "local" or "param"; "" for generic.
std::string_view name(ptx::Space space);

/// How kernels are run, and for how long.
struct Options {
  int threads = 0;   // on the host; 0: availableThreads()
  uint64_t seed = 0; // of the interleaving of warps and blocks; 0: in order
  int maxReports = 8;
  /// Warp instructions that one launch may execute before it counts as hung.
  int64_t maxInstructions = int64_t(1) << 32;
  /// Memory for the blocks of a launch that have begun and not ended. Where it
  /// is full, the next begins when one has ended; each host thread has one.
  int64_t maxBlockBytes = int64_t(4) << 30;
};

/// Blocks of a grid, or threads of a block, in x, y and z.
struct Extent {
  uint32_t x = 1, y = 1, z = 1;
  int64_t count() const { return int64_t(x) * y * z; }
};

struct LaunchShape {
  Extent grid;
  Extent block;
  uint32_t dynamicSharedBytes = 0;
};

struct LaunchReport {
  Counters counters;
  std::vector<Report> reports; // at most Options::maxReports
  double seconds = 0;          // spent on the host

  bool clean() const { return reports.empty(); }
};

/// A buffer of device memory, addressed by what addBuffer() returns.
struct BufferSpec {
  std::string name; // for reports
  uint64_t bytes = 0;
  bool writable = true; // by kernels
  bool defined = false; // whether its first contents count as written
  /// Memory to use in place; null: zeroed memory of the emulator's own.
  std::byte *memory = nullptr;
  /// How counters call its traffic; none: weights where kernels may not write
  /// it, else activations.
  std::optional<BufferRole> role = std::nullopt;
};

/// A part of a buffer with a name of its own. Regions of one buffer share no
/// byte.
struct Region {
  uint64_t offset = 0, bytes = 0;
  std::string name; // for reports
};

/// Not thread-safe: one call at a time.
class Emulator {
public:
  /// Parses `ptx`; what is malformed is an error that names its line. Kernels
  /// are made ready one by one: see ready(). `fileName` is for messages.
  static Result<std::unique_ptr<Emulator>> load(std::string_view ptx,
                                                std::string_view fileName,
                                                const Options &options = {});
  virtual ~Emulator() = default;

  virtual const ptx::Module &module() const = 0;

  /// Makes a kernel ready to run, as its first launch does; what it runs then
  /// has the functions that it calls in place of the calls. The error says why
  /// it cannot run: that there is none, or file, line and instruction. The
  /// function is valid until another kernel is made ready or launched.
  virtual Result<const ptx::Function *> ready(std::string_view kernel) = 0;

  /// The device address (a multiple of 256) of a new buffer. Buffers lie far
  /// apart, so that an access behind one hits no other.
  virtual Result<uint64_t> addBuffer(const BufferSpec &spec) = 0;

  /// Divides the buffer at `address` into regions, each as good as a buffer:
  /// what is between two of them is out of bounds. None: one piece again.
  virtual void divide(uint64_t address, std::span<const Region> regions) = 0;

  /// Copies within or between buffers, definedness included.
  virtual void copy(uint64_t to, uint64_t from, uint64_t bytes) = 0;

  /// The host's view of `bytes` of a buffer. What the host writes must be made
  /// defined.
  virtual std::span<std::byte> view(uint64_t address, uint64_t bytes) = 0;
  virtual void setDefined(uint64_t address, uint64_t bytes, bool defined) = 0;
  /// Whether something wrote all of these bytes.
  virtual bool isDefined(uint64_t address, uint64_t bytes) const = 0;

  /// Runs a kernel to its end. `parameters` is its parameter block: each
  /// parameter at its offset. An error is a launch that cannot be made
  /// (a kernel that is not ready(), parameter block of another size, block too
  /// large, more shared memory than there is); what the kernel does wrong is in
  /// the report.
  virtual Result<LaunchReport>
  launch(std::string_view kernel, const LaunchShape &shape,
         std::span<const std::byte> parameters) = 0;
};

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_EMULATOR_H
