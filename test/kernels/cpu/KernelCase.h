//===- KernelCase.h - A kernel against the interpreter ----------*- C++ -*-===//
//
// Runs one kernel function, given as text, on random tensors: once as compiled
// code and once in double precision, and measures how far apart they are.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_KERNELS_CPU_KERNELCASE_H
#define QUIPU_TEST_KERNELS_CPU_KERNELCASE_H

#include "test/kernels/cpu/RunKernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace quipu::test {

struct KernelCase {
  /// A module with one function; `?` dimensions are `tokens`.
  std::string text;
  int64_t tokens = 1;
  /// Bound that tiles are chosen for; 0: tokens.
  int64_t maxTokens = 0;
  /// Contents of the i32 arguments, in order (slots, positions, rows).
  std::vector<std::vector<int32_t>> indices = {};
  /// Slots of KV caches.
  int64_t slots = 0;
  /// Calls that the launch's tiles are divided among.
  int calls = 1;
};

/// The only function of `module`, with decoders beside it and a schedule for
/// `variant` and up to `maxTokens` on its skeleton.
mlir::func::FuncOp scheduledKernel(mlir::ModuleOp module,
                                   const CpuVariant &variant,
                                   int64_t maxTokens);
mlir::Operation *skeletonOf(mlir::func::FuncOp function);
/// Tiles of a launch over `leading` tokens or rows.
int64_t tilesOf(mlir::Operation *skeleton, int64_t leading);

/// The largest ||compiled - reference|| / ||reference|| of any result or KV
/// cache; infinite where shapes, or indices of argmax, differ.
double relativeError(const KernelCase &test, const CpuVariant &variant);

} // namespace quipu::test

#endif // QUIPU_TEST_KERNELS_CPU_KERNELCASE_H
