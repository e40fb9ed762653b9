//===- GreedyDecode.h - From a step to the next on the GPU ------*- C++ -*-===//
//
// A kernel of our own takes the most likely tokens into the inputs of the next
// step, so that steps are queued ahead and none waits for the host. What it
// reads and writes is a bucket's InputBlock and its argmax.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_GREEDYDECODE_H
#define QUIPU_RUNTIME_DEVICES_CUDA_GREEDYDECODE_H

#include "runtime/devices/cuda/GpuCode.h"
#include "runtime/devices/cuda/InputBlock.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace quipu::cuda {

/// The index of a bucket's output that decoding can go on from, or -1: it must
/// find the most likely tokens and need no work list.
int64_t greedyOutput(const plan::Bucket &bucket);

class GreedyDecode {
public:
  /// For buckets of at most `maxTokens` tokens.
  static Result<GreedyDecode> create(const OpenGpu &gpu, const plan::Plan &plan,
                                     int64_t maxTokens);

  /// One bucket's run of steps.
  struct Run {
    const InputBlock &block;
    DevicePointer inputs; // that the block lies at
    DevicePointer argmax; // i32 (R)
    int64_t tokens;       // T, and R
    int64_t steps;
    std::function<Result<void>()> queueStep; // the bucket's launches
    /// Sees what each step found, i32 (T); false ends the run.
    std::function<bool(std::span<const int32_t>)> onTokens;
  };

  /// Runs steps on `stream`, whose inputs are those of the first step. Returns
  /// when onTokens has seen the last; steps queued after one that ended the run
  /// go to their end unseen.
  Result<void> run(const Driver &driver, StreamHandle stream, const Run &run);

private:
  explicit GreedyDecode(GpuCode code) : code(std::move(code)) {}
  Result<void> queue(const Driver &driver, StreamHandle stream, const Run &run,
                     int64_t step);

  /// Steps that are on their way at once: the GPU never waits for the host, and
  /// little is done in vain when a token ends the answer.
  static constexpr int64_t depth = 4;

  GpuCode code;
  GpuKernel advance;
  int64_t pageSize = 0, maxSplits = 0, vocabulary = 0, maxTokens = 0;
  DeviceMemory found;  // i32 (maxTokens)
  PinnedMemory seen;   // i32 (depth, maxTokens)
  Event copied[depth]; // into a row of `seen`
};

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_GREEDYDECODE_H
