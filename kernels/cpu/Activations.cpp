//===- Activations.cpp - What a prologue leaves for its kernel ------------===//
//
// One pass over the row, a register at a time; a quantized row is decoded into
// its place first. The statistic is kept in several registers, so that its sum
// does not wait for one addition after another.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/Activations.h"

#include "dialects/llama/StoredTypes.h"
#include "kernels/code/Payload.h"
#include "kernels/cpu/BlockDecoder.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

int64_t cpu::columns(kernel::PrologueOp prologue) {
  return cast<RankedTensorType>(prologue.getSource().getType()).getDimSize(1);
}

kernel::DecoderOp cpu::lookupDecoder(Operation *op, FlatSymbolRefAttr name) {
  return SymbolTable::lookupNearestSymbolFrom<kernel::DecoderOp>(op, name);
}

/// Decodes a quantized row of `columns` at `source` to f32 at `to`.
static void decodeRow(KernelFunction &f, const BlockDecoder &decoder,
                      Value source, Value to, int64_t columns) {
  int64_t lanes = decoder.lanes;
  f.loop(f.i64(0), f.i64(columns / decoder.elements), 1, [&](Value index) {
    DecodedBlock block(f, decoder, f.element(source, index, decoder.bytes));
    Value out = f.element(to, index, decoder.elements * 4);
    for (const BlockDecoder::Group &group : decoder.groups)
      for (int64_t i = 0; i < group.chunks; ++i) {
        int64_t chunk = group.firstChunk + i;
        f.store(block.weights(group, chunk), f.at(out, chunk * lanes * 4));
      }
  });
}

namespace {
/// Emits the pass over one row.
struct RowPass {
  KernelFunction &f;
  kernel::PrologueOp prologue;
  Value source; // of the row
  Type stored;
  Value to;
  int64_t lanes;

  /// Handles elements [at, at + lanes), of which `valid` exist; returns the
  /// next partial statistic.
  Value step(Value at, std::optional<int64_t> valid, Value statistic);
};
} // namespace

Value RowPass::step(Value at, std::optional<int64_t> valid, Value statistic) {
  int64_t bytes = stored.getIntOrFloatBitWidth() / 8;
  Value x = f.loadFloats(f.element(source, at, bytes), stored, lanes, valid);
  auto masked = [&](Value value) -> Value {
    if (!valid)
      return value;
    SmallVector<int64_t> pick;
    for (int64_t lane = 0; lane < lanes; ++lane)
      pick.push_back(lane < *valid ? lane : lanes + lane);
    return f.shuffle(value, f.f32(0, lanes), pick);
  };
  Value mapped = x;
  if (!prologue.getMap().empty()) {
    SmallVector<Value> arguments = {x};
    for (Value column : prologue.getColumns()) {
      Type type = cast<RankedTensorType>(column.getType()).getElementType();
      Value pointer =
          f.element(f.pointer(column), at, type.getIntOrFloatBitWidth() / 8);
      arguments.push_back(f.loadFloats(pointer, type, lanes, valid));
    }
    mapped = inlinePayload(f, prologue.getMap(), arguments, lanes).front();
  }
  f.store(masked(mapped), f.element(to, at, 4), lanes * 4);
  if (!statistic)
    return {};
  Value term = inlinePayload(f, prologue.getStatistic(), x, lanes).front();
  return arith::AddFOp::create(f.b, statistic, masked(term));
}

/// Row of the source that `token` reads.
static Value sourceRow(KernelFunction &f, kernel::PrologueOp prologue,
                       Value token) {
  if (!prologue.getRows())
    return token;
  return f.loadIndex(f.pointer(prologue.getRows()), token);
}

Value cpu::prepareRow(KernelFunction &f, kernel::PrologueOp prologue,
                      Value token, Value activations, int64_t padded) {
  auto type = cast<RankedTensorType>(prologue.getSource().getType());
  ElementType stored = *llama::elementType(type.getElementType());
  int64_t count = columns(prologue), lanes = f.variant.lanes;
  Value source =
      f.element(f.pointer(prologue.getSource()), sourceRow(f, prologue, token),
                rowBytes(stored, count));
  RowPass pass{f, prologue, source, type.getElementType(), activations, lanes};
  if (isQuantized(stored)) {
    BlockDecoder decoder(lookupDecoder(prologue, prologue.getDecoderAttr()),
                         f.variant);
    decodeRow(f, decoder, source, activations, count);
    pass.source = activations;
    pass.stored = f.b.getF32Type();
  }
  bool hasStatistic = !prologue.getStatistic().empty();
  int64_t whole = count / lanes * lanes;
  int64_t unroll = whole / lanes >= 4 ? 4 : 1;
  int64_t main = whole / (unroll * lanes) * unroll * lanes;
  SmallVector<Value> partial;
  if (hasStatistic)
    partial.assign(unroll, f.f32(0, lanes));
  partial = f.loop(f.i64(0), f.i64(main), unroll * lanes, partial,
                   [&](Value at, ValueRange carried) {
                     SmallVector<Value> next;
                     for (int64_t i = 0; i < unroll; ++i) {
                       Value was = hasStatistic ? carried[i] : Value();
                       Value now = pass.step(f.add(at, i * lanes), {}, was);
                       if (now)
                         next.push_back(now);
                     }
                     return next;
                   });
  Value statistic;
  for (Value part : partial)
    statistic = statistic ? arith::AddFOp::create(f.b, statistic, part) : part;
  for (int64_t at = main; at < whole; at += lanes)
    statistic = pass.step(f.i64(at), {}, statistic);
  if (whole < count)
    statistic = pass.step(f.i64(whole), count - whole, statistic);
  for (int64_t at = llvm::alignTo(count, lanes); at < padded; at += lanes)
    f.store(f.f32(0, lanes), f.at(activations, at * 4), lanes * 4);
  if (!hasStatistic)
    return {};
  return inlinePayload(f, prologue.getScale(), f.sum(statistic), 1).front();
}

void cpu::prepareSums(KernelFunction &f, Value activations, int64_t columns,
                      int64_t elements, Value to) {
  int64_t lanes = f.variant.lanes;
  f.loop(f.i64(0), f.i64(columns / elements), 1, [&](Value run) {
    Value from = f.element(activations, run, elements * 4);
    Value sum;
    for (int64_t at = 0; at < elements; at += lanes) {
      Value x = f.load(f.floats(lanes), f.at(from, at * 4), lanes * 4);
      sum = sum ? arith::AddFOp::create(f.b, sum, x) : x;
    }
    Value scaled = arith::MulFOp::create(f.b, f.sum(sum), f.f32(1.0f / lanes));
    f.store(scaled, f.element(to, run, 4), 4);
  });
}
