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
    and lanes follow per variant. GPU targets share a schedule too. Of a staged
    matmul and of prefill on tensor cores it keeps within the least shared memory
    that any GPU has on which code for `gpu-targets` runs: code for sm_80 runs on
    later GPUs, some of which have less. Whatever takes too much is refused when it
    is emitted. A schedule that stands in the IR is kept.

    Before: `kernel.matvec "qkv" tokens -> ...`
    After: `kernel.matvec "qkv" tokens schedule <row_tile = 32, ...> -> ...`
  }];
  let dependentDialects = ["::quipu::kernel::KernelDialect"];
  let options = [
    ListOption<"gpuTargets", "gpu-targets", "std::string",
               "GPU targets of the package: sm_80, sm_90a, ...; by default all">,
    Option<"sharedBytes", "shared-bytes", "int64_t", /*default=*/"0",
           "shared memory of a block to keep within, where that is less than the "
           "GPUs of the targets have; 0: what they have">,
  ];
}

#endif // QUIPU_KERNELS_SCHEDULES_PASSES_TD
