//===- GpuAttention.h - Attention in the emulator, for tests ----*- C++ -*-===//
//
// Runs a batch through an attention kernel, as PTX, and says how far off it is
// and what it counted.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_KERNELS_NVPTX_GPUATTENTION_H
#define QUIPU_TEST_KERNELS_NVPTX_GPUATTENTION_H

#include "runtime/devices/emulator/Counters.h"
#include "test/kernels/AttentionCase.h"

#include <string>
#include <vector>

namespace quipu::test {

struct AttentionRun {
  double error; // ||d|| / ||ref||
  /// Of the kernel, then of its merge if it has one.
  std::vector<emulator::Counters> counters;
};

/// Decode with the context in `splits` ranges of `splitLength`, by 3 blocks;
/// `schedule` is the fields of its schedule, or empty.
AttentionRun decodeOnGpu(const AttentionCase &batch, int64_t splits,
                         int64_t splitLength, const std::string &schedule = "");

/// Prefill in items of up to `tokenTile` tokens, by 3 blocks.
AttentionRun prefillOnGpu(const AttentionCase &batch, int64_t tokenTile,
                          const std::string &schedule = "");

} // namespace quipu::test

#endif // QUIPU_TEST_KERNELS_NVPTX_GPUATTENTION_H
