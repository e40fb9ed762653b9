//===- CompiledKernel.h - A kernel function, compiled and run ---*- C++ -*-===//
//
// Emits a kernel for a CPU variant and compiles it in memory, so that emitters
// can be tested and measured without a package or a runtime.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_KERNELS_CPU_COMPILEDKERNEL_H
#define QUIPU_TEST_KERNELS_CPU_COMPILEDKERNEL_H

#include "kernels/cpu/CpuVariant.h"
#include "runtime/package/KernelAbi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <string>
#include <vector>

namespace quipu::test {

/// The dialects that kernels and their code are written in.
std::unique_ptr<mlir::MLIRContext> makeContext();

/// Whether this machine runs code for `variant`.
bool canRun(const CpuVariant &variant);

class CompiledKernel {
public:
  /// Compiles the first function with a body in `module`, whose skeleton's
  /// schedule is chosen for `maxTokens` and `variant` if it has none. Aborts
  /// on an error. QUIPU_DUMP_LLVM=FILE keeps the optimized LLVM IR.
  CompiledKernel(mlir::ModuleOp module, const CpuVariant &variant,
                 int64_t maxTokens);
  ~CompiledKernel();

  mlir::func::FuncOp function;
  mlir::Operation *skeleton;
  int64_t scratchBytes = 0;
  KernelFunction entry = nullptr;
  KernelFunction merge = nullptr;
  int64_t mergeScratchBytes = 0;
  double emitSeconds = 0, compileSeconds = 0;

  /// Tiles of a launch over `leading` tokens or rows.
  int64_t tiles(int64_t leading) const;
  /// Runs all tiles on `threads` calls one after another, then the merge.
  void run(const std::vector<void *> &arguments, const KernelDims &dims,
           int64_t leading, int calls = 1) const;

private:
  struct Jit;
  std::unique_ptr<Jit> jit;
};

} // namespace quipu::test

#endif // QUIPU_TEST_KERNELS_CPU_COMPILEDKERNEL_H
