//===- StagedMatmul.cpp - Matmul of many tokens on a GPU ------------------===//
//
// A tile is row_tile rows times token_tile tokens. Both pass through shared
// memory, k_tile elements of K at a time, swizzled so that neither the stores
// nor ldmatrix meet a bank twice (WarpProducts.h); a warp multiplies row_unroll
// rows by token_unroll tokens. Step i of K, with S stages:
//
//   weights      memory --cp.async--> slot i mod S      (asked for at step
//                                                        i - S + 1)
//   activations  memory --> registers --map, convert--> slot i mod 2
//                (loaded at the start of step i - 1, stored at its end)
//
//   await the copies of step i; barrier      what step i reads is there, and
//                                            nobody reads step i - 1's slots
//   ask for the weights of step i + S - 1    into step i - 1's slot
//   load the activations of step i + 1
//   multiply step i
//   store the activations of step i + 1      into step i - 1's slot
//
// (S - 1) * row_tile * k_tile * 2 bytes of weights are in flight for a block.
// Weights in another type than the products', or with rows that copies of 16
// bytes do not fit, are converted by threads into a slot, between two barriers,
// before each step's products; quantized ones from shared memory
// (TileBlocks.h). The sums take the place of the stages in the end. Floor: 2 *
// rows * tokens * K operations of the tensor cores.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/StagedMatmul.h"

#include "dialects/llama/StoredTypes.h"
#include "kernels/nvptx/Matmul.h"
#include "kernels/nvptx/TensorCore.h"
#include "kernels/nvptx/TileBlocks.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Arithmetic;

StagedMatmul::StagedMatmul(MatmulTiles &tiles)
    : tiles(tiles), f(tiles.f), schedule(tiles.schedule),
      arithmetic(schedule.getArithmetic()), depth(schedule.getKTile()),
      slots(schedule.getStages()),
      steps(depth ? llvm::divideCeil(tiles.columns, depth) : 0),
      layout{depth, arithmetic == Arithmetic::f32 ? 4 : 2},
      memory{schedule.getRowTile(), schedule.getTokenTile(), depth, slots,
             layout.bytesEach},
      products(f, schedule, layout) {}

LogicalResult StagedMatmul::check() {
  auto refuse = [&](const Twine &why) {
    return tiles.op.emitOpError() << "cannot stage weights: " << why;
  };
  if (std::string why = products.unsupported(); !why.empty())
    return refuse(why);
  if (f.threads % (depth / runElements) || depth / runElements > warpThreads)
    return refuse("expected k_tile to be at most 256 and to divide among "
                  "threads");
  return success();
}

