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

static LogicalResult emitSkeleton(Operation *skeleton, func::FuncOp kernel,
                                  const GpuTarget &target, ModuleOp module) {
  return TypeSwitch<Operation *, LogicalResult>(skeleton)
      .Case([&](kernel::MatvecOp op) {
        return quipu::gpu::emitMatvec(op, kernel, target, module);
      })
      .Case([&](kernel::MatmulOp op) {
        return quipu::gpu::emitMatmul(op, kernel, target, module);
      })
      .Case([&](kernel::RowwiseOp op) {
        return quipu::gpu::emitRowwise(op, kernel, target, module);
      })
      .Case([&](kernel::AttentionDecodeOp op) {
        return quipu::gpu::emitAttentionDecode(op, kernel, target, module);
      })
      .Case([&](kernel::AttentionPrefillOp op) {
        return quipu::gpu::emitAttentionPrefill(op, kernel, target, module);
      })
      .Default(
          [](Operation *op) { return op->emitOpError() << "has no GPU code"; });
}

LogicalResult quipu::emitGpuKernel(func::FuncOp kernel, const GpuTarget &target,
                                   ModuleOp module) {
  MLIRContext *context = kernel.getContext();
  context->loadDialect<LLVM::LLVMDialect, NVVM::NVVMDialect, scf::SCFDialect>();
  Operation *skeleton = &kernel.getBody().front().front();
  assert(kernel::isSkeleton(skeleton) && "a kernel function holds a skeleton");
  kernel::ScheduleAttr schedule = kernel::getSchedule(skeleton);
  if (!schedule || schedule.getThreads() == 0)
    return skeleton->emitOpError() << "expected a schedule with threads";
  const GpuLimits &limits = target.limits;
  if (schedule.getThreads() > limits.threadsPerBlock)
    return skeleton->emitOpError()
           << "expected a schedule of at most " << limits.threadsPerBlock
           << " threads, which a block has on " << target.name << ", found "
           << schedule.getThreads();
  if (failed(emitSkeleton(skeleton, kernel, target, module)))
    return failure();
  auto entry = module.lookupSymbol<func::FuncOp>(kernel.getName());
  auto bytes = entry->getAttrOfType<IntegerAttr>(sharedBytesAttrName);
  if (bytes.getInt() <= limits.sharedPerBlock)
    return success();
  InFlightDiagnostic error = skeleton->emitOpError()
                             << "expected at most " << limits.sharedPerBlock
                             << " bytes of shared memory, which a block has on "
                             << target.name << ", found " << bytes.getInt();
  if (isa<kernel::MatvecOp>(skeleton))
    error.attachNote() << "a smaller row_unroll or fewer threads take less";
  return error;
}
