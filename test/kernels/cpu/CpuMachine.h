//===- CpuMachine.h - Kernels on the processor, for tests -------*- C++ -*-===//
//
// Runs kernel cases as code for one CPU variant.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_KERNELS_CPU_CPUMACHINE_H
#define QUIPU_TEST_KERNELS_CPU_CPUMACHINE_H

#include "kernels/cpu/CpuVariant.h"
#include "test/kernels/KernelCase.h"

namespace quipu::test {

class CpuMachine final : public KernelMachine {
public:
  explicit CpuMachine(const CpuVariant &variant) : variant(variant) {}

  void registerDialects(mlir::DialectRegistry &registry) const override;
  void schedule(mlir::Operation *skeleton, int64_t maxTokens) const override;
  void run(mlir::func::FuncOp function, llvm::ArrayRef<LaunchBuffer> buffers,
           const KernelDims &dims, int64_t tiles, int calls) const override;

private:
  const CpuVariant &variant;
};

} // namespace quipu::test

#endif // QUIPU_TEST_KERNELS_CPU_CPUMACHINE_H
