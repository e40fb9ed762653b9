//===- PagedAttention.cpp - What GPU attention emitters share -------------===//
//
// Small pieces of code around the paged KV cache and the softmax.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/PagedAttention.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

template <typename Op> static PagedAttention sizesOf(Op op) {
  llama::KvType kv = op.getKv().getType();
  PagedAttention sizes;
  sizes.headDim = op.getHeadDim();
  sizes.kvHeads = op.getKvHeads();
  sizes.group = op.getGroup();
  sizes.pageSize = kv.getPageSize();
  sizes.stored = kv.getElementType();
  sizes.storedBytes = sizes.stored.getIntOrFloatBitWidth() / 8;
  sizes.queryScale =
      float(op.getScale().convertToFloat() * 1.4426950408889634); // log2(e)
  return sizes;
}

PagedAttention gpu::describeAttention(Operation *op) {
  return llvm::TypeSwitch<Operation *, PagedAttention>(op)
      .Case<kernel::AttentionDecodeOp, kernel::AttentionPrefillOp>(
          [](auto attention) { return sizesOf(attention); });
}

/// The KV cache and the page table of either skeleton.
static std::pair<Value, Value> cacheAndPages(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::pair<Value, Value>>(op)
      .Case<kernel::AttentionDecodeOp, kernel::AttentionPrefillOp>(
          [](auto attention) -> std::pair<Value, Value> {
            return {attention.getKv(), attention.getPages()};
          });
}

KvHead gpu::findKvHead(KernelFunction &f, const PagedAttention &sizes,
                       Operation *op, Value head, Value sequence) {
  auto [kv, pages] = cacheAndPages(op);
  // Padding names a sequence far away: its row's number needs 64 bits.
  auto wide = [&](Value value) -> Value {
    return arith::ExtSIOp::create(f.b, f.b.getI64Type(), value);
  };
  Value row = f.mul(wide(sequence), wide(f.dim(Dim::pagesPerSequence)));
  KvHead found;
  found.keys = f.element(f.pointer(kv), head, sizes.headBytes());
  found.values = f.element(f.valuesPointer(kv), head, sizes.headBytes());
  found.pages = f.element(f.pointer(pages), row, 4);
  return found;
}

Value gpu::loadPage(KernelFunction &f, const PagedAttention &sizes,
                    const KvHead &kv, Value position) {
  return f.loadI32(kv.pages, f.divide(position, sizes.pageSize));
}

Value gpu::kvOffset(KernelFunction &f, const PagedAttention &sizes, Value page,
                    Value position) {
  Type i64 = f.b.getI64Type();
  Value page64 = arith::ExtSIOp::create(f.b, i64, page);
  Value row = arith::ExtSIOp::create(
      f.b, i64, f.mul(f.modulo(position, sizes.pageSize), sizes.rowBytes()));
  return f.add(f.mul(page64, sizes.kvHeads * sizes.headBytes()), row);
}

Value gpu::exp2OfDifference(KernelFunction &f, Value x, Value y) {
  return f.exp2(arith::SubFOp::create(f.b, x, y));
}

Value gpu::hideFrom(KernelFunction &f, Value score, Value position,
                    Value context) {
  return arith::SelectOp::create(f.b, f.less(position, context), score,
                                 f.f32(hidden));
}

Value gpu::reciprocalOrZero(KernelFunction &f, Value sum) {
  Value zero = f.f32(0.0f);
  Value any = arith::CmpFOp::create(f.b, arith::CmpFPredicate::UNE, sum, zero);
  return arith::SelectOp::create(f.b, any, f.reciprocal(sum), zero);
}
