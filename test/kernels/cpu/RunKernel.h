//===- RunKernel.h - One kernel, emitted and called -------------*- C++ -*-===//
//
// Takes a kernel function as IR through the emitters and the CPU back end, and
// runs its tiles on buffers of a test.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_KERNELS_CPU_RUNKERNEL_H
#define QUIPU_TEST_KERNELS_CPU_RUNKERNEL_H

#include "test/compiler/cpu/LoadedImage.h"

#include "mlir/IR/OwningOpRef.h"

#include <optional>

namespace quipu::test {

/// A context with every dialect that kernels and emitted code use.
std::unique_ptr<mlir::MLIRContext> createKernelContext();

/// A kernel compiled for one variant.
class CompiledKernel {
public:
  /// Compiles the func.func called `name` of `source`, with its merge where it
  /// has one. Aborts, after printing why, when that fails.
  CompiledKernel(mlir::ModuleOp source, llvm::StringRef name,
                 const CpuVariant &variant);

  /// Runs tiles [begin, end) on `arguments` (see kernels/cpu/Emitter.h for
  /// their order), with scratch memory of exactly the size asked for.
  void run(llvm::ArrayRef<void *> arguments, const KernelDims &dims,
           int64_t begin, int64_t end) const;
  /// The same for the merge.
  void merge(llvm::ArrayRef<void *> arguments, const KernelDims &dims,
             int64_t begin, int64_t end) const;

  bool hasMerge() const { return image.offsets.size() == 2; }
  const CpuImage &code() const { return image; }

private:
  void call(size_t entry, llvm::ArrayRef<void *> arguments,
            const KernelDims &dims, int64_t begin, int64_t end) const;

  CpuImage image;
  std::optional<LoadedImage> loaded;
};

/// Compiles the function called `name` of the module with the text `source`.
CompiledKernel compileKernel(llvm::StringRef source, llvm::StringRef name,
                             const CpuVariant &variant);

} // namespace quipu::test

#endif // QUIPU_TEST_KERNELS_CPU_RUNKERNEL_H
