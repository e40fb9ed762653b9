//===- SentencePieceEncoder.h - Unigram and BPE on sentences ----*- C++ -*-===//
//
// The SentencePiece library behind a few functions, so that its header stays in
// one file.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_SENTENCEPIECEENCODER_H
#define QUIPU_RUNTIME_TOKENIZER_SENTENCEPIECEENCODER_H

#include "runtime/tokenizer/SentencePieceProto.h"

#include <memory>

namespace sentencepiece {
class SentencePieceProcessor;
} // namespace sentencepiece

namespace quipu {

/// Immutable: encode() may be called from several threads.
class SentencePieceEncoder {
public:
  /// Fails where the pieces make no model, for example without an unknown one.
  static Result<SentencePieceEncoder> create(SentencePieceProto proto);

  SentencePieceEncoder(SentencePieceEncoder &&) noexcept;
  SentencePieceEncoder &operator=(SentencePieceEncoder &&) noexcept;
  ~SentencePieceEncoder();

  /// Appends the ids of `text`, valid UTF-8; user-defined pieces are found in
  /// it, control pieces are not.
  Result<void> encode(std::string_view text, std::vector<int32_t> &ids) const;

  size_t pieceCount() const { return count; }

private:
  SentencePieceEncoder();

  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor;
  size_t count = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_SENTENCEPIECEENCODER_H
