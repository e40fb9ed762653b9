//===- DotRows.cpp - Weight rows times activations ------------------------===//
//
// Rows x tokens accumulators, each a register along K:
//
//            x[0] ----------- K ----------->
//            x[1] -------------------------->
//   w[0] K   a00 a01
//   w[1] K   a10 a11          one load of x serves all rows, one of w (and its
//   ...                       decoding) all tokens
//
// Weights are fetched several KiB ahead (see fetchAhead). Floor: their bytes.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/DotRows.h"

#include "base/ElementType.h"
#include "dialects/llama/StoredTypes.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

namespace {
struct DotEmitter {
  KernelFunction &f;
  const WeightRows &weights;
  const ActivationRows &activations;
  int64_t lanes;

  /// Products of one register (elements at + offset...) or block; `sums` is
  /// [token][row].
  void floatStep(Value at, int64_t offset, std::optional<int64_t> valid,
                 SmallVector<Value> &sums);
  void blockStep(Value index, int64_t offset, SmallVector<Value> &sums);
  SmallVector<Value> rowsAt(Value index, int64_t bytes);
  Value activation(Value from, int64_t token, int64_t element);
  SmallVector<Value> accumulateFloats(SmallVector<Value> sums);
  SmallVector<Value> accumulateBlocks(SmallVector<Value> sums);
  SmallVector<Value> transpose(ArrayRef<Value> sums);
  void fetchAhead(Value iteration, int64_t bytes);
};
} // namespace

/// Fetches what some later group of rows will read where this one is in
/// iteration `iteration`, of `bytes` a row: groups follow each other in memory,
/// so that the fetches of all iterations go straight through it. Hardware
/// prefetchers follow short interleaved rows badly: without this, quantized
/// matvecs reached a third of the read bandwidth.
void DotEmitter::fetchAhead(Value iteration, int64_t bytes) {
  constexpr int64_t least = 8 * 1024, most = 64 * 1024;
  if (weights.firsts.size() > 1 && weights.each == 1)
    return; // the hardware follows these
  int64_t group = weights.stride * weights.each;
  if (group > most)
    return; // every row is a long stream of its own
  int64_t distance = llvm::alignTo(least, group);
  int64_t each = weights.each * bytes;
  for (Value first : weights.firsts) {
    Value next = f.at(f.element(first, iteration, each), distance);
    for (int64_t line = 0; line < each; line += 64)
      f.prefetch(f.at(next, line));
  }
}

/// Addresses of every row's element or block `index`, of `bytes` each.
SmallVector<Value> DotEmitter::rowsAt(Value index, int64_t bytes) {
  SmallVector<Value> rows;
  for (Value first : weights.firsts) {
    Value from = f.element(first, index, bytes);
    for (int64_t r = 0; r < weights.each; ++r)
      rows.push_back(f.at(from, r * weights.stride));
  }
  return rows;
}

Value DotEmitter::activation(Value from, int64_t token, int64_t element) {
  return f.load(f.floats(lanes),
                f.at(from, token * activations.stride + element * 4),
                lanes * 4);
}

void DotEmitter::floatStep(Value at, int64_t offset,
                           std::optional<int64_t> valid,
                           SmallVector<Value> &sums) {
  int64_t bytes = weights.stored.getIntOrFloatBitWidth() / 8;
  Value from = f.element(activations.first, at, 4);
  SmallVector<Value> rows = rowsAt(at, bytes);
  SmallVector<Value> x;
  for (int64_t token = 0; token < activations.count; ++token)
    x.push_back(activation(from, token, offset));
  for (int64_t r = 0; r < weights.count(); ++r) {
    Value w = f.loadFloats(f.at(rows[r], offset * bytes), weights.stored, lanes,
                           valid);
    for (int64_t token = 0; token < activations.count; ++token) {
      Value &sum = sums[token * weights.count() + r];
      sum = f.fma(w, x[token], sum);
    }
  }
}

