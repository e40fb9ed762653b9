//===- BlockedMatmul.cpp - Matmul of many tokens --------------------------===//
//
// A tile is row_tile weight rows times token_tile tokens:
//
//   prepare   the tokens' activations, packed once a token tile: a panel of
//             `lanes` tokens is [k][token], so that a register holds one k (in
//             bf16: a pair of them) of all its tokens
//   decode    weight rows -> scratch, [row][k], f32 or bf16; rows that are
//             stored so already are read where they are
//   compute   row_unroll rows x token_unroll panels in registers; every weight
//             (pair) is broadcast from memory into the product:
//
//                         panel 0   panel 1 ...
//               w[r][k] *  x[k][0..] x[k][16..]     -> C[row][token]
//
//             K goes in steps whose panels fit the first-level cache, and all
//             row groups pass over them before the next step
//   finish    C is transposed for `lanes` tokens at a time, then their epilogue
//
// No product is followed by a sum across lanes. Floor: 2 * rows * tokens * K
// operations at row_unroll * token_unroll products in flight.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "kernels/cpu/Activations.h"
#include "kernels/cpu/RowKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

namespace {

/// Bytes of panels that one pass of the row groups goes over.
constexpr int64_t passBytes = 24 * 1024;
/// Steps along K that one iteration of the inner loop makes.
constexpr int64_t stepUnroll = 4;

class Blocked {
public:
  Blocked(RowKernel &kernel);
  void prepare(Value firstToken, Value tokens);
  void compute(const RowKernel::Tile &tile);

private:
  /// Weight rows that the products of one group read.
  struct Group {
    Value first; // address of the first row
    int64_t stride;
  };

  bool inPlace(RowSegment &segment, int64_t member);
  void pack(Value panel);
  void decode(const RowKernel::Tile &tile, int64_t member);
  void decodeRow(const WeightRows &row, Value to);
  Value packed(Value low, Value high);
  void clear(const RowKernel::Tile &tile);
  void multiply(const RowKernel::Tile &tile, Value firstPanel, int64_t panels,
                int64_t maxGroup);
  void multiplyGroup(const Group &group, int64_t rows, Value firstStep,
                     Value lastStep, Value panel, int64_t panels, Value sums);
  void finish(const RowKernel::Tile &tile);

  Value decodedRow(int64_t member, Value row) {
    Value memory = f.at(weights, member * rowsPerMember * rowBytes);
    return f.element(memory, row, rowBytes);
  }
  /// C of row `row` of a member, token 0.
  Value sumsRow(int64_t member, Value row) {
    Value memory = f.at(sums, member * rowsPerMember * tokens * 4);
    return f.element(memory, row, tokens * 4);
  }

  RowKernel &kernel;
  KernelFunction &f;
  int64_t lanes;
  int64_t rowUnroll, panelUnroll;
  int64_t maxRows; // of a group, where fewer panels are left
  bool bf16;
  int64_t step;     // elements of K in one lane of a panel: 1 or 2
  int64_t steps;    // of the whole K
  int64_t rowBytes; // of a decoded row
  int64_t panels, panelBytes;
  int64_t tokens;        // in all panels
  int64_t rowsPerMember; // C and decoded rows, with room for whole groups
  bool hasScale = false;
  Value staging; // (lanes, padded) f32: activations of one panel
  Value packedX; // (panels, padded / step, lanes) f32, or pairs of bf16
  Value scales;  // (tokens) f32
  Value weights; // (members, rowsPerMember, padded) f32 or bf16
  Value sums;    // C: (members, rowsPerMember, tokens) f32
  Value outputs; // (lanes, members, memberFloats) f32
};
} // namespace

