//===- TokenizerSpec.h - A tokenizer as data --------------------*- C++ -*-===//
//
// What the frontends read from GGUF, tokenizer.json or tokenizer.model and what
// a package stores: enough to build a Tokenizer with nothing else at hand.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_TOKENIZERSPEC_H
#define QUIPU_RUNTIME_TOKENIZER_TOKENIZERSPEC_H

#include "base/Result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace quipu {

/// Roles of a token, with the numbers that SentencePiece and GGUF use.
enum class TokenKind : uint8_t {
  normal = 1,
  unknown = 2,
  control = 3, // special: never produced from plain text, not printed
  userDefined = 4,
  unused = 5,
  byte = 6, // `<0xNN>` fallback
};

struct TokenizerSpec {
  enum class Model : uint8_t { byteLevelBpe, sentencePiece };

  Model model = Model::byteLevelBpe;
  std::vector<std::string> tokens; // by id; byte-level alphabet for BPE
  std::vector<TokenKind> kinds;    // by id
  std::vector<float> scores;       // by id; SentencePiece only
  std::vector<std::pair<std::string, std::string>> merges; // by rank; BPE only

  /// Pre-tokenizer patterns (PCRE2, UTF), applied in order, each splitting what
  /// the one before it left; BPE only.
  std::vector<std::string> splitPatterns;

  /// Text between special tokens is encoded as if a space stood before it:
  /// SentencePiece's dummy prefix. Byte-level BPE leaves it out where the text
  /// begins with a space.
  bool addPrefixSpace = false;
  bool prefixUnlessSpace = false; // SentencePiece leaves it out there as well
  bool prefixFirstOnly = false;   // not after a special token
  bool ignoreMerges = false;      // LLaMA-3: a pre-token in the vocabulary wins

  /// A serialized SentencePiece ModelProto where the model came with one;
  /// otherwise it is built from tokens, scores and kinds.
  std::string sentencePieceModel;

  int32_t bosId = -1; // -1: none
  int32_t eosId = -1;
  int32_t unknownId = -1;
  bool addBos = false;
  bool addEos = false;

  std::string chatTemplate; // Jinja source as in the file; empty: none
};

/// Whether the parts of `spec` fit together: equal counts, ids and kinds in
/// range, what its model kind needs. Tokenizer::create() asks this.
Result<void> check(const TokenizerSpec &spec);

/// The form in which a package stores a spec; deserialize() checks everything.
std::string serialize(const TokenizerSpec &spec);
Result<TokenizerSpec> deserializeTokenizer(std::span<const std::byte> bytes);

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_TOKENIZERSPEC_H
