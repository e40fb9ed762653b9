//===- RowKernel.cpp - A matvec or matmul being emitted -------------------===//
//
// Relies on the numbering of dialects/kernel/Tiling.h: row tiles run fastest
// and never cross a segment.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/RowKernel.h"

#include "dialects/kernel/Tiling.h"
#include "kernels/cpu/Activations.h"
#include "kernels/cpu/RowKernels.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;
using kernel::Destination;

std::vector<std::unique_ptr<RowSegment>> cpu::makeSegments(KernelFunction &f,
                                                           Operation *op) {
  std::vector<std::unique_ptr<RowSegment>> segments;
  unsigned result = 0;
  for (kernel::SegmentOp segment : kernel::getSegments(op)) {
    bool isResult = segment.getDestination() == Destination::result ||
                    segment.getDestination() == Destination::argmax;
    int64_t couples =
        isa<kernel::RowwiseOp>(op)
            ? segment.getCouples()
            : kernel::tileCouples(segment, kernel::getSchedule(op));
    segments.push_back(
        std::make_unique<RowSegment>(f, segment, couples, result));
    result += isResult;
  }
  return segments;
}

LogicalResult
cpu::checkSegments(ArrayRef<std::unique_ptr<RowSegment>> segments) {
  for (const auto &segment : segments)
    if (std::string why = segment->unsupported(); !why.empty())
      return segment->op.emitOpError() << "has no CPU code: " << why;
  return success();
}

RowKernel::RowKernel(Operation *op, func::FuncOp kernel,
                     const CpuVariant &variant, ModuleOp module)
    : op(op), f(kernel, "", variant, module), schedule(kernel::getSchedule(op)),
      prologue(kernel::getPrologue(op)), segments(makeSegments(f, op)),
      columns(cpu::columns(prologue)),
      padded(llvm::alignTo(columns, 2 * variant.lanes)) {}

int64_t RowKernel::streams() const {
  return isa<kernel::MatvecOp>(op)
             ? std::max<int64_t>(1, schedule.getRowStreams())
             : 1;
}

void RowKernel::rowTiles(Value from, Value to, Value firstToken, Value tokens,
                         llvm::function_ref<void(ArrayRef<Tile>)> body) {
  int64_t before = 0;
  for (const auto &segment : segments) {
    int64_t count = kernel::rowTiles(segment->op, schedule);
    Value first = f.maximum(from, f.i64(before));
    Value last = f.minimum(to, f.i64(before + count));
    auto tileAt = [&](Value rowTile) -> Tile {
      Value couple = f.mul(f.add(rowTile, -before), segment->tileCouples);
      Value couples = f.i64(segment->tileCouples);
      if (segment->couples % segment->tileCouples)
        couples = f.minimum(couples, f.sub(f.i64(segment->couples), couple));
      return {*segment, couple, couples, rowTile, firstToken, tokens};
    };
    int64_t together = streams();
    if (segment->op.getCouple() == kernel::Couple::zip)
      together /= segment->members; // each has a stream of its own
    if (together > 1) {
      // Each from a part of the range of its own: parts are streams.
      Value length = f.maximum(f.sub(last, first), f.i64(0));
      Value part = f.divide(length, together);
      f.loop(f.i64(0), part, 1, [&](Value i) {
        SmallVector<Tile> tiles;
        for (int64_t t = 0; t < together; ++t)
          tiles.push_back(tileAt(f.add(first, f.add(f.mul(part, t), i))));
        body(tiles);
      });
      first = f.add(first, f.mul(part, together));
    }
    f.loop(first, last, 1, [&](Value rowTile) { body(tileAt(rowTile)); });
    before += count;
  }
}

