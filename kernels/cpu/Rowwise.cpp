//===- Rowwise.cpp - Rows without a matrix --------------------------------===//
//
// A tile is token_tile tokens. Each: the prologue's row, if any, goes to
// scratch (f32), then every segment's epilogue runs over its couples.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/Activations.h"
#include "kernels/cpu/RowKernel.h"
#include "kernels/cpu/RowKernels.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;
using kernel::Destination;

/// Memory that an argmax segment's outputs stand in, one register longer.
static Value argmaxMemory(KernelFunction &f,
                          ArrayRef<std::unique_ptr<RowSegment>> segments) {
  int64_t floats = 0;
  for (const auto &segment : segments)
    if (segment->op.getDestination() == Destination::argmax)
      floats = std::max(floats, segment->couples + 2 * f.variant.lanes);
  return floats ? f.scratch(floats * 4) : Value();
}

LogicalResult cpu::emitRowwise(kernel::RowwiseOp op, func::FuncOp kernel,
                               const CpuVariant &variant, ModuleOp module) {
  KernelFunction f(kernel, "", variant, module);
  kernel::PrologueOp prologue = kernel::getPrologue(op);
  auto segments = makeSegments(f, op);
  if (failed(checkSegments(segments)))
    return failure();
  int64_t padded = 0;
  Value row;
  if (prologue) {
    padded = llvm::alignTo(columns(prologue), variant.lanes);
    row = f.scratch(padded * 4);
  }
  Value argmax = argmaxMemory(f, segments);
  bool rows = op.getDomain() == kernel::Domain::rows;
  Value leading = f.dim(rows ? Dim::rows : Dim::tokens);
  int64_t tile = kernel::getSchedule(op).getTokenTile();
  Value first = f.mul(f.begin(), tile);
  Value last = f.minimum(f.mul(f.end(), tile), leading);
  f.loop(first, last, 1, [&](Value token) {
    Value scale;
    if (prologue)
      scale = prepareRow(f, prologue, token, row, padded);
    for (const auto &segment : segments) {
      Sums sums{row, 0, f.i64(0), /*byOutput=*/true, argmax};
      Value couples = f.i64(segment->couples);
      segment->epilogue(token, scale, sums, f.i64(0), couples);
      if (segment->op.getDestination() != Destination::argmax)
        continue;
      Value index = segment->largest(sums, f.i64(0), couples).second;
      f.store(index, f.element(f.resultPointer(segment->resultIndex), token, 4),
              4);
    }
  });
  f.finish();
  return success();
}
