//===- KernelInterpreter.h - Runs skeletons in double precision -*- C++ -*-===//
//
// The reference meaning of the kernel dialect, written for clarity. It follows
// the algorithm and not only the formula: tiles of dialects/kernel/Tiling.h,
// scales after dot products, couples, online softmax, splits and merges.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_INTERPRETERS_KERNEL_KERNELINTERPRETER_H
#define QUIPU_INTERPRETERS_KERNEL_KERNELINTERPRETER_H

#include "dialects/kernel/Dialect.h"
#include "interpreters/StepState.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>

namespace quipu::kernel {

struct KernelInterpreterOptions {
  KvRounding rounding = KvRounding::stored;
  /// Tiles run, and partial results are merged, in ascending order, or in an
  /// order that this seed gives: results may not depend on it.
  std::optional<uint64_t> shuffleSeed;
  /// Tokens of context in a split of attention_decode.
  int64_t splitLength = 16;
  /// Splits beyond the end of every context, which merges must ignore.
  int64_t emptySplits = 1;
  /// Rows of a rope table that are made; to read beyond them is an error.
  int64_t maxPositions = 256;
  /// Sizes for skeletons without a schedule: small and odd, so that tiles end
  /// inside heads, pages and blocks.
  int64_t rowTile = 6, tokenTile = 3, kvTile = 5;
};

/// Runs `function`, whose body holds kernel.param, skeletons, calls of other
/// such functions and func.return; its results in order. A value of a tensor
/// type is a DenseTensor or, for parameters, a StoredTensor; of !llama.kv, a
/// KvState. `parameters` gives the bytes that kernel.param names. Fails with an
/// error at an op that cannot be interpreted or at an index out of range.
mlir::FailureOr<std::vector<StepValue>>
interpretKernels(mlir::func::FuncOp function, std::vector<StepValue> arguments,
                 const ParameterSource &parameters,
                 const KernelInterpreterOptions &options = {});

} // namespace quipu::kernel

#endif // QUIPU_INTERPRETERS_KERNEL_KERNELINTERPRETER_H