Blocked::Blocked(RowKernel &kernel)
    : kernel(kernel), f(kernel.f), lanes(f.variant.lanes),
      bf16(kernel.schedule.getArithmetic() == kernel::Arithmetic::bf16),
      step(bf16 ? 2 : 1),
      steps(llvm::alignTo(kernel.columns, step * stepUnroll) / step) {
  rowBytes = kernel.padded * 4 / step;
  panels = llvm::divideCeil(kernel.schedule.getTokenTile(), lanes);
  // Fewer panels than asked for are made up for by more rows: about as many
  // products have to be in flight either way.
  int64_t asked = std::max<int64_t>(1, kernel.schedule.getTokenUnroll());
  panelUnroll = std::min(asked, panels);
  int64_t rows = std::max<int64_t>(1, kernel.schedule.getRowUnroll());
  maxRows = std::min<int64_t>(llvm::bit_floor(uint64_t(rows * asked)), lanes);
  rowUnroll = std::min<int64_t>(
      llvm::bit_floor(uint64_t(rows * asked / panelUnroll)), maxRows);
  panelBytes = kernel.padded / step * lanes * 4;
  tokens = panels * lanes;
  int64_t couples = 0;
  bool decodes = false;
  for (const auto &segment : kernel.segments) {
    couples = std::max(couples, segment->tileCouples);
    for (int64_t member = 0; member < segment->members; ++member)
      decodes |= !inPlace(*segment, member);
  }
  rowsPerMember = llvm::alignTo(couples, lanes) + maxRows;
  staging = f.scratch(lanes * kernel.padded * 4);
  packedX = f.scratch(panels * panelBytes);
  scales = f.scratch(tokens * 4);
  if (decodes)
    weights = f.scratch(kernel.maxMembers() * rowsPerMember * rowBytes);
  sums = f.scratch(kernel.maxMembers() * rowsPerMember * tokens * 4);
  outputs = f.scratch(lanes * kernel.maxMembers() * kernel.memberFloats() * 4);
}

/// Whether products read the weight where it is stored: groups of rows must
/// not overlap, since they are added to C.
bool Blocked::inPlace(RowSegment &segment, int64_t member) {
  auto type = cast<RankedTensorType>(segment.weight(member).getType());
  bool sameType =
      bf16 ? type.getElementType().isBF16() : type.getElementType().isF32();
  int64_t rows = segment.alignedCouples(maxRows);
  return sameType && kernel.columns % (step * stepUnroll) == 0 &&
         segment.couples % rows == 0 && segment.tileCouples % rows == 0;
}

/// Two registers of consecutive f32 as one of bf16, typed as f32 lanes.
Value Blocked::packed(Value low, Value high) {
  auto type = VectorType::get({2 * lanes}, f.b.getBF16Type());
  Value pairs =
      LLVM::CallIntrinsicOp::create(
          f.b, type, f.b.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
          ValueRange{high, low})
          .getResult(0);
  return LLVM::BitcastOp::create(f.b, f.floats(lanes), pairs);
}

//===----------------------------------------------------------------------===//
// Prepare
//===----------------------------------------------------------------------===//

void Blocked::prepare(Value firstToken, Value count) {
  Value last = f.add(f.add(firstToken, count), -1);
  f.loop(f.i64(0), count, lanes, [&](Value token) {
    f.loop(f.i64(0), f.i64(lanes), 1, [&](Value i) {
      // Tokens after the last one are copies of it.
      Value source = f.minimum(f.add(firstToken, f.add(token, i)), last);
      Value scale =
          prepareRow(f, kernel.prologue, source,
                     f.element(staging, i, kernel.padded * 4), kernel.padded);
      hasScale = bool(scale);
      if (scale)
        f.store(scale, f.element(scales, f.add(token, i), 4), 4);
    });
    pack(f.element(packedX, f.divide(token, lanes), panelBytes));
  });
}

