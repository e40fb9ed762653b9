//===- ArenaAllocation.cpp - Offsets by liveness --------------------------===//
//
// First fit in order of first use: a step is a chain, so few buffers are alive
// at any time and better packing has nothing to gain.
//
//===----------------------------------------------------------------------===//

#include "passes/conversion/KernelToPlan/ArenaAllocation.h"

#include "dialects/plan/Dialect.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace quipu;

int64_t quipu::allocateArena(llvm::MutableArrayRef<ArenaBuffer> buffers) {
  llvm::SmallVector<ArenaBuffer *> placed;
  int64_t end = 0;
  for (ArenaBuffer &buffer : buffers) {
    // Neighbours that are alive together with this one, by offset.
    llvm::SmallVector<ArenaBuffer *> alive;
    for (ArenaBuffer *other : placed)
      if (other->first <= buffer.last && buffer.first <= other->last)
        alive.push_back(other);
    llvm::sort(alive, [](const ArenaBuffer *a, const ArenaBuffer *b) {
      return a->offset < b->offset;
    });
    int64_t offset = 0;
    for (const ArenaBuffer *other : alive) {
      if (offset + buffer.bytes <= other->offset)
        break;
      offset =
          std::max<int64_t>(offset, llvm::alignTo(other->offset + other->bytes,
                                                  planir::arenaAlignment));
    }
    buffer.offset = offset;
    placed.push_back(&buffer);
    end = std::max(end, offset + buffer.bytes);
  }
  return llvm::alignTo(end, planir::arenaAlignment);
}
