//===- Registration.cpp - What every tool knows ---------------------------===//
//
// A list; a new dialect or pass library adds a line to each function.
//
//===----------------------------------------------------------------------===//

#include "compiler/Registration.h"

#include "dialects/kernel/Dialect.h"
#include "dialects/llama/Dialect.h"
#include "dialects/plan/Dialect.h"
#include "kernels/cpu/InlineMath.h"
#include "kernels/nvptx/ApproximateMath.h"
#include "kernels/schedules/Passes.h"
#include "passes/conversion/Passes.h"
#include "passes/llama/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/Passes.h"

void quipu::registerDialects(mlir::DialectRegistry &registry) {
  registry.insert<kernel::KernelDialect, llama::LlamaDialect,
                  planir::PlanDialect>();

  registry.insert<mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect,
                  mlir::func::FuncDialect, mlir::LLVM::LLVMDialect,
                  mlir::math::MathDialect, mlir::memref::MemRefDialect,
                  mlir::scf::SCFDialect, mlir::vector::VectorDialect>();
}

void quipu::registerPasses() {
  registerApproximateMathPass();
  registerInlineMathPass();
  llama::registerLlamaPasses();
  registerConversionPasses();
  registerSchedulesPasses();
  mlir::registerTransformsPasses();
  mlir::registerArithToLLVMConversionPass();
  mlir::registerConvertControlFlowToLLVMPass();
  mlir::registerConvertFuncToLLVMPass();
  mlir::registerConvertMathToLLVMPass();
  mlir::registerConvertVectorToLLVMPass();
  mlir::registerConvertVectorToSCF();
  mlir::registerFinalizeMemRefToLLVMConversionPass();
  mlir::registerReconcileUnrealizedCastsPass();
  mlir::registerSCFToControlFlowPass();
}
