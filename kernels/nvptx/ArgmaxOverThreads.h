//===- ArgmaxOverThreads.h - The largest value of many threads --*- C++ -*-===//
//
// The rule of every argmax: the largest value, the lowest index among equals;
// a NaN counts as -infinity.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_ARGMAXOVERTHREADS_H
#define QUIPU_KERNELS_NVPTX_ARGMAXOVERTHREADS_H

#include "kernels/nvptx/KernelFunction.h"

namespace quipu::gpu {

/// A value (f32) and its index (i32).
struct Candidate {
  mlir::Value value, index;
};

/// Loses to every other candidate.
Candidate noCandidate(KernelFunction &f);

/// `value`, or -infinity where it is a NaN, at `index`.
Candidate candidate(KernelFunction &f, mlir::Value value, mlir::Value index);

Candidate better(KernelFunction &f, Candidate left, Candidate right);

/// The best over the warp, in every lane.
Candidate bestOverWarp(KernelFunction &f, Candidate candidate);

/// The best over the block, in every thread. Uses shared memory and barriers:
/// all threads call it.
Candidate bestOverBlock(KernelFunction &f, Candidate candidate);

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_ARGMAXOVERTHREADS_H