void RowKernel::forTiles(llvm::function_ref<void(Value, Value)> prepare,
                         llvm::function_ref<void(ArrayRef<Tile>)> body) {
  if (isa<kernel::MatvecOp>(op)) {
    prepare(f.i64(0), f.i64(1));
    rowTiles(f.begin(), f.end(), f.i64(0), f.i64(1), body);
    return;
  }
  auto domain = cast<kernel::MatmulOp>(op).getDomain();
  Value leading =
      f.dim(domain == kernel::Domain::rows ? Dim::rows : Dim::tokens);
  int64_t perTokenTile = kernel::rowTiles(op);
  Value firstTile = f.divide(f.begin(), perTokenTile);
  Value lastTile = f.divide(f.add(f.end(), perTokenTile - 1), perTokenTile);
  f.loop(firstTile, lastTile, 1, [&](Value tokenTile) {
    Value token = f.mul(tokenTile, schedule.getTokenTile());
    Value tokens =
        f.minimum(f.i64(schedule.getTokenTile()), f.sub(leading, token));
    prepare(token, tokens);
    Value before = f.mul(tokenTile, perTokenTile);
    Value from = f.maximum(f.sub(f.begin(), before), f.i64(0));
    Value to = f.minimum(f.sub(f.end(), before), f.i64(perTokenTile));
    rowTiles(from, to, token, tokens, body);
  });
}

int64_t RowKernel::memberFloats() const {
  int64_t couples = 0;
  for (const auto &segment : segments)
    couples = std::max(couples, segment->tileCouples);
  return llvm::alignTo(couples, 16) + 32;
}

int64_t RowKernel::maxMembers() const {
  int64_t members = 1;
  for (const auto &segment : segments)
    members = std::max(members, segment->members);
  return members;
}

Sums RowKernel::sumsAt(Value memory, Value firstCouple) {
  return {f.at(memory, 16 * 4), memberFloats(), firstCouple};
}

void RowKernel::finishToken(const Tile &tile, Value token, Value scale,
                            const Sums &sums) {
  RowSegment &segment = tile.segment;
  segment.epilogue(token, scale, sums, tile.firstCouple, tile.couples);
  if (segment.op.getDestination() != Destination::argmax)
    return;
  auto [value, index] = segment.largest(sums, tile.firstCouple, tile.couples);
  Value partial =
      f.element(f.partialsPointer(),
                f.add(f.mul(token, kernel::rowTiles(op)), tile.rowTile), 8);
  f.store(value, partial, 4);
  f.store(index, f.at(partial, 4), 4);
}

void cpu::emitArgmaxMerge(Operation *op, func::FuncOp kernel,
                          const CpuVariant &variant, ModuleOp module) {
  KernelFunction f(kernel, kernel::mergeSuffix, variant, module);
  int64_t all = kernel::rowTiles(op), before = 0, count = 0;
  unsigned result = 0;
  for (const auto &segment : makeSegments(f, op)) {
    count = kernel::rowTiles(segment->op, kernel::getSchedule(op));
    result = segment->resultIndex;
    if (segment->op.getDestination() == Destination::argmax)
      break;
    before += count;
  }
  f.loop(f.begin(), f.end(), 1, [&](Value token) {
    Value partials =
        f.element(f.partialsPointer(), f.add(f.mul(token, all), before), 8);
    auto indexAt = [&](Value partial) {
      return f.load(f.b.getI32Type(), f.at(partial, 4), 4);
    };
    // Tiles are in the order of their indices: a later one has to be larger.
    SmallVector<Value> best = {f.f32(-std::numeric_limits<float>::infinity()),
                               indexAt(partials)};
    best = f.loop(
        f.i64(0), f.i64(count), 1, best, [&](Value tile, ValueRange was) {
          Value partial = f.element(partials, tile, 8);
          Value value = f.load(f.floats(1), partial, 4);
          Value more = arith::CmpFOp::create(f.b, arith::CmpFPredicate::OGT,
                                             value, was[0]);
          return SmallVector<Value>{
              arith::SelectOp::create(f.b, more, value, was[0]),
              arith::SelectOp::create(f.b, more, indexAt(partial), was[1])};
        });
    f.store(best[1], f.element(f.resultPointer(result), token, 4), 4);
  });
  f.finish();
}

LogicalResult cpu::emitMatvec(kernel::MatvecOp op, func::FuncOp kernel,
                              const CpuVariant &variant, ModuleOp module) {
  return emitStreamed(op, kernel, variant, module);
}

/// With at most this many tokens a tile, decoding weights into memory first
/// costs more than it saves.
static constexpr int64_t streamedTokens = 8;

LogicalResult cpu::emitMatmul(kernel::MatmulOp op, func::FuncOp kernel,
                              const CpuVariant &variant, ModuleOp module) {
  if (kernel::getSchedule(op).getTokenTile() <= streamedTokens)
    return emitStreamed(op, kernel, variant, module);
  return emitBlocked(op, kernel, variant, module);
}
