//===- StreamedRows.cpp - Matvec, and matmul of few tokens ----------------===//
//
// A tile is some couples of a segment for 1 to 8 tokens:
//
//   prepare   activations of the tokens -> scratch (f32), once a token tile
//   compute   row_unroll rows x token_unroll tokens at a time (DotRows.h);
//             sums -> scratch, [token][member][couple]; one token reads
//             row_streams tiles or members together
//   finish    the epilogue of each token over the couples
//
// Weights are read once for every token_unroll tokens, and from memory once.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "kernels/cpu/Activations.h"
#include "kernels/cpu/RowKernel.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

namespace {
/// Where things are in scratch memory.
class Streamed {
public:
  Streamed(RowKernel &kernel, int64_t maxTokens);
  void prepare(Value firstToken, Value tokens);
  void compute(ArrayRef<RowKernel::Tile> tiles);

private:
  int64_t tokenFloats() const {
    return kernel.maxMembers() * kernel.memberFloats();
  }
  void dotMember(const RowKernel::Tile &tile, int64_t member, Value firstToken,
                 int64_t tokens);
  /// A row of each of `members` of each of `tiles` at a time, for the only
  /// token.
  void dotTogether(ArrayRef<RowKernel::Tile> tiles, ArrayRef<int64_t> members);
  void dotStreams(ArrayRef<RowKernel::Tile> tiles);
  Value tileSums(int64_t tile) const {
    return f.at(sums, tile * tokenFloats() * 4);
  }

  RowKernel &kernel;
  KernelFunction &f;
  int64_t maxTokens, unroll;
  bool hasScale = false;
  Value activations; // (tokens, padded) f32
  Value scales;      // (tokens) f32
  Value sums;        // (tokens, members, memberFloats) f32
  /// Sums of runs of activations of matvec, by the length of a run.
  llvm::DenseMap<int64_t, Value> runSums;
};
} // namespace

Streamed::Streamed(RowKernel &kernel, int64_t maxTokens)
    : kernel(kernel), f(kernel.f), maxTokens(maxTokens),
      unroll(
          std::clamp<int64_t>(kernel.schedule.getTokenUnroll(), 1, maxTokens)) {
  // Groups of tokens may run past the last one, over memory of no meaning.
  int64_t rows = (maxTokens + unroll - 1) / unroll * unroll;
  activations = f.scratch(rows * kernel.padded * 4);
  scales = f.scratch(rows * 4);
  int64_t tiles = maxTokens == 1 ? kernel.streams() : 1;
  sums = f.scratch(rows * tiles * tokenFloats() * 4);
}

void Streamed::prepare(Value firstToken, Value tokens) {
  auto one = [&](Value i) {
    Value scale =
        prepareRow(f, kernel.prologue, f.add(firstToken, i),
                   f.element(activations, i, kernel.padded * 4), kernel.padded);
    hasScale = bool(scale);
    if (scale)
      f.store(scale, f.element(scales, i, 4), 4);
  };
  if (maxTokens > 1) {
    f.loop(f.i64(0), tokens, 1, one);
    return;
  }
  one(f.i64(0));
  for (const auto &segment : kernel.segments)
    for (int64_t m = 0; m < segment->members; ++m) {
      const BlockDecoder *decoder = segment->decoder(m);
      int64_t run = decoder ? decoder->sumElements() : 0;
      if (run == 0 || runSums.contains(run))
        continue;
      runSums[run] = f.scratch(kernel.columns / run * 4);
      prepareSums(f, activations, kernel.columns, run, runSums[run]);
    }
}

void Streamed::dotMember(const RowKernel::Tile &tile, int64_t member,
                         Value firstToken, int64_t tokens) {
  int64_t group = tile.segment.alignedCouples(kernel.schedule.getRowUnroll());
  Value end = f.add(tile.firstCouple, tile.couples);
  f.loop(tile.firstCouple, end, group, [&](Value couple) {
    WeightRows rows = tile.segment.rows(member, couple, group);
    Value runs;
    if (tokens == 1 && rows.decoder && rows.decoder->sumElements())
      runs = runSums[rows.decoder->sumElements()];
    ActivationRows x{f.element(activations, firstToken, kernel.padded * 4),
                     kernel.padded * 4, tokens, runs};
    SmallVector<Value> results = dotRows(f, rows, x);
    Value memory = f.element(sums, firstToken, tokenFloats() * 4);
    Value to = f.element(kernel.sumsAt(memory, tile.firstCouple).first,
                         f.sub(couple, tile.firstCouple), 4);
    for (auto [token, values] : llvm::enumerate(results))
      f.store(values, f.at(to, (token * tokenFloats() +
                                member * kernel.memberFloats()) *
                                   4));
  });
}

