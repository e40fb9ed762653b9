//===- Batch.h - The inputs of one step -------------------------*- C++ -*-===//
//
// Packs the new tokens of one or more sequences into the ragged arrays that
// kernels read: prefill, decode and mixtures of them look alike.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_GENERATION_BATCH_H
#define QUIPU_RUNTIME_GENERATION_BATCH_H

#include "runtime/devices/Device.h"
#include "runtime/kvcache/Sequence.h"

#include <cstdint>
#include <span>
#include <vector>

namespace quipu {

/// Of which tokens the logits (or argmax) are wanted.
enum class Rows { none, last, all };

/// The next tokens of a sequence, whose slots are reserved.
struct StepRequest {
  Sequence *sequence;
  std::span<const int32_t> tokens; // at least one
  Rows rows = Rows::last;
};

/// Number of rows that requests ask for.
int64_t rowCount(std::span<const StepRequest> requests);

/// What a batch is laid out for.
struct BatchShape {
  int64_t pageSize = 0;         // tokens
  int64_t pagesPerSequence = 0; // row length of the page table
  int64_t queryTile = 0;        // most tokens in a work item; 0: no work list
  int64_t maxSplits = 1;
  int64_t paddedTokens = 0; // T is at least this; padding has slot -1
};

/// The arrays of one step; see plan::Input.
struct Batch {
  KernelDims dims = {};
  std::vector<int32_t> tokens, positions, slots, sequences; // (T)
  std::vector<int32_t> pages; // (requests, pagesPerSequence), 0: no page yet
  std::vector<int32_t> rows;  // (R)
  std::vector<WorkItem> work; // (W)

  StepInputs inputs() const {
    return {tokens, positions, slots, sequences, pages, rows, work};
  }
};

/// plan::splitLength() of a batch.
int64_t splitLength(int64_t kvLength, const BatchShape &shape);

Batch buildBatch(std::span<const StepRequest> requests,
                 const BatchShape &shape);

} // namespace quipu

#endif // QUIPU_RUNTIME_GENERATION_BATCH_H
