//===- ByteAlphabet.cpp - Bytes as printable characters -------------------===//
//
// Both directions of the byte-level alphabet, from tables made at compile time.
// Every character of it is below U+0144, so one or two bytes of UTF-8.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/ByteAlphabet.h"

#include <array>

namespace quipu {

namespace {

constexpr bool isPrintable(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
         byte >= 0xae;
}

struct Alphabet {
  std::array<std::array<char, 2>, 256> text{}; // UTF-8 by byte
  std::array<uint8_t, 256> length{};           // 1 or 2
  std::array<int16_t, 0x144> byteOf{};         // by code point; -1: none
};

constexpr Alphabet makeAlphabet() {
  Alphabet alphabet;
  alphabet.byteOf.fill(-1);
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned point = isPrintable(byte) ? byte : next++;
    alphabet.byteOf[point] = static_cast<int16_t>(byte);
    if (point < 0x80) {
      alphabet.text[byte] = {static_cast<char>(point), 0};
      alphabet.length[byte] = 1;
    } else {
      alphabet.text[byte] = {static_cast<char>(0xc0 | (point >> 6)),
                             static_cast<char>(0x80 | (point & 0x3f))};
      alphabet.length[byte] = 2;
    }
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = makeAlphabet();

} // namespace

std::string_view byteLevelCharacter(uint8_t byte) {
  return {kAlphabet.text[byte].data(), kAlphabet.length[byte]};
}

std::string toByteLevel(std::string_view bytes) {
  std::string token;
  token.reserve(bytes.size() * 2);
  for (char byte : bytes)
    token += byteLevelCharacter(static_cast<uint8_t>(byte));
  return token;
}

std::optional<std::string> fromByteLevel(std::string_view token) {
  std::string bytes;
  bytes.reserve(token.size());
  for (size_t at = 0; at < token.size();) {
    unsigned point = static_cast<uint8_t>(token[at++]);
    if (point >= 0x80) {
      if (point < 0xc2 || point > 0xc5 || at == token.size())
        return std::nullopt;
      unsigned trail = static_cast<uint8_t>(token[at++]);
      if ((trail & 0xc0) != 0x80)
        return std::nullopt;
      point = (point & 0x1f) << 6 | (trail & 0x3f);
    }
    if (point >= kAlphabet.byteOf.size() || kAlphabet.byteOf[point] < 0)
      return std::nullopt;
    bytes += static_cast<char>(kAlphabet.byteOf[point]);
  }
  return bytes;
}

} // namespace quipu
