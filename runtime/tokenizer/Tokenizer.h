//===- Tokenizer.h - Text to token ids and back -----------------*- C++ -*-===//
//
// The one tokenizer interface of the runtime, over byte-level BPE and
// SentencePiece. It is made from a TokenizerSpec and needs nothing else.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_TOKENIZER_H
#define QUIPU_RUNTIME_TOKENIZER_TOKENIZER_H

#include "runtime/tokenizer/TokenizerSpec.h"

#include <memory>
#include <optional>
#include <string_view>

namespace quipu {

struct EncodeOptions {
  /// Begin and end with the bos and eos tokens that the spec asks for.
  bool addSpecial = true;
  /// Control tokens spelled out in the text become their ids. Leave this off
  /// for text that somebody else wrote.
  bool parseSpecial = false;
};

/// A part of a prompt: control tokens are read as such only in trusted parts
/// (those that a chat template wrote).
struct PromptPiece {
  std::string text;
  bool parseSpecial;
};

/// Immutable; every const member may be called from several threads.
class Tokenizer {
public:
  /// Fails where the spec does not hold together or names a bad pattern.
  static Result<Tokenizer> create(TokenizerSpec spec);

  Tokenizer(Tokenizer &&) noexcept;
  Tokenizer &operator=(Tokenizer &&) noexcept;
  ~Tokenizer();

  /// Token ids of `text`. Fails where it is not valid UTF-8.
  Result<std::vector<int32_t>> encode(std::string_view text,
                                      EncodeOptions options = {}) const;

  /// Token ids of the pieces as one text: words may reach from one piece into
  /// the next, control tokens may not.
  Result<std::vector<int32_t>> encode(std::span<const PromptPiece> pieces,
                                      bool addSpecial = true) const;

  /// Text of `ids`, with U+FFFD where they do not add up to valid UTF-8;
  /// `skipSpecial` leaves out control tokens. Ids out of range give nothing.
  std::string decode(std::span<const int32_t> ids, bool skipSpecial) const;

  /// The bytes that token `id` stands for, perhaps a part of a character.
  const std::string &piece(int32_t id) const;

  /// Id of the token written `token` in the vocabulary.
  std::optional<int32_t> find(std::string_view token) const;

  /// Control or unknown: not printed, and found in trusted text only.
  bool isSpecial(int32_t id) const;

  /// Whether a leading space of the first token is an artefact of encoding
  /// (SentencePiece's dummy prefix) that decode() takes away.
  bool hasDummyPrefix() const;

  int32_t vocabSize() const;
  int32_t bosId() const { return spec().bosId; } // -1: none
  int32_t eosId() const { return spec().eosId; } // -1: none
  const TokenizerSpec &spec() const;

private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_TOKENIZER_H
