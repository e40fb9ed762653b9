//===- Frame.h - The values of a function while it runs ---------*- C++ -*-===//
//
// What skeletons read their operands from, with the options of the run. Values
// are shared and never changed once set, like the IR's.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_INTERPRETERS_KERNEL_FRAME_H
#define QUIPU_INTERPRETERS_KERNEL_FRAME_H

#include "interpreters/kernel/KernelInterpreter.h"

#include <memory>

namespace quipu::kernel {

class Frame {
public:
  using Shared = std::shared_ptr<const StepValue>;

  explicit Frame(const KernelInterpreterOptions &options) : options(options) {}

  void set(mlir::Value value, Shared shared) { values[value] = shared; }
  void set(mlir::Value value, StepValue content) {
    values[value] = std::make_shared<const StepValue>(std::move(content));
  }
  Shared shared(mlir::Value value) const { return values.lookup(value); }

  const StepValue &get(mlir::Value value) const { return *shared(value); }
  const DenseTensor &dense(mlir::Value value) const {
    return std::get<DenseTensor>(get(value));
  }
  const KvState &kv(mlir::Value value) const {
    return std::get<KvState>(get(value));
  }

  /// The schedule of `skeleton`, or that of the options where it has none.
  ScheduleAttr schedule(mlir::Operation *skeleton) const;
  /// 0 .. count - 1 in the order in which this run takes tiles.
  std::vector<int64_t> tileOrder(int64_t count) const;

  const KernelInterpreterOptions &options;

private:
  llvm::DenseMap<mlir::Value, Shared> values;
};

} // namespace quipu::kernel

#endif // QUIPU_INTERPRETERS_KERNEL_FRAME_H
