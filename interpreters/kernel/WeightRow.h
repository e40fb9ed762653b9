//===- WeightRow.h - A weight's row as a kernel sees it ---------*- C++ -*-===//
//
// Keeps quantized rows in parts, so that a scale is applied after its part's
// dot product, as the kernel.decoder op says, and not element by element.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_INTERPRETERS_KERNEL_WEIGHTROW_H
#define QUIPU_INTERPRETERS_KERNEL_WEIGHTROW_H

#include "interpreters/StepState.h"
#include "interpreters/kernel/DecodeBlock.h"

namespace quipu::kernel {

/// One row of K elements; `values` for float types, `parts` for quantized ones.
struct WeightRow {
  std::vector<double> values;
  std::vector<DecodedPart> parts;

  /// sum_k row[k] * x[k].
  double dot(std::span<const double> x) const;
  /// The row's elements.
  std::vector<double> elements() const;
};

/// Row `i` of `matrix`, a dense or a stored tensor; `decoder` reads the blocks
/// of a quantized one and is null otherwise.
mlir::FailureOr<WeightRow> readRow(const StepValue &matrix, int64_t i,
                                   DecoderOp decoder);

/// The decoder that `symbol` names as seen from `op`; null without a symbol,
/// and an error if there is no such decoder.
mlir::FailureOr<DecoderOp> findDecoder(mlir::Operation *op,
                                       mlir::FlatSymbolRefAttr symbol);

} // namespace quipu::kernel

#endif // QUIPU_INTERPRETERS_KERNEL_WEIGHTROW_H