/// Transposes the staged activations into `panel`.
void Blocked::pack(Value panel) {
  int64_t elements = lanes * step; // of K at a time
  f.loop(f.i64(0), f.i64(kernel.padded), elements, [&](Value k) {
    SmallVector<Value> rows;
    for (int64_t i = 0; i < lanes; ++i) {
      Value from = f.at(f.element(staging, k, 4), i * kernel.padded * 4);
      Value row = f.load(f.floats(lanes), from, lanes * 4);
      if (bf16)
        row = packed(row,
                     f.load(f.floats(lanes), f.at(from, lanes * 4), lanes * 4));
      rows.push_back(row);
    }
    Value to = f.element(panel, f.divide(k, step), lanes * 4);
    for (auto [i, column] : llvm::enumerate(f.transpose(rows)))
      f.store(column, f.at(to, i * lanes * 4), lanes * 4);
  });
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

void Blocked::decode(const RowKernel::Tile &tile, int64_t member) {
  Value end = f.add(tile.firstCouple, tile.couples);
  f.loop(tile.firstCouple, end, 1, [&](Value couple) {
    Value to = decodedRow(member, f.sub(couple, tile.firstCouple));
    decodeRow(tile.segment.rows(member, couple, 1), to);
  });
}

void Blocked::decodeRow(const WeightRows &row, Value to) {
  // Registers of elements come in pairs, so that bf16 fills a register too.
  auto storePair = [&](Value low, Value high, Value at) {
    if (bf16) {
      f.store(packed(low, high), at, lanes * 4);
      return;
    }
    f.store(low, at, lanes * 4);
    f.store(high, f.at(at, lanes * 4), lanes * 4);
  };
  int64_t pair = 2 * lanes, outBytes = 4 / step;
  if (row.decoder) {
    const BlockDecoder &decoder = *row.decoder;
    f.loop(f.i64(0), f.i64(row.columns / decoder.elements), 1, [&](Value i) {
      DecodedBlock block(f, decoder,
                         f.element(row.firsts.front(), i, decoder.bytes));
      Value out = f.element(to, i, decoder.elements * outBytes);
      Value low;
      for (const BlockDecoder::Group &group : decoder.groups)
        for (int64_t j = 0; j < group.chunks; ++j) {
          int64_t chunk = group.firstChunk + j;
          Value now = block.weights(group, chunk);
          if (chunk % 2)
            storePair(low, now, f.at(out, (chunk - 1) * lanes * outBytes));
          low = now;
        }
    });
    return;
  }
  int64_t bytes = row.stored.getIntOrFloatBitWidth() / 8;
  auto copyPair = [&](Value k, int64_t valid) {
    Value from = f.element(row.firsts.front(), k, bytes);
    auto part = [&](int64_t first) -> Value {
      if (valid <= first)
        return f.f32(0, lanes);
      return f.loadFloats(f.at(from, first * bytes), row.stored, lanes,
                          std::min(valid - first, lanes));
    };
    storePair(part(0), part(lanes), f.element(to, k, outBytes));
  };
  int64_t whole = row.columns / pair * pair;
  f.loop(f.i64(0), f.i64(whole), pair, [&](Value k) { copyPair(k, pair); });
  if (whole < row.columns)
    copyPair(f.i64(whole), row.columns - whole);
}

//===----------------------------------------------------------------------===//
// Compute
//===----------------------------------------------------------------------===//

void Blocked::compute(const RowKernel::Tile &tile) {
  for (int64_t member = 0; member < tile.segment.members; ++member)
    if (!inPlace(tile.segment, member))
      decode(tile, member);
  clear(tile);
  Value count = f.divide(f.add(tile.tokens, lanes - 1), lanes);
  Value whole = f.mul(f.divide(count, panelUnroll), panelUnroll);
  f.loop(f.i64(0), whole, panelUnroll,
         [&](Value panel) { multiply(tile, panel, panelUnroll, rowUnroll); });
  if (panelUnroll > 1)
    f.loop(whole, count, 1,
           [&](Value panel) { multiply(tile, panel, 1, maxRows); });
  finish(tile);
}

void Blocked::clear(const RowKernel::Tile &tile) {
  int64_t bytes = kernel.maxMembers() * rowsPerMember * tokens * 4;
  f.loop(f.i64(0), f.i64(bytes), lanes * 4, [&](Value at) {
    f.store(f.f32(0, lanes), f.at(sums, at), lanes * 4);
  });
}

/// Adds the products of all rows of the tile with `panels` panels to C.
void Blocked::multiply(const RowKernel::Tile &tile, Value firstPanel,
                       int64_t panelCount, int64_t maxGroup) {
  RowSegment &segment = tile.segment;
  int64_t pass = std::max(stepUnroll, passBytes / (panelCount * lanes * 4) /
                                          stepUnroll * stepUnroll);
  Value panel = f.element(packedX, firstPanel, panelBytes);
  Value end = f.add(tile.firstCouple, tile.couples);
  f.loop(f.i64(0), f.i64(steps), pass, [&](Value first) {
    Value last = f.minimum(f.add(first, pass), f.i64(steps));
    for (int64_t member = 0; member < segment.members; ++member) {
      bool stored = inPlace(segment, member);
      int64_t rows = stored ? segment.alignedCouples(maxGroup) : maxGroup;
      f.loop(tile.firstCouple, end, rows, [&](Value couple) {
        Group group;
        if (stored) {
          WeightRows from = segment.rows(member, couple, rows);
          group = {from.firsts.front(), from.stride};
        } else {
          group = {decodedRow(member, f.sub(couple, tile.firstCouple)),
                   rowBytes};
        }
        Value row = sumsRow(member, f.sub(couple, tile.firstCouple));
        multiplyGroup(group, rows, first, last, panel, panelCount,
                      f.element(row, firstPanel, lanes * 4));
      });
    }
  });
}

/// One call of the micro kernel: steps [first, last) of `rows` rows and
/// `panelCount` panels, added to `to` (C of the first row).
void Blocked::multiplyGroup(const Group &group, int64_t rows, Value first,
                            Value last, Value panel, int64_t panelCount,
                            Value to) {
  auto pairs = VectorType::get({2 * lanes}, f.b.getBF16Type());
  auto product = [&](Value w, Value x, Value sum) -> Value {
    if (!bf16)
      return f.fma(w, x, sum);
    return LLVM::CallIntrinsicOp::create(
               f.b, f.floats(lanes),
               f.b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
               ValueRange{sum, LLVM::BitcastOp::create(f.b, pairs, x),
                          LLVM::BitcastOp::create(f.b, pairs, w)})
        .getResult(0);
  };
  auto place = [&](int64_t row, int64_t p) {
    return f.at(to, (row * tokens + p * lanes) * 4);
  };
  SmallVector<Value> initial;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t p = 0; p < panelCount; ++p)
      initial.push_back(f.load(f.floats(lanes), place(row, p), lanes * 4));
  SmallVector<Value> totals = f.loop(
      first, last, stepUnroll, initial, [&](Value at, ValueRange carried) {
        SmallVector<Value> next(carried);
        Value weight = f.element(group.first, at, 4);
        Value x = f.element(panel, at, lanes * 4);
        for (int64_t s = 0; s < stepUnroll; ++s) {
          SmallVector<Value> columns;
          for (int64_t p = 0; p < panelCount; ++p)
            columns.push_back(f.load(f.floats(lanes),
                                     f.at(x, p * panelBytes + s * lanes * 4),
                                     lanes * 4));
          for (int64_t row = 0; row < rows; ++row) {
            Value w = f.splat(
                f.load(f.floats(1), f.at(weight, row * group.stride + s * 4)),
                lanes);
            for (int64_t p = 0; p < panelCount; ++p) {
              Value &sum = next[row * panelCount + p];
              sum = product(w, columns[p], sum);
            }
          }
        }
        return next;
      });
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t p = 0; p < panelCount; ++p)
      f.store(totals[row * panelCount + p], place(row, p), lanes * 4);
}

