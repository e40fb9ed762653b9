//===- ByteAlphabet.h - Bytes as printable characters -----------*- C++ -*-===//
//
// Byte-level BPE files write each byte of a token as one printable character:
// this is that mapping, GPT-2's bytes_to_unicode.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_BYTEALPHABET_H
#define QUIPU_RUNTIME_TOKENIZER_BYTEALPHABET_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quipu {

/// The character that stands for `byte`, in UTF-8: the byte's own code point
/// where Latin-1 has something printable there, else U+0100 and on.
std::string_view byteLevelCharacter(uint8_t byte);

/// `bytes` written in the alphabet.
std::string toByteLevel(std::string_view bytes);

/// The bytes that `token` stands for; none where it holds a character that is
/// not in the alphabet.
std::optional<std::string> fromByteLevel(std::string_view token);

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_BYTEALPHABET_H
