//===- ApproximateMath.h - Elementary functions of a GPU --------*- C++ -*-===//
//
// PTX has no library to call: what payloads ask for becomes the instructions of
// the special function unit.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_APPROXIMATEMATH_H
#define QUIPU_KERNELS_NVPTX_APPROXIMATEMATH_H

#include "mlir/Pass/Pass.h"

namespace quipu {

/// Pass `gpu-approximate-math`: rewrites math.exp, math.exp2 and math.rsqrt on
/// f32 into ex2.approx and rsqrt.approx, and arith.divf on f32 into a product
/// with rcp.approx. Relative error below 2^-21 where |x| < 64 for exp;
/// subnormal operands and results are flushed to 0. Vectors must have been
/// unrolled: other types stay as they are.
///
/// Before: %e = math.exp2 %x : f32
/// After:  %e = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"(%x)
std::unique_ptr<mlir::Pass> createApproximateMathPass();

/// Makes the pass known to command lines.
void registerApproximateMathPass();

} // namespace quipu

#endif // QUIPU_KERNELS_NVPTX_APPROXIMATEMATH_H
