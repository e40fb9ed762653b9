//===- LaunchSlots.h - The order of a launch's pointers ---------*- C++ -*-===//
//
// Which pointer of a launch belongs to what: the arguments of the kernel
// function in order, then the work list, the results and the partial results.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CODE_LAUNCHSLOTS_H
#define QUIPU_KERNELS_CODE_LAUNCHSLOTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quipu {

/// Numbers the pointers of the launches of one kernel function, as
/// kernel-to-plan lists them.
class LaunchSlots {
public:
  explicit LaunchSlots(mlir::func::FuncOp kernel) : kernel(kernel) {}

  /// Of an argument of the kernel function; of the keys for a KV cache, whose
  /// values follow.
  int64_t argument(mlir::Value kernelArgument) const;
  /// The attention_prefill work list (WorkItem array).
  int64_t work() const;
  /// The skeleton's result `index`, counted without KV caches.
  int64_t result(unsigned index) const;
  /// The partial results of a kernel with a merge.
  int64_t partials() const;
  /// All of them; `merges`: with partial results.
  int64_t count(bool merges) const { return partials() + merges; }

private:
  int64_t slotsBefore(unsigned argument) const;
  int64_t firstResult() const;

  mutable mlir::func::FuncOp kernel;
};

} // namespace quipu

#endif // QUIPU_KERNELS_CODE_LAUNCHSLOTS_H
