//===- TinyTokenizer.h - A vocabulary written by hand -----------*- C++ -*-===//
//
// Every byte, two special tokens and what a test's merges make: enough to see
// one rule of a tokenizer at a time.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_TINYTOKENIZER_H
#define QUIPU_TEST_RUNTIME_TINYTOKENIZER_H

#include "runtime/tokenizer/ByteAlphabet.h"
#include "runtime/tokenizer/TokenizerSpec.h"

namespace quipu {

/// Ids 0 to 255 are the bytes, 256 is control token `<|e|>`, 257 the
/// user-defined `<|u|>`; then what `merges` give, then `more`.
inline TokenizerSpec
tinySpec(std::vector<std::pair<std::string, std::string>> merges,
         std::vector<std::string> more = {}) {
  TokenizerSpec spec;
  for (int byte = 0; byte < 256; ++byte)
    spec.tokens.emplace_back(byteLevelCharacter(uint8_t(byte)));
  spec.tokens.push_back("<|e|>");
  spec.tokens.push_back("<|u|>");
  for (const auto &[left, right] : merges)
    spec.tokens.push_back(left + right);
  spec.tokens.insert(spec.tokens.end(), more.begin(), more.end());
  spec.kinds.assign(spec.tokens.size(), TokenKind::normal);
  spec.kinds[256] = TokenKind::control;
  spec.kinds[257] = TokenKind::userDefined;
  spec.merges = std::move(merges);
  return spec;
}

} // namespace quipu

#endif // QUIPU_TEST_RUNTIME_TINYTOKENIZER_H
