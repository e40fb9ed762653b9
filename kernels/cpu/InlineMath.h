//===- InlineMath.h - Elementary functions without a library ----*- C++ -*-===//
//
// Code images import nothing, so the functions that payloads and softmax need
// are expanded into polynomials and bit operations.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_INLINEMATH_H
#define QUIPU_KERNELS_CPU_INLINEMATH_H

#include "mlir/Pass/Pass.h"

namespace quipu {

/// Pass `cpu-inline-math`: rewrites math.exp, math.exp2 and math.rsqrt on f32
/// and vectors of f32 into arith ops, math.fma and math.sqrt. Works on any op;
/// other functions and types stay as they are.
///
///   exp, exp2: relative error below 2e-7 where the result is a normal number;
///     results below the least normal number are 0, above the largest +inf, NaN
///     stays NaN. The fast-math flags `nnan` and `ninf` leave out the tests for
///     NaN and for infinite results.
///   rsqrt: 1 / sqrt(x), each operation correctly rounded.
///
/// Before: %e = math.exp2 %x : vector<16xf32>
/// After:  about 14 operations on vector<16xf32>
std::unique_ptr<mlir::Pass> createInlineMathPass();

/// Makes the pass known to command lines.
void registerInlineMathPass();

} // namespace quipu

#endif // QUIPU_KERNELS_CPU_INLINEMATH_H
