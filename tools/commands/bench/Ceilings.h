//===- Ceilings.h - What this machine can do at best ------------*- C++ -*-===//
//
// Measures, with the threads that a model uses, how fast memory is read and how
// many products a second the cores form: the ceilings of decode and prefill.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_BENCH_CEILINGS_H
#define QUIPU_TOOLS_COMMANDS_BENCH_CEILINGS_H

#include "base/Result.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "runtime/memory/AnonymousMemory.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

class Ceilings {
public:
  /// Reads are measured on a buffer of `bytes`, but of no more than 1 GiB:
  /// beyond the caches more only takes longer.
  static Result<Ceilings> create(int64_t bytes, int threads);

  int64_t bufferBytes() const { return buffer.size(); }
  int threads() const { return pool->size(); }

  /// Bytes a second of reading the buffer once, each thread its own part. The
  /// median of passes for at least `seconds`.
  double readBytesPerSecond(double seconds);

  /// Operations a second (a multiplication and an addition are two) of products
  /// formed in `arithmetic`, "f32" or "bf16", by all threads and from
  /// registers. 0 where this processor or program cannot form them.
  double flopsPerSecond(std::string_view arithmetic, double seconds);

private:
  Ceilings(AnonymousMemory buffer, int threads);

  AnonymousMemory buffer; // huge pages
  std::unique_ptr<ThreadPool> pool;
  std::vector<uint64_t> sinks; // what the threads computed, so that they must
};

/// The middle of `values`, or the mean of the two middle ones; 0 of none.
double median(std::vector<double> values);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_BENCH_CEILINGS_H