SmallVector<Value> DotEmitter::accumulateFloats(SmallVector<Value> sums) {
  int64_t whole = weights.columns / lanes;
  int64_t unroll = std::min<int64_t>(whole, sums.size() <= 2   ? 4
                                            : sums.size() <= 8 ? 2
                                                               : 1);
  int64_t main = unroll ? whole / unroll * unroll : 0;
  if (main)
    sums = f.loop(f.i64(0), f.i64(main * lanes), unroll * lanes, sums,
                  [&](Value at, ValueRange carried) {
                    SmallVector<Value> next(carried);
                    fetchAhead(f.divide(at, unroll * lanes),
                               weights.stored.getIntOrFloatBitWidth() / 8 *
                                   unroll * lanes);
                    for (int64_t i = 0; i < unroll; ++i)
                      floatStep(at, i * lanes, {}, next);
                    return next;
                  });
  for (int64_t i = main; i < whole; ++i)
    floatStep(f.i64(0), i * lanes, {}, sums);
  if (int64_t rest = weights.columns % lanes)
    floatStep(f.i64(0), whole * lanes, rest, sums);
  return sums;
}

void DotEmitter::blockStep(Value index, int64_t offset,
                           SmallVector<Value> &sums) {
  const BlockDecoder &decoder = *weights.decoder;
  Value from = f.element(activations.first, index, decoder.elements * 4);
  SmallVector<Value> rows = rowsAt(index, decoder.bytes);
  int64_t firstElement = offset * decoder.elements;
  SmallVector<DecodedBlock> blocks;
  for (Value row : rows)
    blocks.emplace_back(f, decoder, f.at(row, offset * decoder.bytes));
  for (auto [g, group] : llvm::enumerate(decoder.groups)) {
    if (activations.count == 1) {
      SmallVector<Value> x;
      for (int64_t i = 0; i < group.chunks; ++i)
        x.push_back(
            activation(from, 0, firstElement + (group.firstChunk + i) * lanes));
      Value sumX;
      auto sumOfX = [&, g = g]() -> Value {
        int64_t groups = decoder.groups.size();
        if (!sumX)
          sumX = f.splat(
              f.load(f.floats(1),
                     f.at(f.element(activations.sums, index, groups * 4),
                          (offset * groups + g) * 4),
                     4),
              lanes);
        return sumX;
      };
      for (int64_t r = 0; r < weights.count(); ++r)
        sums[r] = blocks[r].dot(group, sums[r], x, sumOfX);
      continue;
    }
    for (int64_t i = 0; i < group.chunks; ++i) {
      int64_t chunk = group.firstChunk + i;
      SmallVector<Value> w;
      for (int64_t r = 0; r < weights.count(); ++r)
        w.push_back(blocks[r].weights(group, chunk));
      for (int64_t token = 0; token < activations.count; ++token) {
        Value x = activation(from, token, firstElement + chunk * lanes);
        for (int64_t r = 0; r < weights.count(); ++r) {
          Value &sum = sums[token * weights.count() + r];
          sum = f.fma(w[r], x, sum);
        }
      }
    }
  }
}

SmallVector<Value> DotEmitter::accumulateBlocks(SmallVector<Value> sums) {
  int64_t blocks = weights.columns / weights.decoder->elements;
  return f.loop(f.i64(0), f.i64(blocks), 1, sums,
                [&](Value index, ValueRange carried) {
                  SmallVector<Value> next(carried);
                  fetchAhead(index, weights.decoder->bytes);
                  blockStep(index, 0, next);
                  return next;
                });
}

/// One vector of row sums a token; as many sums as a register has lanes are
/// reduced at once.
SmallVector<Value> DotEmitter::transpose(ArrayRef<Value> sums) {
  int64_t rows = weights.count();
  SmallVector<Value> result;
  for (int64_t token = 0; token < activations.count;) {
    int64_t tokens = llvm::bit_floor(
        uint64_t(std::min(activations.count - token, lanes / rows)));
    Value all = f.sums(sums.slice(token * rows, tokens * rows));
    for (int64_t i = 0; i < tokens; ++i)
      result.push_back(tokens * rows == 1 ? all : f.slice(all, i * rows, rows));
    token += tokens;
  }
  return result;
}

SmallVector<Value> cpu::dotRows(KernelFunction &f, const WeightRows &weights,
                                const ActivationRows &activations) {
  DotEmitter emitter{f, weights, activations, f.variant.lanes};
  SmallVector<Value> sums(weights.count() * activations.count,
                          f.f32(0, emitter.lanes));
  sums = weights.decoder ? emitter.accumulateBlocks(std::move(sums))
                         : emitter.accumulateFloats(std::move(sums));
  return emitter.transpose(sums);
}
