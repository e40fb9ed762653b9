//===- LowerToLlvm.cpp - Emitted functions to the LLVM dialect ------------===//
//
// A chain of upstream conversions behind our own mathematics. What would become
// a library call (exp, bf16 rounding without AVX512-BF16) is expanded first.
//
//===----------------------------------------------------------------------===//

#include "compiler/cpu/LowerToLlvm.h"

#include "kernels/cpu/InlineMath.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace quipu;

void quipu::buildLowerToLlvm(OpPassManager &passes, const CpuVariant &variant) {
  OpPassManager &functions = passes.nest<func::FuncOp>();
  functions.addPass(createInlineMathPass());
  functions.addPass(createSCFToControlFlowPass());
  // Without the instruction, truncation to bf16 would be a call of
  // __truncsfbf2; extension is a shift either way.
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = !variant.dotBf16;
  functions.addPass(arith::createArithExpandOpsPass(expand));

  ConvertVectorToLLVMPassOptions vectors;
  vectors.reassociateFPReductions = true; // one order of sums is not promised
  passes.addPass(createConvertVectorToLLVMPass(vectors));
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertIndexToLLVMPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createUBToLLVMConversionPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
}
