//===- SampleLayout.h - What the sampling kernel is given -------*- C++ -*-===//
//
// Shared by the host and device/Sample.cu, which is compiled for GPUs: plain
// structs of the same layout on both.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_SAMPLELAYOUT_H
#define QUIPU_RUNTIME_DEVICES_CUDA_SAMPLELAYOUT_H

#include <stdint.h>

namespace quipu::cuda {

inline constexpr int32_t sampleThreads = 1024; // of a block, one a row
inline constexpr int32_t sampleMostCandidates = 256;

/// The sampling kernel's parameters, all of 64 bits: addresses of logits,
/// KernelDims, settings, states, history, scratch and tokens; then the
/// vocabulary's size and the row length of history and scratch.
///
///   logits    f32 (R, vocabulary)  a penalty changes those of its tokens
///   settings  SampleSettings
///   states    SampleState (R)
///   history   i32 (R, length)      prompt and answer, in order
///   scratch   f32 (R, length)
///   tokens    i32 (R)              what was drawn; -1 where no logit is a
///                                  number above -inf
inline constexpr int64_t sampleParameters = 9;

/// SamplerOptions (runtime/sampler/Sampler.h), worked out as far as one step is
/// like another.
struct SampleSettings {
  double minPDrop;     // log(min_p) / filterScale; -infinity: no min-p
  float temper;        // 1 / temperature; 0: the most likely token
  float filterScale;   // of logits where the filters look at them
  float topP;          // 1: all
  float penalty;       // 1: none
  int32_t topK;        // 1 to sampleMostCandidates
  int32_t penaltyLast; // tokens; -1: all
};

/// What changes from token to token of one sequence.
struct SampleState {
  uint64_t random[4]; // of runtime/sampler/Random.h
  int64_t length;     // tokens of the history
};

// Two compilations rely on these.
static_assert(sizeof(SampleSettings) == 32 && alignof(SampleSettings) == 8);
static_assert(sizeof(SampleState) == 40 && alignof(SampleState) == 8);

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_SAMPLELAYOUT_H