bool gpu::copiesWeights(kernel::SegmentOp segment,
                        kernel::ScheduleAttr schedule, int64_t columns) {
  Arithmetic arithmetic = schedule.getArithmetic();
  StagedRows layout = {0, arithmetic == Arithmetic::f32 ? 4 : 2};
  if (schedule.getStages() < 2 || columns % layout.chunkElements())
    return false;
  return llvm::all_of(segment.getWeights(), [&](Value weight) {
    Type type = cast<RankedTensorType>(weight.getType()).getElementType();
    switch (arithmetic) {
    case Arithmetic::f32:
      return type.isF32();
    case Arithmetic::f16:
      return type.isF16();
    case Arithmetic::bf16:
      return type.isBF16();
    }
    return false;
  });
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

StagedMatmul::Lines StagedMatmul::placeLines(const MatmulTile &tile) {
  int64_t runs = depth / runElements; // of a token
  int64_t together = f.threads / runs;
  Lines lines;
  Value run = f.modulo(f.thread(), runs);
  lines.k = f.mul(run, runElements);
  int64_t chunks = runElements / layout.chunkElements();
  for (int64_t first = 0; first < schedule.getTokenTile(); first += together) {
    Value token = f.add(f.divide(f.thread(), runs), first);
    lines.tokens.push_back(token);
    lines.rows.push_back(tiles.activationRow(tile, token));
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      lines.offsets.push_back(
          first > 0 && together % StagedRows::period == 0
              ? f.add(lines.offsets[chunk], first * layout.rowBytes())
              : layout.offset(f, token, f.add(f.mul(run, chunks), chunk)));
  }
  if (schedule.getTokenTile() % together)
    lines.lastInside =
        f.less(lines.tokens.back(), f.i32(int32_t(schedule.getTokenTile())));
  return lines;
}

SmallVector<ActivationRun> StagedMatmul::loadActivations(const Lines &lines,
                                                         Value step) {
  Value k = f.add(f.mul(step, depth), lines.k);
  SmallVector<ActivationRun> runs;
  for (Value row : lines.rows)
    runs.push_back(tiles.loadRun(row, k, /*mayPass=*/true));
  return runs;
}

void StagedMatmul::storeChunk(ValueRange values, Value slot, Value offset) {
  Value at = f.at(slot, offset);
  SmallVector<Value> words(values);
  if (arithmetic != Arithmetic::f32)
    words = packPairs(f, values, arithmetic);
  auto type = VectorType::get({4}, words[0].getType());
  f.store(vector::FromElementsOp::create(f.b, type, words), at, 16);
}

void StagedMatmul::storeActivations(const Lines &lines,
                                    ArrayRef<ActivationRun> runs, Value slot,
                                    MutableArrayRef<Value> statistics) {
  int64_t chunks = runElements / layout.chunkElements();
  SmallVector<SmallVector<Value>> mapped;
  Value none;
  for (auto [i, run] : llvm::enumerate(runs))
    mapped.push_back(tiles.mapRun(run,
                                  statistics.empty() ? none : statistics[i],
                                  /*zero=*/tiles.columns % depth != 0));
  for (auto [i, values] : llvm::enumerate(mapped)) {
    auto store = [&, i = i, &values = values] {
      for (int64_t chunk = 0; chunk < chunks; ++chunk)
        storeChunk(ArrayRef(values).slice(chunk * layout.chunkElements(),
                                          layout.chunkElements()),
                   slot, lines.offsets[i * chunks + chunk]);
    };
    if (lines.lastInside && i + 1 == mapped.size())
      f.when(lines.lastInside, store);
    else
      store();
  }
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

StagedMatmul::Copies StagedMatmul::placeCopies(const MatmulTile &tile,
                                               int64_t member) {
  int64_t together = f.threads / layout.chunks();
  Copies copies;
  copies.chunk = f.modulo(f.thread(), layout.chunks());
  for (int64_t first = 0; first < tile.couples; first += together) {
    Value couple = f.add(f.divide(f.thread(), layout.chunks()), first);
    copies.rows.push_back(tiles.weightRow(tile, member, couple));
    Value row = f.add(couple, member * tile.couples);
    copies.offsets.push_back(
        first > 0 && together % StagedRows::period == 0
            ? f.add(copies.offsets[0], first * layout.rowBytes())
            : layout.offset(f, row, copies.chunk));
    if (first + together > tile.couples)
      copies.lastInside = f.less(couple, f.i32(int32_t(tile.couples)));
  }
  return copies;
}

void StagedMatmul::copyWeights(ArrayRef<Copies> copies, Value step) {
  Value slot = weightSlot(step);
  for (const Copies &member : copies) {
    Value k =
        f.add(f.mul(step, depth), f.mul(member.chunk, layout.chunkElements()));
    if (tiles.columns % depth) // products with activations of 0
      k = f.minimum(k, f.i32(int32_t(tiles.columns - layout.chunkElements())));
    for (auto [i, row] : llvm::enumerate(member.rows)) {
      auto copy = [&] {
        copyAsync(f, f.at(slot, member.offsets[i]),
                  f.element(row, k, layout.bytesEach));
      };
      bool last = i + 1 == member.rows.size();
      if (last && member.lastInside)
        f.when(member.lastInside, copy);
      else
        copy();
    }
  }
}

void StagedMatmul::storeWeights(Value row, Value run, ValueRange values,
                                Value slot) {
  int64_t of = layout.chunkElements(), chunks = runElements / of;
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    storeChunk(values.slice(chunk * of, of), slot,
               layout.offset(f, row, f.add(f.mul(run, chunks), chunk)));
}

void StagedMatmul::convertMember(const MatmulTile &tile, int64_t member,
                                 Value step) {
  Type stored = cast<RankedTensorType>(tile.segment.weight(member).getType())
                    .getElementType();
  int64_t runs = depth / runElements; // of a row
  Value slot = weightSlot(step);
  f.loop(f.thread(), f.i32(int32_t(tile.couples * runs)), f.threads,
         [&](Value item) {
           Value couple = f.divide(item, runs);
           Value run = f.modulo(item, runs);
           Value k = f.mul(f.add(f.mul(step, runs), run), runElements);
           storeWeights(f.add(couple, member * tile.couples), run,
                        tiles.loadWeights(tiles.weightRow(tile, member, couple),
                                          stored, k),
                        slot);
         });
}

//===----------------------------------------------------------------------===//
// Steps of K
//===----------------------------------------------------------------------===//

SmallVector<Value> StagedMatmul::emitPipelined(const MatmulTile &tile,
                                               const Lines &lines,
                                               ArrayRef<Value> initial) {
  SmallVector<Copies> copies;
  for (int64_t member = 0; member < tile.segment.members; ++member)
    copies.push_back(placeCopies(tile, member));
  for (int64_t step = 0; step < slots - 1; ++step) {
    if (step < steps)
      copyWeights(copies, f.i32(int32_t(step)));
    commitCopies(f);
  }
  int64_t sums = products.sums();
  SmallVector<Value> carried(initial);
  storeActivations(lines, loadActivations(lines, f.i32(0)),
                   activationSlot(f.i32(0)),
                   MutableArrayRef(carried).drop_front(sums));
  carried = f.loop(f.i32(0), f.i32(int32_t(steps)), 1, carried,
                   [&](Value step, ValueRange values) {
                     awaitCopies(f, slots - 2);
                     f.barrier();
                     Value ahead = f.add(step, slots - 1);
                     f.when(f.less(ahead, f.i32(int32_t(steps))),
                            [&] { copyWeights(copies, ahead); });
                     commitCopies(f);
                     Value next = f.add(step, 1);
                     SmallVector<ActivationRun> runs =
                         loadActivations(lines, next);
                     SmallVector<Value> result =
                         products.add(weightSlot(step), activationSlot(step),
                                      values.take_front(sums));
                     llvm::append_range(result, values.drop_front(sums));
                     storeActivations(lines, runs, activationSlot(next),
                                      MutableArrayRef(result).drop_front(sums));
                     return result;
                   });
  awaitCopies(f, 0);
  return carried;
}

SmallVector<Value> StagedMatmul::emitDecoding(const MatmulTile &tile,
                                              const Lines &lines,
                                              ArrayRef<Value> initial) {
  int64_t sums = products.sums();
  TileBlocks quantized(tiles, tile);
  quantized.begin(blocks);
  return f.loop(
      f.i32(0), f.i32(int32_t(steps)), 1, initial,
      [&](Value step, ValueRange values) {
        quantized.await(step);
        f.barrier(); // the step before has been multiplied
        Value slot = weightSlot(step);
        quantized.decode(step, [&](Value row, Value run, ValueRange elements) {
          storeWeights(row, run, elements, slot);
        });
        for (int64_t member = 0; member < tile.segment.members; ++member)
          if (!tile.segment.decoder(member))
            convertMember(tile, member, step);
        SmallVector<Value> carried(values);
        storeActivations(lines, loadActivations(lines, step),
                         activationSlot(step),
                         MutableArrayRef(carried).drop_front(sums));
        f.barrier();
        SmallVector<Value> result =
            products.add(weightSlot(step), activationSlot(step),
                         ArrayRef(carried).take_front(sums));
        llvm::append_range(result, ArrayRef(carried).drop_front(sums));
        return result;
      });
}

void StagedMatmul::storeSums(const Lines &lines, ValueRange carried) {
  TileSums sums{1, stages, statistics};
  f.barrier(); // the stages have been read
  for (int64_t i = 0; i < products.sums(); ++i) {
    auto [row, token] = products.place(i);
    f.store(carried[i], tiles.sumAt(sums, f.i32(0), token, row), 4);
  }
  if (!tiles.activations.hasStatistic())
    return;
  int64_t runs = depth / runElements;
  Value first = arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq,
                                      f.modulo(f.thread(), runs), f.i32(0));
  for (auto [i, token] : llvm::enumerate(lines.tokens)) {
    Value sum = f.sumOverLanes(carried[products.sums() + i], runs);
    if (lines.lastInside && i + 1 == lines.tokens.size())
      first = arith::AndIOp::create(f.b, first, lines.lastInside);
    f.when(first, [&, token = token] {
      f.store(sum, f.element(statistics, token, 4), 4);
    });
  }
}

void StagedMatmul::emitTile(const MatmulTile &tile) {
  if (!stages) {
    stages = f.shared(memory.stageBytes());
    int64_t bytes = 0;
    for (RowSegment &segment : tiles.segments)
      bytes = std::max(
          bytes, tileWindows(segment.op, schedule, tiles.columns).bytes());
    blocks = f.shared(bytes);
    // Left to itself, ptxas 13.0 makes room for 4, and spills 16 to 96 bytes of
    // the decoders in a loop for some types and targets.
    if (bytes)
      f.askForBlocks(3);
    statistics = f.shared(tiles.statisticsBytes(1));
  }
  products.prepare();
  Lines lines = placeLines(tile);
  int64_t count = products.sums();
  if (tiles.activations.hasStatistic())
    count += int64_t(lines.rows.size());
  SmallVector<Value> initial(count, f.f32(0.0f));
  SmallVector<Value> carried =
      copiesWeights(tile.segment.op, schedule, tiles.columns)
          ? emitPipelined(tile, lines, initial)
          : emitDecoding(tile, lines, initial);
  storeSums(lines, carried);
  f.barrier();
  tiles.finish(tile, {1, stages, statistics});
}

LogicalResult gpu::emitStagedMatmul(MatmulTiles &tiles) {
  StagedMatmul emitter(tiles);
  if (failed(emitter.check()))
    return failure();
  tiles.forTiles([&](const MatmulTile &tile) { emitter.emitTile(tile); });
  return success();
}
