//===- Payload.h - Runs a payload region on numbers -------------*- C++ -*-===//
//
// The meaning of map, statistic, scale and epilogue regions: scalar arith and
// math ops, computed in double. Constants keep the f32 value that they have.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_INTERPRETERS_KERNEL_PAYLOAD_H
#define QUIPU_INTERPRETERS_KERNEL_PAYLOAD_H

#include "dialects/kernel/Dialect.h"

namespace quipu::kernel {

/// Runs `region`, a block of f32 scalars that ends in kernel.yield, on
/// `arguments`; the values it yields. Fails with an error at an op that has no
/// meaning here.
mlir::FailureOr<llvm::SmallVector<double>>
evaluatePayload(mlir::Region &region, llvm::ArrayRef<double> arguments);

} // namespace quipu::kernel

#endif // QUIPU_INTERPRETERS_KERNEL_PAYLOAD_H
