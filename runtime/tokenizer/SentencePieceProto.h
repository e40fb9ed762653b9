//===- SentencePieceProto.h - SentencePiece model files ---------*- C++ -*-===//
//
// The part of a SentencePiece ModelProto (tokenizer.model) that LLaMA-family
// tokenizers use, read from and written to its protobuf wire format by hand:
// the library does not expose its own classes, and reads untrusted tables of
// normalization rules without checking them.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_SENTENCEPIECEPROTO_H
#define QUIPU_RUNTIME_TOKENIZER_SENTENCEPIECEPROTO_H

#include "runtime/tokenizer/TokenizerSpec.h"

#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// Field numbers and defaults are those of sentencepiece_model.proto.
struct SentencePieceProto {
  struct Piece {
    std::string text;
    float score = 0;
    TokenKind kind = TokenKind::normal;
  };
  enum class Algorithm : uint8_t {
    unigram = 1,
    bpe = 2,
    word = 3,
    character = 4
  };

  std::vector<Piece> pieces; // by id
  Algorithm algorithm = Algorithm::unigram;
  bool byteFallback = false;
  bool spaceAsSuffix = false;
  int32_t unknownId = 0;
  int32_t bosId = 1; // -1: none
  int32_t eosId = 2;
  bool addDummyPrefix = true;
  bool removeExtraWhitespaces = true;
  bool escapeWhitespaces = true;

  /// Checks every length. Fails for a model with normalization rules: LLaMA's
  /// have none.
  static Result<SentencePieceProto> parse(std::string_view bytes);

  /// The model that a GGUF file's tokens, scores and kinds describe.
  static SentencePieceProto of(const TokenizerSpec &spec);

  std::string serialize() const;
};

/// A spec with the model's pieces as tokens and `bytes` as its
/// sentencePieceModel. It adds a bos token, as LLaMA does.
Result<TokenizerSpec> readSentencePieceModel(std::string bytes);

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_SENTENCEPIECEPROTO_H
