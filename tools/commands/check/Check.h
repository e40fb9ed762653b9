//===- Check.h - Holds a device against the CPU and a reference -*- C++ -*-===//
//
// The comparisons of `quipu check`, each on engines of the caller's making, and
// the bounds that they are held to.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_CHECK_CHECK_H
#define QUIPU_TOOLS_COMMANDS_CHECK_CHECK_H

#include "runtime/generation/Engine.h"
#include "runtime/sampler/Sampler.h"
#include "tools/commands/check/Golden.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace quipu {

/// The bound on the error of logits, ||d|| / ||ref||, of `package` on a
/// `target` for that kind of device: 1e-4 where f32 is the narrowest of the
/// types that kernels form products in and that the KV cache has, 2e-3 for f16
/// and 2e-2 for bf16. Kernels that do not say theirs have the bound of bf16.
double logitsTolerance(const Package &package, std::string_view target,
                       plan::DeviceKind kind);

/// The same of what `engine` runs.
double logitsTolerance(Engine &engine);

/// How far logits and a greedy answer are from those of a reference.
struct Likeness {
  double error = 0;       // ||d|| / ||ref|| of all steps; infinite: no number
  double worstStep = 0;   // the same of one; 0: not asked
  int64_t tokens = 0;     // of all answers
  int64_t sameTokens = 0; // of each answer, up to its first difference
  /// Where an answer first differs, by how much the reference prefers its own
  /// token, and how much of that an error may hide. The answer with the largest
  /// margin of what is allowed counts.
  double margin = 0, marginAllowed = 0;

  bool passes(double tolerance) const {
    return error <= tolerance && worstStep <= std::max(tolerance, 2e-2) &&
           margin <= marginAllowed;
  }
};

/// The answer that `reference` gives to `prompt` token by token, the most
/// likely one each time, forced upon both; and the one that `engine` writes by
/// itself.
Result<Likeness> compareEngines(Engine &reference, Engine &engine,
                                std::span<const int32_t> prompt,
                                int64_t tokens);

/// `answers` of another implementation. A token that differs is allowed where
/// an error of `tolerance`, spread evenly over a step's logits, moves the
/// difference of two of them as far in more than one case in 200.
Result<Likeness> compareWithGolden(Engine &engine,
                                   std::span<const GoldenAnswer> answers,
                                   double tolerance);

/// Tokens that a device drew by itself.
struct Draws {
  int64_t tokens = 0; // 0: the device draws none
  int64_t same = 0;   // up to the first that the host would not have drawn
};

/// Lets the device answer `prompt` with `tokens` drawn as `options` says, and
/// draws on the host from the device's own logits after the same tokens.
Result<Draws> compareDraws(Engine &engine, std::span<const int32_t> prompt,
                           int64_t tokens, const SamplerOptions &options);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_CHECK_CHECK_H
