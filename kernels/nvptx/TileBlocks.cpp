//===- TileBlocks.cpp - Quantized rows of a tile in shared memory ---------===//
//
// A warp copies a row's window, a word a lane, and so on with every fourth row
// (of 4 warps). Then a thread decodes 32 elements of a row at a time:
//
//   window of row 0   | block | block | ... |       thread 0: unit 0
//   window of row 1      | block | block | ... |    thread 1: unit 0
//   ...                                             thread 64: unit 1
//
// The threads of a warp have 32 rows and the same unit, so they take the same
// way through a block's decoder, and rows that are an odd number of words
// apart keep their loads in different banks. A row that does not begin with a
// sector has its window begin before it. Floor: the bytes of the windows, once
// for each token tile.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/TileBlocks.h"

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/BlockDecoder.h"
#include "kernels/nvptx/TensorCore.h"
#include "kernels/nvptx/WindowCopy.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

/// Elements of K that a thread decodes together: a block, or an eighth of one
/// of 256 elements.
static constexpr int64_t unitElements = 32;
/// What a lane copies at once, and what the places of rows are multiples of.
static constexpr int64_t wordBytes = 4;

TileWindows gpu::tileWindows(kernel::SegmentOp segment,
                             kernel::ScheduleAttr schedule, int64_t columns) {
  SmallVector<ElementType> types;
  for (Value weight : segment.getWeights()) {
    auto type = cast<RankedTensorType>(weight.getType());
    types.push_back(*llama::elementType(type.getElementType()));
  }
  // Two rows of one weight are two members.
  types.resize(size_t(kernel::rowsPerCouple(segment)), types.back());
  return TileWindows(types, kernel::tileCouples(segment, schedule), columns,
                     schedule.getKTile());
}

TileBlocks::TileBlocks(MatmulTiles &tiles, const MatmulTile &tile)
    : tiles(tiles), tile(tile), f(tiles.f), depth(tiles.schedule.getKTile()),
      windows(tileWindows(tile.segment.op, tiles.schedule, tiles.columns)) {}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

Value TileBlocks::slot(Value window) {
  return windows.slots() == 1
             ? memory
             : f.element(memory, f.modulo(window, windows.slots()),
                         windows.slotBytes);
}

void TileBlocks::begin(Value ofBlock) {
  memory = ofBlock;
  if (windows.slots() > 1)
    ask(f.i32(0));
}

void TileBlocks::await(Value step) {
  if (windows.groups.empty())
    return;
  int64_t together = windows.stepElements / depth;
  auto arrive = [&] {
    Value window = f.divide(step, together);
    if (windows.slots() == 1) {
      ask(window);
      awaitCopies(f, 0);
      return;
    }
    // The last window has nothing behind it that may be left pending.
    Value next = f.add(window, 1);
    f.when(
        f.less(next, f.i32(int32_t(windows.steps()))),
        [&] {
          ask(next);
          awaitCopies(f, 1);
        },
        [&] { awaitCopies(f, 0); });
  };
  Value isFirst = arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq,
                                        f.modulo(step, together), f.i32(0));
  f.when(isFirst, arrive);
}

void TileBlocks::ask(Value window) {
  for (const Group &group : windows.groups)
    for (int64_t i = 0; i < group.members; ++i) {
      int64_t member = group.firstMember + i;
      Value rows = f.at(slot(window), group.offset);
      f.loop(f.warp(), f.i32(int32_t(windows.couples)), f.warps(),
             [&](Value couple) {
               Value inGroup = f.add(couple, i * windows.couples);
               WindowCopy(f, group.windows,
                          tiles.weightIndex(tile, member, couple), window)
                   .start(tile.segment.weight(member),
                          f.element(rows, inGroup, group.windows.pitch()),
                          f.lane(), warpThreads, wordBytes);
             });
    }
  commitCopies(f);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

void TileBlocks::decode(Value step, Store store) {
  for (const Group &group : windows.groups)
    decodeGroup(group, step, store);
}

void TileBlocks::decodeGroup(const Group &group, Value step, Store store) {
  int64_t rows = group.members * windows.couples;
  int64_t units = rows * (depth / unitElements);
  auto decodeItem = [&](Value item) {
    decodeUnit(group, f.modulo(item, rows), f.divide(item, rows), step, store);
  };
  if (units == f.threads)
    decodeItem(f.thread());
  else
    f.loop(f.thread(), f.i32(int32_t(units)), f.threads, decodeItem);
}

/// The row (i32) of its tensor that row `row` of the group is.
Value TileBlocks::rowOfTensor(const Group &group, Value row) {
  Value couple = f.modulo(row, windows.couples);
  Value index = tiles.weightIndex(tile, group.firstMember, couple);
  for (int64_t i = 1; i < group.members; ++i) {
    Value isBefore = f.less(row, f.i32(int32_t(i * windows.couples)));
    index = arith::SelectOp::create(
        f.b, isBefore, index,
        tiles.weightIndex(tile, group.firstMember + i, couple));
  }
  return index;
}

void TileBlocks::decodeUnit(const Group &group, Value row, Value part,
                            Value step, Store store) {
  const RowWindows &rows = group.windows;
  Value unit = f.add(f.mul(step, depth / unitElements), part);
  if (tiles.columns % depth)
    unit = f.minimum(unit, f.i32(int32_t(tiles.columns / unitElements - 1)));
  Value window = f.divide(step, windows.stepElements / depth);
  Value inWindow = f.modulo(unit, windows.stepElements / unitElements);
  Value address =
      f.element(f.at(slot(window), group.offset), row, rows.pitch());
  if (!rows.areExact())
    address = f.element(
        address, WindowCopy(f, rows, rowOfTensor(group, row), window).before(),
        1);
  int64_t ofBlock = blockElements(rows.type) / unitElements;
  Value inTile = f.add(row, group.firstMember * windows.couples);
  auto decodeFrom = [&](int64_t first) {
    BlockDecoder block(f, tile.segment.decoder(group.firstMember), address,
                       f.divide(inWindow, ofBlock), wordBytes);
    constexpr int64_t runs = unitElements / runElements;
    for (int64_t run = 0; run < runs; ++run)
      store(inTile, f.add(f.mul(part, runs), run),
            block.elements(first + run * runElements, runElements));
  };
  if (ofBlock == 1)
    return decodeFrom(0);
  f.dispatch(f.modulo(inWindow, ofBlock), ofBlock, {}, [&](int64_t i) {
    decodeFrom(i * unitElements);
    return SmallVector<Value>();
  });
}
