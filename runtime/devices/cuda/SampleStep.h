//===- SampleStep.h - Draws the token of a step on the GPU ------*- C++ -*-===//
//
// Holds what the sampling kernel (device/Sample.cu) works on between the steps
// of one run: settings, the state of the random numbers, the history.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_SAMPLESTEP_H
#define QUIPU_RUNTIME_DEVICES_CUDA_SAMPLESTEP_H

#include "runtime/devices/cuda/GpuCode.h"
#include "runtime/devices/cuda/SampleLayout.h"
#include "runtime/sampler/Sampler.h"

#include <cstdint>

namespace quipu::cuda {

/// The PTX of the kernel quipu_sample.
extern const char *const samplePtx;

class SampleStep {
public:
  /// For one sequence of up to `context` tokens.
  static Result<SampleStep> create(const OpenGpu &gpu, int64_t vocabulary,
                                   int64_t context);

  /// Whether the kernel draws so: it sorts no more than the best 256.
  static bool canDraw(const Sampling &sampling);
  /// What the kernel is told of such options.
  static SampleSettings settingsOf(const SamplerOptions &options);

  /// Brings a run's state to the GPU. Steps that an earlier run left queued
  /// come before it on the stream.
  Result<void> begin(const Driver &driver, StreamHandle stream,
                     const Sampling &sampling);

  /// Draws from logits, f32 (vocabulary), into tokens().
  Result<void> queue(const Driver &driver, StreamHandle stream,
                     DevicePointer logits, DevicePointer dims) const;

  /// i32 (1).
  DevicePointer tokens() const { return memory.get() + tokensAt; }

private:
  /// Where things lie in `memory` and, before they are copied, in `staged`.
  enum : int64_t {
    settingsAt = 0,
    stateAt = 256,
    tokensAt = 512,
    historyAt = 768
  };

  explicit SampleStep(GpuCode code) : code(std::move(code)) {}

  GpuCode code;
  GpuKernel kernel;
  int64_t vocabulary = 0, context = 0;
  DeviceMemory memory; // settings, state, token, i32 and f32 (context)
  PinnedMemory staged; // the same up to the history's end
  Event copied;        // staged may be written
};

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_SAMPLESTEP_H
