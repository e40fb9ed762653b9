//===- StepCost.h - Bytes and operations of a step --------------*- C++ -*-===//
//
// Counts, from the plan alone, what each launch has to read and to compute:
// what measured times are held against.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_BENCH_STEPCOST_H
#define QUIPU_TOOLS_COMMANDS_BENCH_STEPCOST_H

#include "base/Result.h"
#include "runtime/package/Package.h"

#include <cstdint>
#include <string>

namespace quipu {

/// What a launch or step takes at least, whatever its kernels look like:
/// parameters read once, KV positions read once for each token, products of
/// linear layers and of attention. Activations and writes are not counted. What
/// a plan from a file may ask for beyond INT64_MAX is INT64_MAX.
struct Cost {
  int64_t parameterBytes = 0;
  int64_t kvBytes = 0;
  int64_t flops = 0; // a multiplication and an addition are two

  int64_t bytes() const;
  Cost &operator+=(const Cost &other);
};

/// A step of one sequence: `tokens` at positions from `first` on, logits asked
/// of the last `rows`.
struct StepShape {
  int64_t first = 0;
  int64_t tokens = 1;
  int64_t rows = 1;
};

/// Query heads of the model of `package`, which its plan does not say; as many
/// as KV heads where nothing does. The error: a number that cannot be of heads.
Result<int64_t> queryHeads(const Package &package);

/// Cost of a launch. A merge (a kernel that finishes another's work, by its
/// name) costs nothing. `heads` is the number of query heads.
Cost launchCost(const plan::Plan &plan, const plan::Launch &launch,
                const StepShape &shape, int64_t heads);

/// Sum over the launches of a bucket; a parameter that several launches read is
/// counted for each.
Cost stepCost(const plan::Plan &plan, const plan::Bucket &bucket,
              const StepShape &shape, int64_t heads);

/// What kind of work a launch is: its label without the layer, with ".merge" if
/// it is one: "layers.3.qkv" gives "qkv".
std::string launchClass(const plan::Plan &plan, const plan::Launch &launch);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_BENCH_STEPCOST_H
