//===- PagedAttention.h - What GPU attention emitters share -----*- C++ -*-===//
//
// Sizes of an attention skeleton, addresses in the paged KV cache, and the
// numbers that an online softmax starts from.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_PAGEDATTENTION_H
#define QUIPU_KERNELS_NVPTX_PAGEDATTENTION_H

#include "kernels/nvptx/KernelFunction.h"

namespace quipu::gpu {

/// The running maximum of a softmax before any score; below every score.
inline constexpr float noMaximum = -1.0e30f;
/// What a score is replaced with where a token must not look: exp2(hidden - m)
/// is 0 for every running maximum m, noMaximum included. Both are finite, so
/// that no difference of infinities arises.
inline constexpr float hidden = -3.0e38f;

/// Sizes of one skeleton.
struct PagedAttention {
  int64_t headDim; // D
  int64_t kvHeads;
  int64_t group; // G: query heads per KV head
  int64_t pageSize;
  mlir::Type stored; // f32, f16 or bf16
  int64_t storedBytes;
  float queryScale; // softmax scale times log2(e): scores are exponents of 2

  int64_t queryHeads() const { return kvHeads * group; }
  int64_t rowBytes() const { return headDim * storedBytes; }
  int64_t headBytes() const { return pageSize * rowBytes(); } // in one page
};

/// Sizes of `op`, which is either attention skeleton.
PagedAttention describeAttention(mlir::Operation *op);

/// One KV head of one sequence: where it would lie in page 0, and the
/// sequence's row of the page table.
struct KvHead {
  mlir::Value keys, values, pages;
};

/// The KV head `head` (i32) of `sequence` (i32) for either skeleton `op`. Reads
/// nothing: a sequence that is not there may be asked for and not used.
KvHead findKvHead(KernelFunction &f, const PagedAttention &sizes,
                  mlir::Operation *op, mlir::Value head, mlir::Value sequence);

/// The page (i32) that holds `position` (i32), which must be in the page table.
mlir::Value loadPage(KernelFunction &f, const PagedAttention &sizes,
                     const KvHead &kv, mlir::Value position);

/// Byte offset (i64) of `position`, which `page` holds, from KvHead::keys or
/// ::values.
mlir::Value kvOffset(KernelFunction &f, const PagedAttention &sizes,
                     mlir::Value page, mlir::Value position);

/// 2^(x - y), for numbers that are finite.
mlir::Value exp2OfDifference(KernelFunction &f, mlir::Value x, mlir::Value y);

/// `score` where `position` < `context` (i32), else `hidden`.
mlir::Value hideFrom(KernelFunction &f, mlir::Value score, mlir::Value position,
                     mlir::Value context);

/// 1 / sum, or 0 where nothing was summed.
mlir::Value reciprocalOrZero(KernelFunction &f, mlir::Value sum);

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_PAGEDATTENTION_H
