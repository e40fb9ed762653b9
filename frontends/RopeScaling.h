//===- RopeScaling.h - Rotary frequencies of every variant ------*- C++ -*-===//
//
// Turns what configs say about rotary embeddings into the numbers that the
// graph carries, so that nothing behind the frontends knows a scaling variant.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_ROPESCALING_H
#define QUIPU_FRONTENDS_ROPESCALING_H

#include "base/Result.h"
#include "frontends/Model.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// Rotary parameters by the names of Hugging Face's configs; fields that a kind
/// does not use are ignored.
struct RopeScaling {
  enum class Kind { none, linear, llama3, yarn, longrope };

  Kind kind = Kind::none;
  double theta = 10000.0;
  int64_t dimension = 0; // rotated elements of a head: head_dim
  double factor = 1.0;   // linear, llama3, yarn; longrope: max / original
  int64_t originalMaxPositionEmbeddings = 0; // llama3, yarn, longrope
  double lowFreqFactor = 1.0;                // llama3
  double highFreqFactor = 4.0;               // llama3
  double betaFast = 32.0;                    // yarn
  double betaSlow = 1.0;                     // yarn
  bool truncate = true;                      // yarn
  std::optional<double> mscale;              // yarn
  std::optional<double> mscaleAllDim;        // yarn
  std::optional<double> attentionFactor;     // yarn, longrope

  /// Divisors of the frequencies, (dimension / 2): longrope's factors, or
  /// GGUF's rope_freqs.weight with any kind. Empty: none.
  std::vector<float> divisors;
};

/// The inverse frequencies and the attention factor, in f32 and in the order of
/// operations of Hugging Face's modeling_rope_utils. Fails, naming the
/// parameter, if one is out of range; the caller puts the file's name in front.
Result<Rope> computeRope(const RopeScaling &scaling, RopePairing pairing);

} // namespace quipu

#endif // QUIPU_FRONTENDS_ROPESCALING_H
