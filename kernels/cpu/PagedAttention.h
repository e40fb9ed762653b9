//===- PagedAttention.h - What both attention emitters know -----*- C++ -*-===//
//
// Sizes of an attention skeleton, addresses in the paged KV cache, and the
// numbers that an online softmax starts from.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_PAGEDATTENTION_H
#define QUIPU_KERNELS_CPU_PAGEDATTENTION_H

#include "kernels/cpu/KernelFunction.h"

#include <algorithm>

namespace quipu::cpu {

/// The running maximum of a softmax before any score; below every score.
inline constexpr float noMaximum = -1.0e30f;
/// What a score is replaced with where a token must not look: exp2(hidden - m)
/// is 0 for every running maximum m, noMaximum included. Both are finite, so
/// that no difference of infinities arises.
inline constexpr float hidden = -3.0e38f;

/// Sizes of one skeleton; L is the variant's lanes.
struct PagedAttention {
  int64_t headDim; // D
  int64_t kvHeads;
  int64_t group;     // G: query heads per KV head
  int64_t pageSize;  // a multiple of 16
  mlir::Type stored; // f32, f16 or bf16
  int64_t storedBytes;
  int64_t lanes;    // L
  int64_t vectors;  // D / L, rounded up
  float queryScale; // softmax scale times log2(e): scores are exponents of 2

  int64_t queryHeads() const { return kvHeads * group; }
  int64_t rowBytes() const { return headDim * storedBytes; }
  /// D as whole vectors: floats of a row in scratch memory, whose lanes behind
  /// D are zero.
  int64_t paddedDim() const { return vectors * lanes; }
  int64_t scratchRowBytes() const { return paddedDim() * 4; }
  /// Lanes of vector `v` of a row that lie within D.
  int64_t lanesWithin(int64_t v) const {
    return std::min(lanes, headDim - v * lanes);
  }
};

/// Sizes of `op`, which is either attention skeleton; an error at the op where
/// the emitters cannot handle them.
mlir::FailureOr<PagedAttention> describeAttention(mlir::Operation *op,
                                                  const CpuVariant &variant);

/// Vector `v` of the row of D elements at `row`, stored as `type`: f32 lanes.
/// Those behind D are zero, and what lies there is not touched.
mlir::Value loadOfRow(KernelFunction &f, const PagedAttention &attention,
                      mlir::Value row, mlir::Type type, int64_t v);
/// Stores vector `v` of the row of D floats at `row`; nothing behind D.
void storeOfRow(KernelFunction &f, const PagedAttention &attention,
                mlir::Value value, mlir::Value row, int64_t v);

/// Byte offset of (kv head, position) of the sequence whose page table row is
/// `pageRow`, in the keys as in the values of a layer. Positions up to the end
/// of the same page follow at rowBytes each. (i64)
mlir::Value kvOffset(KernelFunction &f, const PagedAttention &attention,
                     mlir::Value pageRow, mlir::Value kvHead,
                     mlir::Value position);

/// Address of `sequence`'s row of the page table.
mlir::Value pageRow(KernelFunction &f, mlir::Value pages, mlir::Value sequence);

/// 2^x for x <= 0, finite; lane by lane.
mlir::Value exp2OfNegative(KernelFunction &f, mlir::Value x);

/// 1 / sum, or 0 where nothing was summed.
mlir::Value reciprocalOrZero(KernelFunction &f, mlir::Value sum);

/// Lane i is first + i, as i32.
mlir::Value countFrom(KernelFunction &f, mlir::Value first, int64_t lanes);

/// `value` where `index` < `limit` (signed, i32 vectors), else `hidden`.
mlir::Value hideFrom(KernelFunction &f, mlir::Value value, mlir::Value index,
                     mlir::Value limit);

/// Address of the partial result of (token, query head, split).
mlir::Value partialAt(KernelFunction &f, const PagedAttention &sizes,
                      mlir::Value token, mlir::Value queryHead,
                      mlir::Value split);
/// Combines the splits of one query head of `token` into its result:
/// sum_s 2^(m_s - m) * values_s / sum_s 2^(m_s - m) * total_s.
void emitMergeHead(KernelFunction &f, const PagedAttention &sizes,
                   mlir::Value token, mlir::Value queryHead);

} // namespace quipu::cpu

#endif // QUIPU_KERNELS_CPU_PAGEDATTENTION_H
