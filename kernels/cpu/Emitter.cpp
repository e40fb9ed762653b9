//===- Emitter.cpp - Kernels as CPU code ----------------------------------===//
//
// Finds the skeleton of a kernel function and hands it to its emitter.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/Emitter.h"

#include "kernels/cpu/Attention.h"
#include "kernels/cpu/RowKernels.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu;

LogicalResult quipu::emitCpuKernel(func::FuncOp kernel,
                                   const CpuVariant &variant, ModuleOp module) {
  MLIRContext *context = kernel.getContext();
  context->loadDialect<LLVM::LLVMDialect, scf::SCFDialect>();
  Operation *skeleton = nullptr;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (!kernel::isSkeleton(&op) || skeleton)
      return op.emitOpError() << "expected one skeleton in a kernel function";
    skeleton = &op;
  }
  if (!skeleton)
    return kernel.emitOpError() << "expected one skeleton in a kernel function";
  if (!kernel::getSchedule(skeleton))
    return skeleton->emitOpError() << "expected a schedule";
  return TypeSwitch<Operation *, LogicalResult>(skeleton)
      .Case([&](kernel::AttentionDecodeOp op) {
        return cpu::emitAttentionDecode(op, kernel, variant, module);
      })
      .Case([&](kernel::AttentionPrefillOp op) {
        return cpu::emitAttentionPrefill(op, kernel, variant, module);
      })
      .Case([&](kernel::MatvecOp op) {
        return cpu::emitMatvec(op, kernel, variant, module);
      })
      .Case([&](kernel::MatmulOp op) {
        return cpu::emitMatmul(op, kernel, variant, module);
      })
      .Case([&](kernel::RowwiseOp op) {
        return cpu::emitRowwise(op, kernel, variant, module);
      });
}
