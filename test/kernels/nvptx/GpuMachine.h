//===- GpuMachine.h - Kernels in the emulator, for tests --------*- C++ -*-===//
//
// Runs kernel cases as PTX in the emulator, whose checks are part of the test,
// and keeps what it counted.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_KERNELS_NVPTX_GPUMACHINE_H
#define QUIPU_TEST_KERNELS_NVPTX_GPUMACHINE_H

#include "kernels/nvptx/GpuTarget.h"
#include "runtime/devices/emulator/Counters.h"
#include "test/kernels/KernelCase.h"

namespace quipu::test {

class GpuMachine final : public KernelMachine {
public:
  explicit GpuMachine(llvm::StringRef target = "sm_80")
      : target(*findGpuTarget(target)) {}

  void registerDialects(mlir::DialectRegistry &registry) const override;
  void schedule(mlir::Operation *skeleton, int64_t maxTokens) const override;
  /// What the emulator finds wrong is a test failure. `calls` blocks share the
  /// tiles.
  void run(mlir::func::FuncOp function, llvm::ArrayRef<LaunchBuffer> buffers,
           const KernelDims &dims, int64_t tiles, int calls) const override;

  /// Of the latest run: the kernel's, then its merge's if it has one.
  const std::vector<emulator::Counters> &counters() const { return counted; }

private:
  const GpuTarget &target;
  mutable std::vector<emulator::Counters> counted;
};

/// The PTX of `function` for `target`, its merge included.
std::string compileToPtx(mlir::func::FuncOp function, const GpuTarget &target,
                         llvm::SmallVectorImpl<int64_t> &sharedBytes);

} // namespace quipu::test

#endif // QUIPU_TEST_KERNELS_NVPTX_GPUMACHINE_H
