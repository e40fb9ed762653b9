//===- CpuMachine.cpp - Kernels on the processor, for tests ---------------===//
//
// A call of the compiled kernel for each part of the tiles. What it only reads
// lies against an unreadable page.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/cpu/CpuMachine.h"

#include "kernels/schedules/CpuSchedules.h"
#include "test/kernels/GuardedBuffer.h"
#include "test/kernels/cpu/RunKernel.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::test;

void CpuMachine::registerDialects(DialectRegistry &registry) const {
  registerCpuBackend(registry);
}

void CpuMachine::schedule(Operation *skeleton, int64_t maxTokens) const {
  if (!kernel::getSchedule(skeleton))
    kernel::setSchedule(skeleton, chooseTiles(skeleton, maxTokens));
  if (kernel::getSchedule(skeleton).getVector() != variant.lanes)
    kernel::setSchedule(skeleton, chooseVariant(skeleton, variant));
}

void CpuMachine::run(func::FuncOp function, ArrayRef<LaunchBuffer> buffers,
                     const KernelDims &dims, int64_t tiles, int calls) const {
  CompiledKernel kernel(function->getParentOfType<ModuleOp>(),
                        function.getName(), variant);
  SmallVector<void *> pointers;
  std::vector<std::unique_ptr<GuardedBuffer>> inputs;
  for (const LaunchBuffer &buffer : buffers) {
    pointers.push_back(buffer.data);
    if (buffer.writable)
      continue;
    inputs.push_back(std::make_unique<GuardedBuffer>(buffer.bytes));
    std::memcpy(inputs.back()->data(), buffer.data, buffer.bytes);
    pointers.back() = inputs.back()->data();
  }
  for (int call = 0; call < calls; ++call)
    kernel.run(pointers, dims, tiles * call / calls,
               tiles * (call + 1) / calls);
  if (kernel.hasMerge())
    kernel.merge(pointers, dims, 0, dims.tokens);
}
