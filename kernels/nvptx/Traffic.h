//===- Traffic.h - Bytes that GPU kernels ask memory for --------*- C++ -*-===//
//
// Predicts, from a skeleton, its schedule and the sizes of a step, what the
// emitters of this folder load and store in global memory. There is one model
// for each skeleton, in the file of its name; the emulator's counters are what
// it is held against (test/e2e/TrafficTest.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_TRAFFIC_H
#define QUIPU_KERNELS_NVPTX_TRAFFIC_H

#include "mlir/IR/Operation.h"

#include <cstdint>

namespace quipu {

/// Bytes by what they hold, as the emulator's BufferRole tells them apart.
struct MemoryBytes {
  int64_t weights = 0; // loads of matrices
  int64_t loads = 0;   // all other loads
  int64_t stores = 0;

  int64_t total() const { return weights + loads + stores; }
  MemoryBytes &operator+=(const MemoryBytes &other);
};

struct KernelTraffic {
  MemoryBytes issued; // asked for by all threads
  /// Distinct bytes of a launch; summed over launches where these are, so that
  /// what two launches read counts twice.
  MemoryBytes unique;

  KernelTraffic &operator+=(const KernelTraffic &other);
};

/// A step of one sequence: `tokens` at positions from `first` on, logits asked
/// of the last `rows`.
struct TrafficStep {
  int64_t first = 0;
  int64_t tokens = 1;
  int64_t rows = 1;
  int64_t splits = 1;      // KernelDims::splits
  int64_t splitLength = 0; // KernelDims::splitLength
  int64_t queryTile = 0;   // most tokens of a work item
  int64_t blocks = 1;      // of the launch: each reads the step's sizes
};

/// What one launch of the kernel of `skeleton`, which has a GPU schedule, asks
/// for; with `merge` the launch that merges its partial results.
KernelTraffic predictTraffic(mlir::Operation *skeleton, bool merge,
                             const TrafficStep &step);

} // namespace quipu

#endif // QUIPU_KERNELS_NVPTX_TRAFFIC_H
