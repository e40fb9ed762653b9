//===- MemoryPlan.h - How much memory a model takes -------------*- C++ -*-===//
//
// Every byte that an engine will map or allocate, known from the package alone
// and before anything is loaded.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_GENERATION_MEMORYPLAN_H
#define QUIPU_RUNTIME_GENERATION_MEMORYPLAN_H

#include "runtime/package/Package.h"

#include <cstdint>

namespace quipu {

/// Bytes, by what they are for, while steps ask for one row of logits for each
/// sequence; more touch more of a CPU's arena. `weights` are pages of files,
/// which the system may drop and read again; the others are anonymous memory,
/// which it may not.
struct MemoryPlan {
  int64_t context = 0; // tokens, for each of `sequences`
  int64_t sequences = 1;
  int64_t weights = 0; // of the stored tensors that the plan reads
  int64_t kvPerToken = 0;
  int64_t kv = 0;      // whole pages for every sequence at full context
  int64_t arena = 0;   // what steps touch of it, if they take a whole prompt
                       // and leave one row of logits for each sequence; on a
                       // GPU all
  int64_t tables = 0;  // rope tables for `context`
  int64_t scratch = 0; // of all threads
  int64_t inputs = 0;  // the arrays of a step
  int64_t code = 0;    // the image of the target

  int64_t anonymous() const {
    return kv + arena + tables + scratch + inputs + code;
  }
};

/// The plan for `context` tokens on a package's `target` with `threads`.
MemoryPlan planMemory(const Package &package, int64_t target, int threads,
                      int64_t context, int64_t sequences);

/// The longest context, up to the model's, whose anonymous memory and weights
/// fit in `available` bytes; 0 where not even one page does.
int64_t largestContext(const Package &package, int64_t target, int threads,
                       int64_t sequences, int64_t available);

/// The context of an engine that was asked for none: the model's, or what fits
/// in `available` bytes as for largestContext, at least one page.
int64_t defaultContext(const Package &package, int64_t target, int threads,
                       int64_t sequences, int64_t available);

} // namespace quipu

#endif // QUIPU_RUNTIME_GENERATION_MEMORYPLAN_H
