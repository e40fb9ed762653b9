//===- DotRows.h - Weight rows times activations ----------------*- C++ -*-===//
//
// The inner loop of matvec and of matmul with few tokens: weights go from
// memory to products without being stored in between.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_DOTROWS_H
#define QUIPU_KERNELS_CPU_DOTROWS_H

#include "kernels/cpu/BlockDecoder.h"

namespace quipu::cpu {

/// Rows of one weight: equally many from each of some places on, a power of
/// two and at most the lanes together.
struct WeightRows {
  llvm::SmallVector<mlir::Value, 2> firsts; // addresses of first rows
  int64_t stride;                           // bytes from one row to the next
  int64_t each;                             // rows from each place on
  mlir::Type stored;                        // element type
  const BlockDecoder *decoder;              // null for floats
  int64_t columns;                          // K

  int64_t count() const { return int64_t(firsts.size()) * each; }
};

/// Prepared activations of some tokens.
struct ActivationRows {
  mlir::Value first; // address of the first row, f32, zero-padded to the lanes
  int64_t stride;    // bytes from one row to the next
  int64_t count;     // tokens
  mlir::Value sums;  // of the only token, by prepareSums; or null
};

/// Sums over K of weight times activation: for each token in order, one vector
/// with a lane for each row (a scalar for one row), place after place.
llvm::SmallVector<mlir::Value> dotRows(KernelFunction &f,
                                       const WeightRows &weights,
                                       const ActivationRows &activations);

} // namespace quipu::cpu

#endif // QUIPU_KERNELS_CPU_DOTROWS_H
