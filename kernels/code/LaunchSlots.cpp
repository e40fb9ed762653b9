//===- LaunchSlots.cpp - The order of a launch's pointers -----------------===//
//
// Counts types: a KV cache takes two slots as an argument and none as a result.
//
//===----------------------------------------------------------------------===//

#include "kernels/code/LaunchSlots.h"

#include "dialects/kernel/Dialect.h"

using namespace mlir;
using namespace quipu;

int64_t LaunchSlots::slotsBefore(unsigned argument) const {
  int64_t count = 0;
  for (Type type : kernel.getArgumentTypes().take_front(argument))
    count += isa<llama::KvType>(type) ? 2 : 1;
  return count;
}

int64_t LaunchSlots::argument(Value kernelArgument) const {
  auto argument = cast<BlockArgument>(kernelArgument);
  assert(argument.getOwner() == &kernel.getBody().front() &&
         "a skeleton uses the arguments of its function");
  return slotsBefore(argument.getArgNumber());
}

int64_t LaunchSlots::work() const {
  return slotsBefore(kernel.getNumArguments());
}

int64_t LaunchSlots::firstResult() const {
  bool hasWork = !kernel.getOps<kernel::AttentionPrefillOp>().empty();
  return work() + hasWork;
}

int64_t LaunchSlots::result(unsigned index) const {
  return firstResult() + index;
}

int64_t LaunchSlots::partials() const {
  return firstResult() + llvm::count_if(kernel.getResultTypes(), [](Type type) {
           return !isa<llama::KvType>(type);
         });
}
