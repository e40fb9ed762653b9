//===- PagedAttention.cpp - What both attention emitters know -------------===//
//
// Small pieces of code around the paged KV cache and the softmax.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/PagedAttention.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

template <typename Op>
static PagedAttention sizesOf(Op op, const CpuVariant &variant) {
  llama::KvType kv = op.getKv().getType();
  PagedAttention sizes;
  sizes.headDim = op.getHeadDim();
  sizes.kvHeads = op.getKvHeads();
  sizes.group = op.getGroup();
  sizes.pageSize = kv.getPageSize();
  sizes.stored = kv.getElementType();
  sizes.storedBytes = sizes.stored.getIntOrFloatBitWidth() / 8;
  sizes.lanes = variant.lanes;
  sizes.vectors = llvm::divideCeil(sizes.headDim, sizes.lanes);
  sizes.queryScale = float(op.getScale().convertToFloat() * 1.4426950408889634);
  return sizes;
}

FailureOr<PagedAttention> cpu::describeAttention(Operation *op,
                                                 const CpuVariant &variant) {
  PagedAttention sizes =
      llvm::TypeSwitch<Operation *, PagedAttention>(op)
          .Case<kernel::AttentionDecodeOp, kernel::AttentionPrefillOp>(
              [&](auto attention) { return sizesOf(attention, variant); });
  if (sizes.pageSize % 16 != 0)
    return op->emitOpError() << "cannot be emitted for page size "
                             << sizes.pageSize << ": expected a multiple of 16";
  return sizes;
}

Value cpu::loadOfRow(KernelFunction &f, const PagedAttention &attention,
                     Value row, Type type, int64_t v) {
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  return f.loadFloats(f.at(row, v * attention.lanes * bytes), type,
                      attention.lanes, attention.lanesWithin(v), bytes);
}

void cpu::storeOfRow(KernelFunction &f, const PagedAttention &attention,
                     Value value, Value row, int64_t v) {
  Value to = f.at(row, v * attention.lanes * 4);
  int64_t valid = attention.lanesWithin(v);
  if (valid == attention.lanes)
    return f.store(value, to, 4);
  LLVM::MaskedStoreOp::create(f.b, value, to,
                              f.firstLanes(attention.lanes, valid), 4u);
}

Value cpu::kvOffset(KernelFunction &f, const PagedAttention &attention,
                    Value pageRow, Value kvHead, Value position) {
  Value page = f.loadIndex(pageRow, f.divide(position, attention.pageSize));
  Value head = f.add(f.mul(page, attention.kvHeads), kvHead);
  Value row = f.add(f.mul(head, attention.pageSize),
                    f.modulo(position, attention.pageSize));
  return f.mul(row, attention.rowBytes());
}

Value cpu::pageRow(KernelFunction &f, Value pages, Value sequence) {
  return f.element(pages, f.mul(sequence, f.dim(Dim::pagesPerSequence)), 4);
}

Value cpu::exp2OfNegative(KernelFunction &f, Value x) {
  return math::Exp2Op::create(
      f.b, x, arith::FastMathFlags::nnan | arith::FastMathFlags::ninf);
}

Value cpu::reciprocalOrZero(KernelFunction &f, Value sum) {
  Value zero = f.f32(0.0f);
  Value any = arith::CmpFOp::create(f.b, arith::CmpFPredicate::UNE, sum, zero);
  Value inverse = arith::DivFOp::create(f.b, f.f32(1.0f), sum);
  return arith::SelectOp::create(f.b, any, inverse, zero);
}

Value cpu::countFrom(KernelFunction &f, Value first, int64_t lanes) {
  auto type = VectorType::get({lanes}, f.b.getI32Type());
  SmallVector<int32_t> numbers = llvm::to_vector(llvm::seq<int32_t>(0, lanes));
  Value steps = arith::ConstantOp::create(
      f.b, DenseElementsAttr::get(type, ArrayRef<int32_t>(numbers)));
  Value first32 = arith::TruncIOp::create(f.b, f.b.getI32Type(), first);
  return arith::AddIOp::create(f.b, steps, f.splat(first32, lanes));
}

Value cpu::hideFrom(KernelFunction &f, Value value, Value index, Value limit) {
  Value seen =
      arith::CmpIOp::create(f.b, arith::CmpIPredicate::slt, index, limit);
  return arith::SelectOp::create(f.b, seen, value,
                                 f.f32(hidden, f.lanesOf(value)));
}
