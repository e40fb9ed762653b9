//===- KernelChooseTiles.cpp - Tile sizes for every skeleton --------------===//
//
// A shell around the tables of tiles: it finds the device and the bound that a
// skeleton runs under, and what the GPUs of the package have.
//
//===----------------------------------------------------------------------===//

#include "kernels/schedules/CpuSchedules.h"
#include "kernels/schedules/GpuSchedules.h"
#include "kernels/schedules/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace quipu {
#define GEN_PASS_DEF_KERNELCHOOSETILESPASS
#include "kernels/schedules/Passes.h.inc"
} // namespace quipu

using namespace mlir;
using namespace quipu;

/// Most tokens or rows that `skeleton`, in a step of `bucket`, runs with.
static int64_t leadingBound(Operation *skeleton, llama::BucketAttr bucket) {
  if (!bucket)
    return std::numeric_limits<int64_t>::max();
  auto domain = skeleton->getAttrOfType<kernel::DomainAttr>("domain");
  bool rows = domain && domain.getValue() == kernel::Domain::rows;
  return rows ? bucket.getMaxRows() : bucket.getMaxTokens();
}

namespace {
struct KernelChooseTiles
    : quipu::impl::KernelChooseTilesPassBase<KernelChooseTiles> {
  using KernelChooseTilesPassBase::KernelChooseTilesPassBase;

  /// What GPU schedules have to keep within; nothing for an option that is
  /// wrong.
  std::optional<GpuLimits> limits() {
    SmallVector<const GpuTarget *> targets;
    for (const std::string &name : gpuTargets) {
      const GpuTarget *target = findGpuTarget(name);
      if (!target) {
        InFlightDiagnostic error = getOperation().emitError()
                                   << "kernel-choose-tiles: unknown GPU "
                                      "target '"
                                   << name << "'; known are ";
        llvm::interleaveComma(
            quipu::gpuTargets, error,
            [&](const GpuTarget &each) { error << each.name; });
        return std::nullopt;
      }
      targets.push_back(target);
    }
    GpuLimits least = leastLimits(targets);
    int64_t bytes = sharedBytes;
    if (bytes < 0) {
      getOperation().emitError()
          << "kernel-choose-tiles: shared-bytes: expected at least 0, found "
          << bytes;
      return std::nullopt;
    }
    if (bytes > 0)
      least.sharedPerBlock = std::min(least.sharedPerBlock, bytes);
    return least;
  }

  void runOnOperation() override {
    std::optional<GpuLimits> least = limits();
    if (!least)
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      auto bucket =
          function->getAttrOfType<llama::BucketAttr>(llama::bucketAttrName);
      bool gpu = llama::deviceOf(function) == llama::DeviceKind::gpu;
      function.walk([&](Operation *op) {
        if (!kernel::isSkeleton(op) || kernel::getSchedule(op))
          return;
        int64_t bound = leadingBound(op, bucket);
        kernel::setSchedule(op, gpu ? chooseGpuSchedule(op, bound, *least)
                                    : chooseTiles(op, bound));
      });
    }
  }
};
} // namespace