//===----------------------------------------------------------------------===//
// Finish
//===----------------------------------------------------------------------===//

void Blocked::finish(const RowKernel::Tile &tile) {
  int64_t tokenFloats = kernel.maxMembers() * kernel.memberFloats();
  f.loop(f.i64(0), tile.tokens, lanes, [&](Value token) {
    for (int64_t member = 0; member < tile.segment.members; ++member)
      f.loop(f.i64(0), tile.couples, lanes, [&](Value couple) {
        Value from = f.element(sumsRow(member, couple), token, 4);
        SmallVector<Value> rows;
        for (int64_t i = 0; i < lanes; ++i)
          rows.push_back(
              f.load(f.floats(lanes), f.at(from, i * tokens * 4), lanes * 4));
        Value to = f.element(kernel.sumsAt(outputs, tile.firstCouple).first,
                             couple, 4);
        for (auto [i, column] : llvm::enumerate(f.transpose(rows)))
          f.store(
              column,
              f.at(to, (i * tokenFloats + member * kernel.memberFloats()) * 4));
      });
    Value left = f.minimum(f.sub(tile.tokens, token), f.i64(lanes));
    f.loop(f.i64(0), left, 1, [&](Value i) {
      Value place = f.add(token, i);
      Value scale;
      if (hasScale)
        scale = f.load(f.floats(1), f.element(scales, place, 4), 4);
      Sums tokenSums = kernel.sumsAt(f.element(outputs, i, tokenFloats * 4),
                                     tile.firstCouple);
      kernel.finishToken(tile, f.add(tile.firstToken, place), scale, tokenSums);
    });
  });
}

LogicalResult cpu::emitBlocked(kernel::MatmulOp op, func::FuncOp function,
                               const CpuVariant &variant, ModuleOp module) {
  if (kernel::getSchedule(op).getArithmetic() == kernel::Arithmetic::bf16 &&
      !variant.dotBf16)
    return op.emitOpError() << "expected f32 arithmetic: " << variant.name
                            << " has no bf16 products";
  RowKernel kernel(op, function, variant, module);
  if (failed(checkSegments(kernel.segments)))
    return failure();
  Blocked blocked(kernel);
  kernel.forTiles(
      [&](Value first, Value count) { blocked.prepare(first, count); },
      [&](ArrayRef<RowKernel::Tile> tiles) { blocked.compute(tiles.front()); });
  kernel.f.finish();
  if (kernel::hasMerge(op))
    emitArgmaxMerge(op, function, variant, module);
  return success();
}
