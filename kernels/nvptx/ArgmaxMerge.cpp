//===- ArgmaxMerge.cpp - The best of all row tiles ------------------------===//
//
// A tile is one token (or row of logits) and the work of one block, whose
// threads divide the partial results {f32 value, i32 index} of the row tiles.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "kernels/nvptx/ArgmaxOverThreads.h"
#include "kernels/nvptx/RowSegment.h"
#include "kernels/nvptx/Skeletons.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Destination;

void gpu::emitArgmaxMerge(Operation *op, func::FuncOp kernel,
                          const GpuTarget &target, ModuleOp module) {
  kernel::ScheduleAttr schedule = kernel::getSchedule(op);
  KernelFunction f(kernel, kernel::mergeSuffix, schedule.getThreads(), target,
                   module);
  int64_t all = kernel::rowTiles(op), before = 0, count = 0;
  unsigned result = 0;
  for (RowSegment &segment : makeSegments(f, op)) {
    count = kernel::rowTiles(segment.op, schedule);
    result = segment.resultIndex;
    if (segment.op.getDestination() == Destination::argmax)
      break;
    before += count;
  }
  auto domain = op->getAttrOfType<kernel::DomainAttr>("domain").getValue();
  bool rows = domain == kernel::Domain::rows;
  f.forTiles(f.dim(rows ? Dim::rows : Dim::tokens), [&](Value token) {
    Value partials =
        f.element(f.partialsPointer(), f.add(f.mul(token, all), before), 8);
    Candidate none = noCandidate(f);
    SmallVector<Value> best = f.loop(
        f.thread(), f.i32(int32_t(count)), f.threads, {none.value, none.index},
        [&](Value tile, ValueRange was) -> SmallVector<Value> {
          Value partial = f.element(partials, tile, 8);
          Value value = f.load(f.floats(1), partial, 8);
          Value index = f.load(f.b.getI32Type(), f.at(partial, 4), 4);
          Candidate next = better(f, {was[0], was[1]}, {value, index});
          return {next.value, next.index};
        });
    Candidate winner = bestOverBlock(f, {best[0], best[1]});
    Value first = arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq,
                                        f.thread(), f.i32(0));
    f.when(first, [&] {
      f.store(winner.index, f.element(f.resultPointer(result), token, 4), 4);
    });
  });
  f.finish();
}
