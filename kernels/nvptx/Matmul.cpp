//===- Matmul.cpp - Weight rows times many rows of activations ------------===//
//
// Chooses between the two emitters, as the schedule says.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/Matmul.h"

#include "dialects/kernel/Tiling.h"
#include "kernels/nvptx/Skeletons.h"

using namespace mlir;
using namespace quipu;

LogicalResult gpu::emitMatmul(kernel::MatmulOp op, func::FuncOp kernel,
                              const GpuTarget &target, ModuleOp module) {
  kernel::ScheduleAttr schedule = kernel::getSchedule(op);
  KernelFunction f(kernel, "", schedule.getThreads(), target, module);
  MatmulTiles tiles(f, op);
  if (failed(tiles.check()) ||
      failed(schedule.getStages() == 0 ? emitStreamedMatmul(tiles)
                                       : emitStagedMatmul(tiles)))
    return failure();
  f.finish();
  if (kernel::hasMerge(op))
    emitArgmaxMerge(op, kernel, target, module);
  return success();
}
