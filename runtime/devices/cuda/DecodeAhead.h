//===- DecodeAhead.h - From a step to the next on the GPU -------*- C++ -*-===//
//
// A kernel of our own takes the tokens that a step chose into the inputs of the
// next, so that steps are queued ahead and none waits for the host. What it
// reads and writes is a bucket's InputBlock and the tokens.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_DECODEAHEAD_H
#define QUIPU_RUNTIME_DEVICES_CUDA_DECODEAHEAD_H

#include "runtime/devices/cuda/GpuCode.h"
#include "runtime/devices/cuda/InputBlock.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace quipu::cuda {

/// The index of a bucket's output of this name ("argmax", "logits"), or -1
/// where decoding cannot go on from it: there must be a row for each token, and
/// no work list.
int64_t outputToGoOnFrom(const plan::Bucket &bucket, std::string_view name);

class DecodeAhead {
public:
  /// For buckets of at most `maxTokens` tokens.
  static Result<DecodeAhead> create(const OpenGpu &gpu, const plan::Plan &plan,
                                    int64_t maxTokens);

  /// One bucket's run of steps.
  struct Run {
    const InputBlock &block;
    DevicePointer inputs; // that the block lies at
    DevicePointer chosen; // i32 (R): tokens of the step
    int64_t tokens;       // T, and R
    int64_t steps;
    std::function<Result<void>()> queueStep; // up to the chosen tokens
    /// Sees what each step found, i32 (T); false ends the run.
    std::function<bool(std::span<const int32_t>)> onTokens;
  };

  /// Runs steps on `stream`, whose inputs are those of the first step. Returns
  /// when onTokens has seen the last; steps queued after one that ended the run
  /// go to their end unseen.
  Result<void> run(const Driver &driver, StreamHandle stream, const Run &run);

private:
  explicit DecodeAhead(GpuCode code) : code(std::move(code)) {}
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

#endif // QUIPU_RUNTIME_DEVICES_CUDA_DECODEAHEAD_H
