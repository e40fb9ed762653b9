//===- Passes.td - Choosing schedules -------------------------------------===//
//
// The pass around the tables of tile sizes.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_SCHEDULES_PASSES_TD
#define QUIPU_KERNELS_SCHEDULES_PASSES_TD

include "mlir/Pass/PassBase.td"

def KernelChooseTilesPass : Pass<"kernel-choose-tiles", "::mlir::ModuleOp"> {
  let summary = "give every skeleton its tile sizes";
  let description = [{
    Sets the schedule of each skeleton that has none, from the one table of its
    kind of device (CpuSchedules.cpp, GpuSchedules.cpp). Tiles decide grids, so
    they are chosen before the plan and are the same for all CPU variants; unrolls
    and lanes follow per variant. GPU targets share a schedule too, which keeps
    within the least that any GPU has on which code for `gpu-targets` runs: code
    for sm_80 runs on later GPUs, some of which have less shared memory. A schedule
    that stands in the IR is kept.

    Before: `kernel.matvec "qkv" tokens -> ...`
    After: `kernel.matvec "qkv" tokens schedule <row_tile = 32, ...> -> ...`
  }];
  let dependentDialects = ["::quipu::kernel::KernelDialect"];
  let options = [
    ListOption<"gpuTargets", "gpu-targets", "std::string",
               "GPU targets of the package: sm_80, sm_90a, ...; by default all">,
  ];
}

#endif // QUIPU_KERNELS_SCHEDULES_PASSES_TD
