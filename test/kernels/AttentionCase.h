//===- AttentionCase.h - A batch that attention is tried on -----*- C++ -*-===//
//
// Random queries and a paged KV cache with shuffled pages, for any mix of
// sequences; and what attention over them is, in double precision.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_KERNELS_ATTENTIONCASE_H
#define QUIPU_TEST_KERNELS_ATTENTIONCASE_H

#include "runtime/package/KernelAbi.h"
#include "test/kernels/GuardedBuffer.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace quipu::test {

/// Sizes of an attention kernel.
struct AttentionShape {
  int64_t headDim = 64;
  int64_t kvHeads = 2;
  int64_t group = 3;
  int64_t pageSize = 16;
  std::string type = "f32"; // of the KV cache: f32, f16 or bf16

  int64_t queryHeads() const { return kvHeads * group; }
};

/// `count` tokens of one sequence, the first at position `first`.
struct SequencePart {
  int64_t first;
  int64_t count;
};

/// A step's inputs. What no kernel may read is NaN, an unreadable page or a
/// page number that leads far away; a sequence part at position -1 is padding.
class AttentionCase {
public:
  AttentionCase(AttentionShape shape, std::vector<SequencePart> parts,
                uint32_t seed);

  /// Launch arguments up to the page table: query, keys, values, positions,
  /// sequences, pages.
  std::vector<void *> arguments() const;
  /// The same with their sizes.
  std::vector<const GuardedBuffer *> buffers() const;
  KernelDims dims() const;
  /// Items of up to `most` consecutive tokens.
  std::vector<WorkItem> workList(int64_t most) const;
  /// (T, query heads * D), in double precision.
  std::vector<double> expected() const;
  /// ||actual - expected|| / ||expected||.
  double errorOf(const float *actual) const;

  AttentionShape shape;
  int64_t tokens = 0;

private:
  double stored(const GuardedBuffer &cache, int64_t sequence, int64_t head,
                int64_t position, int64_t d) const;
  void fillSequence(int64_t sequence, int64_t length,
                    std::vector<int32_t> &freePages);

  std::vector<SequencePart> parts;
  int64_t pagesPerSequence = 0;
  std::unique_ptr<GuardedBuffer> queries, keys, values, positions, sequences,
      pages;
  std::mt19937 random;
};

/// Text of a module with one attention kernel called `kernel`; `skeleton` is
/// "decode" or "prefill", `schedule` the fields of its schedule or empty.
std::string attentionModule(const AttentionShape &shape,
                            const std::string &skeleton,
                            const std::string &schedule);

} // namespace quipu::test

#endif // QUIPU_TEST_KERNELS_ATTENTIONCASE_H
