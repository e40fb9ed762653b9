//===- Skeletons.h - Running one skeleton -----------------------*- C++ -*-===//
//
// The two families of skeletons as functions from a frame to their results.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_INTERPRETERS_KERNEL_SKELETONS_H
#define QUIPU_INTERPRETERS_KERNEL_SKELETONS_H

#include "interpreters/kernel/Frame.h"

namespace quipu::kernel {

/// Results of `skeleton`, a matvec, matmul or rowwise.
mlir::FailureOr<std::vector<StepValue>>
runRowSkeleton(mlir::Operation *skeleton, const Frame &frame);

/// Result of attention with the context split over tiles, merged.
mlir::FailureOr<StepValue> runAttentionDecode(AttentionDecodeOp op,
                                              const Frame &frame);

/// Result of attention with an online softmax over tiles of the context.
mlir::FailureOr<StepValue> runAttentionPrefill(AttentionPrefillOp op,
                                               const Frame &frame);

} // namespace quipu::kernel

#endif // QUIPU_INTERPRETERS_KERNEL_SKELETONS_H
