//===- BytePairEncoder.h - Byte-level BPE on one word -----------*- C++ -*-===//
//
// Turns the bytes of one pre-tokenized word into token ids by repeatedly
// merging the adjacent pair of lowest rank. Built from a TokenizerSpec.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_BYTEPAIRENCODER_H
#define QUIPU_RUNTIME_TOKENIZER_BYTEPAIRENCODER_H

#include "runtime/tokenizer/TokenizerSpec.h"

#include <array>
#include <functional>
#include <string_view>

namespace quipu {

/// The merges of a vocabulary, by ids. Immutable: encode() may be called from
/// several threads.
class BytePairEncoder {
public:
  /// Id of a token by its text in the vocabulary, or -1.
  using Lookup = std::function<int32_t(std::string_view)>;

  /// Fails where a merge names a token that the vocabulary does not have.
  static Result<BytePairEncoder> create(const TokenizerSpec &spec,
                                        const Lookup &idOf);

  /// Appends the ids of `word` in O(n log n). A byte that has no token of its
  /// own is left out, as Hugging Face does without an unknown token.
  void encode(std::string_view word, std::vector<int32_t> &ids) const;

private:
  struct Merge {
    uint64_t pair; // left id << 32 | right id; kEmpty: free slot
    uint32_t rank;
    int32_t merged;
  };
  struct Symbol;
  struct Candidate;
  static constexpr uint64_t kEmpty = ~uint64_t(0);

  BytePairEncoder() = default;
  size_t slotOf(uint64_t pair) const;
  const Merge *find(int32_t left, int32_t right) const;

  std::array<int32_t, 256> byteIds{}; // -1: no token
  std::vector<Merge> table;           // open addressing, a power of two
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_BYTEPAIRENCODER_H
