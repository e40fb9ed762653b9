//===- Emitter.cpp - Kernels as GPU code ----------------------------------===//
//
// Finds the skeleton of a kernel function and hands it to its emitter.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/Emitter.h"

#include "kernels/nvptx/Skeletons.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu;

LogicalResult quipu::emitGpuKernel(func::FuncOp kernel, const GpuTarget &target,
                                   ModuleOp module) {
  MLIRContext *context = kernel.getContext();
  context->loadDialect<LLVM::LLVMDialect, NVVM::NVVMDialect, scf::SCFDialect>();
  Operation *skeleton = &kernel.getBody().front().front();
  assert(kernel::isSkeleton(skeleton) && "a kernel function holds a skeleton");
  kernel::ScheduleAttr schedule = kernel::getSchedule(skeleton);
  if (!schedule || schedule.getThreads() == 0)
    return skeleton->emitOpError() << "expected a schedule with threads";
  return TypeSwitch<Operation *, LogicalResult>(skeleton)
      .Case([&](kernel::MatvecOp op) {
        return gpu::emitMatvec(op, kernel, target, module);
      })
      .Case([&](kernel::MatmulOp op) {
        return gpu::emitMatmul(op, kernel, target, module);
      })
      .Case([&](kernel::RowwiseOp op) {
        return gpu::emitRowwise(op, kernel, target, module);
      })
      .Case([&](kernel::AttentionDecodeOp op) {
        return gpu::emitAttentionDecode(op, kernel, target, module);
      })
      .Case([&](kernel::AttentionPrefillOp op) {
        return gpu::emitAttentionPrefill(op, kernel, target, module);
      })
      .Default(
          [](Operation *op) { return op->emitOpError() << "has no GPU code"; });
}