void Streamed::dotTogether(ArrayRef<RowKernel::Tile> tiles,
                           ArrayRef<int64_t> members) {
  const RowKernel::Tile &front = tiles.front();
  // Rows of floats are longer than a block is wide; of quantized ones several
  // share what is loaded of the activations.
  int64_t rowsEach = 1;
  if (front.segment.decoder(0))
    rowsEach =
        front.segment.alignedCouples(kernel.schedule.getRowUnroll() /
                                     int64_t(tiles.size() * members.size()));
  f.loop(f.i64(0), front.couples, rowsEach, [&](Value i) {
    WeightRows all;
    SmallVector<Value> places;
    for (auto [t, tile] : llvm::enumerate(tiles))
      for (int64_t member : members) {
        Value couple = f.add(tile.firstCouple, i);
        WeightRows rows = tile.segment.rows(member, couple, rowsEach);
        if (all.firsts.empty())
          all = rows;
        else
          all.firsts.push_back(rows.firsts.front());
        Sums to = kernel.sumsAt(tileSums(t), tile.firstCouple);
        places.push_back(f.element(f.at(to.first, member * to.memberStride * 4),
                                   f.sub(couple, tile.firstCouple), 4));
      }
    Value runs;
    if (all.decoder && all.decoder->sumElements())
      runs = runSums[all.decoder->sumElements()];
    Value results =
        dotRows(f, all, {activations, kernel.padded * 4, 1, runs}).front();
    for (auto [n, place] : llvm::enumerate(places))
      f.store(f.slice(results, n * rowsEach, rowsEach), place, 4);
  });
}

/// All rows of `tiles`, for the only token.
void Streamed::dotStreams(ArrayRef<RowKernel::Tile> tiles) {
  RowSegment &segment = tiles.front().segment;
  bool together =
      segment.membersTogether() && segment.isUniform() && kernel.streams() > 1;
  if (together)
    return dotTogether(tiles, llvm::to_vector(llvm::seq(segment.members)));
  for (int64_t member = 0; member < segment.members; ++member)
    if (tiles.size() > 1)
      dotTogether(tiles, member);
    else
      dotMember(tiles.front(), member, f.i64(0), 1);
}

void Streamed::compute(ArrayRef<RowKernel::Tile> tiles) {
  const RowKernel::Tile &tile = tiles.front();
  auto finish = [&](const RowKernel::Tile &tile, Value i, Value memory) {
    Value scale;
    if (hasScale)
      scale = f.load(f.floats(1), f.element(scales, i, 4), 4);
    Value tokenSums = f.element(memory, i, tokenFloats() * 4);
    kernel.finishToken(tile, f.add(tile.firstToken, i), scale,
                       kernel.sumsAt(tokenSums, tile.firstCouple));
  };
  if (maxTokens == 1) {
    dotStreams(tiles);
    for (auto [t, one] : llvm::enumerate(tiles))
      finish(one, f.i64(0), tileSums(t));
    return;
  }
  for (int64_t member = 0; member < tile.segment.members; ++member)
    f.loop(f.i64(0), tile.tokens, unroll,
           [&](Value token) { dotMember(tile, member, token, unroll); });
  f.loop(f.i64(0), tile.tokens, 1,
         [&](Value i) { finish(tile, i, tileSums(0)); });
}

LogicalResult cpu::emitStreamed(Operation *op, func::FuncOp kernelFunction,
                                const CpuVariant &variant, ModuleOp module) {
  RowKernel kernel(op, kernelFunction, variant, module);
  if (failed(checkSegments(kernel.segments)))
    return failure();
  KernelFunction &f = kernel.f;
  int64_t tokens =
      isa<kernel::MatvecOp>(op) ? 1 : kernel.schedule.getTokenTile();
  Streamed streamed(kernel, tokens);
  kernel.forTiles(
      [&](Value first, Value count) { streamed.prepare(first, count); },
      [&](ArrayRef<RowKernel::Tile> tiles) { streamed.compute(tiles); });
  f.finish();
  if (kernel::hasMerge(op))
    emitArgmaxMerge(op, kernelFunction, variant, module);
  return success();
}
