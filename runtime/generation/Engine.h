//===- Engine.h - Evaluates tokens with a package ---------------*- C++ -*-===//
//
// Joins package, weights, device and KV cache: given sequences and their next
// tokens, it runs steps and returns logits or the most likely tokens.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_GENERATION_ENGINE_H
#define QUIPU_RUNTIME_GENERATION_ENGINE_H

#include "base/Result.h"
#include "runtime/devices/DeviceChoice.h"
#include "runtime/generation/Batch.h"
#include "runtime/kvcache/Sequence.h"
#include "runtime/weights/WeightStore.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace quipu {

struct EngineOptions {
  std::string device = "auto"; // see DeviceName
  std::string cpuTarget;       // "": the best that the processor runs
  int threads = 0;             // 0: as many as the process may use
  int64_t context = 0;         // tokens; 0: the model's, or what fits in memory
  int64_t sequences = 1; // that may be alive at once with a full context each
  std::optional<uint64_t> randomWeights; // a seed, in place of stored weights
  std::function<void(int64_t done, int64_t total)> loadProgress; // bytes
};

/// Which output a step leaves.
enum class Entry { logits, argmax };

/// Results of a step, valid until the next one. Row r belongs to the r-th
/// token whose rows were asked for, in the order of the requests.
struct StepResult {
  std::span<const float> logits;   // (rows, vocab); Entry::logits
  std::span<const int32_t> argmax; // (rows); Entry::argmax
  int64_t rows = 0;
};

class Engine {
public:
  /// On the device that options.device names. One that nobody asked for and
  /// that fails gives way to the CPU.
  static Result<Engine> create(std::shared_ptr<const Package> package,
                               const EngineOptions &options);

  /// As above on a device of the caller's making.
  static Result<Engine> create(std::shared_ptr<const Package> package,
                               const EngineOptions &options,
                               const DeviceFactory &makeDevice);

  const Package &package() const { return *source; }
  Device &device() { return *runner; }

  /// Why it is this one: "asked for"; empty on a device of the caller's making.
  const std::string &deviceReason() const { return reason; }

  /// Most tokens of a sequence.
  int64_t context() const { return limits.context; }
  int64_t vocabSize() const { return source->plan.vocabSize; }

  /// Whether the package has a bucket for this entry.
  bool has(Entry entry) const;

  /// Most tokens of one step; 0 without a bucket of that entry.
  int64_t maxStepTokens(Entry entry) const;

  Sequence newSequence() const {
    return Sequence(allocator, source->plan.kv.pageSize);
  }

  /// Runs one step and appends the tokens to their sequences. Each request has
  /// another sequence. Errors: more tokens or rows than a bucket takes, a token
  /// outside the vocabulary, a full context or cache; nothing was appended.
  Result<StepResult> step(std::span<const StepRequest> requests,
                          Entry entry = Entry::logits);

  /// Evaluates any number of tokens of one sequence in steps of the largest
  /// bucket; the result is that of the last token. `keepGoing`, if given, is
  /// asked between steps and told the tokens done; false ends with an error.
  Result<StepResult>
  prefill(Sequence &sequence, std::span<const int32_t> tokens,
          Entry entry = Entry::logits,
          const std::function<bool(int64_t done)> &keepGoing = {});

  /// Evaluates `token` and up to `steps` - 1 tokens after it, each the most
  /// likely after those before; `onToken` sees each that was found, and false
  /// ends it. The last one found is not evaluated. A device that can goes on by
  /// itself meanwhile. Errors: as for step(), and a token that is none.
  Result<void>
  decodeGreedily(Sequence &sequence, int32_t token, int64_t steps,
                 const std::function<bool(int32_t token)> &onToken);

  /// Whether the device can draw tokens by itself as `sampling` says.
  bool drawsTokens(const Sampling &sampling) const;

  /// As decodeGreedily() where drawsTokens(), each token being drawn as
  /// `sampling` says; its history ends in `token`. Runs 64 steps at most.
  Result<void> decodeDrawing(Sequence &sequence, int32_t token, int64_t steps,
                             const Sampling &sampling,
                             const std::function<bool(int32_t token)> &onToken);

private:
  Engine() = default;

  static Result<Engine> create(std::shared_ptr<const Package> package,
                               const EngineOptions &options,
                               const ChosenDevice &device);

  Result<int64_t> chooseBucket(Entry entry, int64_t tokens, int64_t rows) const;
  Result<void> checkRequests(std::span<const StepRequest> requests) const;
  Result<void> reserveSlots(std::span<const StepRequest> requests);
  Batch batchOf(std::span<const StepRequest> requests, int64_t bucket) const;
  Result<bool> decodeAhead(Sequence &sequence, int32_t &token, int64_t bucket,
                           int64_t steps, const Sampling *sampling,
                           const std::function<bool(int32_t)> &onToken);
  Result<StepResult> readResult(int64_t bucket, Entry entry, int64_t rows);

  std::shared_ptr<const Package> source;
  std::unique_ptr<WeightStore> weights;
  std::shared_ptr<PageAllocator> allocator;
  DeviceLimits limits;
  std::string reason;
  std::unique_ptr<Device> runner; // after what it refers to
};

} // namespace quipu

#endif // QUIPU_RUNTIME_GENERATION_ENGINE_H
